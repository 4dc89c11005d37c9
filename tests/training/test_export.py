"""Bundles: weights of both formats, ONNX beside PyTorch, and what is refused."""

import json
import pickle

import pytest
import torch
from genius.spaces import get_space
from genius.spaces.errors import GeniusError
from genius.training.export import export, load_trained, read_weights
from safetensors.torch import load_file

DIGITS = get_space("digits")


def trained(folder, architecture=(0, 1, 0, 1, 0, 1, 0, 1, 0), classes=7):
    """Save weights that no training has seen; returns their path."""
    network = DIGITS.build_for(architecture, classes, 8)
    torch.save(network.state_dict(), folder / "weights.pt")
    return folder / "weights.pt"


def test_a_bundle_holds_architecture_weights_costs_and_where_they_are_from(tmp_path):
    architecture = (0, 1, 0, 1, 0, 1, 0, 1, 0)
    found = load_trained(DIGITS, architecture, trained(tmp_path))
    about = export(found, tmp_path / "bundle", onnx=False, provenance={"recipe": "none"})
    assert about == json.loads((tmp_path / "bundle" / "model.json").read_text())
    assert (about["architecture"], about["classes"], about["image"]) == (list(architecture), 7, [1, 8, 8])
    # three classes fewer than the space's own: the last layer is that much smaller
    assert about["params"] < DIGITS.cost(architecture).params
    assert set(about["flops"]) == {"macs", "thop"}
    assert about["provenance"] == {"recipe": "none"}
    weights = load_file(tmp_path / "bundle" / "weights.safetensors")
    again = load_trained(DIGITS, architecture, tmp_path / "bundle" / "weights.safetensors")
    assert all(torch.equal(weights[name], tensor) for name, tensor in again.network.state_dict().items())
    with pytest.raises(GeniusError, match="exists and is not empty"):
        export(found, tmp_path / "bundle", onnx=False, provenance={})


def test_onnx_gives_the_same_scores_for_any_number_of_images(tmp_path):
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    found = load_trained(DIGITS, (0, 1, 0, 1, 0, 1, 0, 1, 0), trained(tmp_path))
    about = export(found, tmp_path / "bundle", onnx=True, provenance={})
    assert about["onnx"]["largest_difference"] < 1e-3 * about["onnx"]["largest_score"]
    session = runtime.InferenceSession(str(tmp_path / "bundle" / "model.onnx"), providers=["CPUExecutionProvider"])
    images = torch.rand(5, 1, 8, 8)
    (scores,) = session.run(["scores"], {"images": images.numpy()})
    with torch.no_grad():
        assert torch.allclose(torch.from_numpy(scores), found.network(images), atol=1e-4)


class _Trap:
    def __reduce__(self):
        return print, ("opened",)


def test_nothing_but_weights_of_this_network_is_read(tmp_path, capsys):
    (tmp_path / "trap.pt").write_bytes(pickle.dumps({"weight": _Trap()}))
    torch.save({"weight": _Trap()}, tmp_path / "trap2.pt")
    (tmp_path / "noise.pt").write_bytes(b"\x00\x01noise")
    (tmp_path / "noise.safetensors").write_bytes(b"\x00\x01noise")
    torch.save([1, 2], tmp_path / "list.pt")
    for name in ("trap.pt", "trap2.pt", "noise.pt", "noise.safetensors", "list.pt", "none.pt"):
        with pytest.raises(GeniusError, match=name):
            read_weights(tmp_path / name)
    assert "opened" not in capsys.readouterr().out
    with pytest.raises(GeniusError, match="weights of another network"):
        load_trained(DIGITS, (2,) * 9, trained(tmp_path))
