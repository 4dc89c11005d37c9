"""Bundles: what a colleague without this package makes of them, which weights they are made of, and what is refused."""

import json
import os
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from genius.errors import GeniusError, GeniusWarning
from genius.graph.bundle import ExportOptions, find_trained
from genius.spaces import get_space
from genius.training.card import Card, Input, input_of, unscaled
from genius.training.disk import DiskFull
from genius.training.export import export
from genius.training.feeding import measuring_batches
from genius.training.images import load_images
from genius.training.job import DataSummary, TrainingJob
from genius.training.learn import learn
from genius.training.recipes import RECIPES, override
from genius.training.weights import load_trained, read_weights, write_weights
from safetensors.torch import load_file, save_file

CPU = torch.device("cpu")
COLOURS = ("nas-bench-macro", ("epochs=8", "batch=18", "lr=0.05", "size=16", "augment=none"))
MIDDLE = (
    "search-imagenet",
    ("epochs=2", "batch=18", "lr=0.05", "size=32"),
)  # of whose images the middle is measured
TOKENS = ("vit-cifar", ("epochs=2", "warmup=0", "batch=18", "size=16"))
FAMILIES = {
    "digits": ((0, 1, 0, 1, 0, 1, 0, 1, 0), ("digits", ("epochs=6",))),
    "nas-bench-macro": ((0,) * 8, COLOURS),
    "channel-bench-mobilenet": ((1,) * 7, COLOURS),
    "channel-bench-resnet": ((1,) * 7, COLOURS),
    "nas-bench-201-cifar10": ((1, 0, 2, 4, 0, 1), COLOURS),
    "mobile-imagenet": ((0,) * 30, MIDDLE),
    "vit-cifar": ((1, 0, 0, 1, 0, 1, 1, 0, 1, 0, 1, 2, 0), TOKENS),
    "own_network:SPACE": ((0,), MIDDLE),
}


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    """Let threads of several test processes not wait for each other; find the user's own module."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    sys.path.append(os.path.dirname(__file__))
    yield
    sys.path.remove(os.path.dirname(__file__))
    torch.set_num_threads(threads)


def told(folder, **fields):
    return ExportOptions(folder, trust=True, **fields)


def colleague(tasks):
    """Have somebody else run bundles; returns their scores."""
    command = [sys.executable, "-I", str(Path(__file__).with_name("colleague.py"))]
    asked = json.dumps([[str(bundle), source, onnx] for bundle, source, onnx in tasks])
    done = subprocess.run(command, input=asked, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stderr
    return [{kind: np.array(scores) for kind, scores in one.items()} for one in json.loads(done.stdout)]


class Sent:
    """A training, its measurement, its bundle, the test images as the colleague gets them, and the right scores."""

    def __init__(self, name, root, photographs):
        architecture, (recipe, settings) = FAMILIES[name]
        data = "digits" if name == "digits" else f"folder:{photographs}"
        chosen = override(RECIPES.find(recipe), settings)
        folder = root / name.replace(":", "-")
        self.job = TrainingJob(
            space=name,
            architecture=architecture,
            seed=0,
            data=data,
            recipe=chosen,
            folder=folder,
            downloads=root,
            keep_weights=True,
        )
        self.measurement = learn(self.job)
        self.job.save()
        self.trained, origin = find_trained(str(folder), None, None, told(root))
        self.bundle = folder / "bundle"
        self.about = export(self.trained, self.bundle, onnx=True, provenance=origin)
        self.task = load_images(data, root)
        self.source = [str(path) for path in getattr(self.task.test, "paths", ())]
        if not self.source:  # images of the data set's own, which are no files
            np.savez(folder / "test.npz", images=self.task.test.images.numpy())
            self.source = str(folder / "test.npz")

    def scores(self):
        batches = measuring_batches(self.task.test, self.job.recipe, CPU)
        with torch.no_grad():
            return torch.cat([self.trained.network(images) for images, _ in batches]).numpy()


@pytest.fixture(scope="module")
def sent(photographs, tmp_path_factory):
    """Train a network of every family, and export it."""
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    root = tmp_path_factory.mktemp("sent")
    return {name: Sent(name, root, photographs) for name in FAMILIES}


@pytest.fixture(scope="module")
def received(sent):
    """Give the scores that a colleague gets of each bundle."""
    found = colleague([(one.bundle, one.source, True) for one in sent.values()])
    return dict(zip(sent, found, strict=True))


def test_a_colleague_gets_the_scores_of_the_training_from_the_bundle_alone(sent, received):
    for name, got in received.items():
        one = sent[name]
        expected, labels = one.scores(), one.task.test.labels.numpy()
        scale = np.abs(expected).max()
        for kind, scores in got.items():
            assert np.abs(scores - expected).max() < 0.03 * scale, (name, kind)
        right = 100 * (expected.argmax(1) == labels).mean()
        assert right == pytest.approx(one.measurement.test_accuracy, abs=0.2), name


def test_bytes_divided_by_255_reach_the_accuracy_of_the_training(sent, received):
    """The normalisation is in the model: what everybody feeds first is right."""
    one = sent["nas-bench-macro"]
    assert one.measurement.test_accuracy == 100
    for scores in received["nas-bench-macro"].values():
        assert (scores.argmax(1) == one.task.test.labels.numpy()).all()


def test_a_bundle_says_what_a_colleague_needs(sent):
    one = sent["mobile-imagenet"]
    about = json.loads((one.bundle / "model.json").read_text())
    assert about == json.loads(json.dumps(one.about))
    assert (about["space"], about["classes"]) == ("mobile-imagenet", 3)
    assert about["class_names"] == ["blue", "green", "red"]
    assert about["preprocessing"]["crop"]["share"] == 0.875
    assert about["preprocessing"]["resize"] == {"size": [32, 32], "interpolation": "bilinear", "antialias": True}
    assert about["preprocessing"]["normalisation"]["applied_by"] == "the model"
    assert "subtract no mean" in about["contract"]
    assert about["provenance"]["recipe"]["name"] == "search-imagenet"
    assert about["params"] < get_space("mobile-imagenet").cost_of((0,) * 30).params  # three classes, not a thousand
    files = {about[name]["file"] for name in ("weights", "sample", "program", "onnx")} | {"model.json"}
    assert files == set(os.listdir(one.bundle))
    assert len({(one.bundle / name).stat().st_mode for name in files}) == 1  # all can be read by the same people
    assert sent["digits"].about["class_names"] == list("0123456789")
    assert sent["digits"].about["image"] == [1, 8, 8]


def test_a_bundle_does_not_tell_where_it_was_made(sent):
    for name in ("model.pt2", "model.onnx", "weights.safetensors"):
        content = (sent["own_network:SPACE"].bundle / name).read_bytes()
        assert str(Path(__file__).parents[2]).encode() not in content
        assert str(Path(torch.__file__).parent).encode() not in content


@pytest.mark.parametrize("name", ["channel-bench-resnet", "own_network:SPACE"])
def test_weights_alone_say_what_they_are(sent, tmp_path, name):
    one = sent[name]
    source = tmp_path / "sent.safetensors"
    source.write_bytes(one.job.files.weights.read_bytes())
    trained, _ = find_trained(name, json.dumps(one.job.architecture), source, told(tmp_path))
    assert trained.card == one.trained.card
    again = find_trained(name, json.dumps(one.job.architecture), one.bundle / "weights.safetensors", told(tmp_path))[0]
    for found in (trained, again):
        state = found.network.state_dict()
        assert all(torch.equal(state[name], tensor) for name, tensor in one.trained.network.state_dict().items())


@pytest.mark.parametrize("name", FAMILIES)
def test_a_state_dict_of_torch_takes_what_its_training_knows(sent, tmp_path, name):
    one = sent[name]
    torch.save(one.trained.network.state_dict(), tmp_path / "plain.pt")
    trained, _ = find_trained(str(one.job.folder), None, tmp_path / "plain.pt", told(tmp_path))
    assert (trained.card, trained.classes) == (one.trained.card, one.trained.classes)


def test_weights_of_before_are_described_by_their_job(sent, tmp_path):
    """Those had no header; a job knows the recipe, and the classes of an image folder that was listed for it."""
    one = sent["mobile-imagenet"]
    old = replace(one.job, folder=tmp_path / "old", found=DataSummary(("blue", "green", "red"), 54, 6, 12))
    old.save()
    save_file(load_file(one.job.files.weights), old.files.weights)
    assert find_trained(str(old.folder), None, None, told(tmp_path))[0].card == one.trained.card
    replace(old, found=None).save()
    trained, _ = find_trained(str(old.folder), None, None, told(tmp_path))
    assert (trained.classes, trained.card) == (3, replace(one.trained.card, classes=()))


def test_foreign_weights_are_described_by_the_user(sent, photographs, tmp_path):
    one = sent["nas-bench-macro"]
    torch.save(one.trained.network.state_dict(), tmp_path / "plain.pt")
    names = ("nas-bench-macro", "00000000", tmp_path / "plain.pt")
    with pytest.warns(
        GeniusWarning, match=r"plain.pt does not say how .* on cifar10 by nas-bench-macro, without names"
    ):
        guessed, _ = find_trained(*names, told(tmp_path))
    assert (guessed.classes, guessed.card.classes, guessed.card.input.size) == (3, (), 32)
    saying = told(tmp_path, data=f"folder:{photographs}", recipe="nas-bench-macro", changes=("size=16",))
    assert find_trained(*names, saying)[0].card == one.trained.card
    own = sent["own_network:SPACE"]
    torch.save(own.trained.network.state_dict(), tmp_path / "own.pt")
    with pytest.raises(GeniusError, match=r"has no data set of its own to train on: name a data set and a recipe"):
        find_trained("own_network:SPACE", "[0]", tmp_path / "own.pt", told(tmp_path))


async def test_the_best_of_a_run_is_exported_with_its_weights(tmp_path):
    import genius

    best = (2, 2, 2, 2, 2, 2, 2, 2, 2)
    found = await genius.search(
        "digits", proposer="largest", evaluator=lambda architecture: 50.0, iterations=1, run=tmp_path / "run"
    )
    assert found.best.architecture == best
    space = get_space("digits")
    card = Card("digits", best, tuple("abc"), input_of("floats", RECIPES.find("digits"), 8, unscaled(1)))
    write_weights(space.build_for(best, 3, 8), card, tmp_path / "w.safetensors")
    trained, origin = find_trained(str(tmp_path / "run"), None, tmp_path / "w.safetensors", told(tmp_path))
    assert (trained.card, trained.classes, origin) == (card, 3, {"weights": "w.safetensors"})


# --- what is refused


DIGITS = get_space("digits")
SMALL = (0, 1, 0, 1, 0, 1, 0, 1, 0)
CARD = Card("digits", SMALL, (), input_of("floats", RECIPES.find("digits"), 8, unscaled(1)))


@pytest.fixture
def weights(tmp_path):
    """Write weights for 7 classes that no training has seen."""
    torch.save(DIGITS.build_for(SMALL, 7, 8).state_dict(), tmp_path / "weights.pt")
    return tmp_path / "weights.pt"


def test_the_number_of_classes_is_that_of_the_weights(weights, tmp_path):
    assert load_trained(DIGITS, CARD, read_weights(weights)).classes == 7
    with pytest.raises(GeniusError, match=r"weights.pt is for 7 classes, and 3 are named$"):
        load_trained(DIGITS, replace(CARD, classes=("a", "b", "c")), read_weights(weights))
    sideways = {f"zz.{name}": tensor for name, tensor in torch.load(weights).items()}
    torch.save(sideways, tmp_path / "other.pt")
    with pytest.raises(GeniusError, match="weights of another network"):
        load_trained(DIGITS, CARD, read_weights(tmp_path / "other.pt"))


def test_weights_of_another_architecture_of_the_same_shape_are_refused(weights, tmp_path):
    """Those of a cell with a pooling in the place of a shortcut fit without a complaint of torch's."""
    cells = get_space("nas-bench-201-cifar10")
    pool, skip = (4, 0, 0, 0, 0, 1), (1, 0, 0, 0, 0, 4)
    card = Card(cells.name, pool, (), Input(3, 32, 1.0, False, (0.5,) * 3, (0.5,) * 3))
    write_weights(cells.build_for(pool, 10, 32), card, tmp_path / "pool.safetensors")
    with pytest.raises(GeniusError, match=r"another network than \[1, 0, 0, 0, 0, 4\]: it says that it holds those of"):
        load_trained(cells, replace(card, architecture=skip), read_weights(tmp_path / "pool.safetensors"))
    with pytest.raises(GeniusError, match="weights of another network"):
        load_trained(DIGITS, replace(CARD, architecture=(2,) * 9), read_weights(weights))


def test_numbers_that_are_no_weights_are_refused(weights, tmp_path):
    whole = {name: tensor.round().long() for name, tensor in torch.load(weights).items()}
    torch.save(whole, tmp_path / "whole.pt")
    with pytest.raises(GeniusError, match="holds numbers of another kind"):
        load_trained(DIGITS, CARD, read_weights(tmp_path / "whole.pt"))
    nan = {
        name: tensor * (torch.nan if tensor.is_floating_point() else 1) for name, tensor in torch.load(weights).items()
    }
    torch.save(nan, tmp_path / "nan.pt")
    with pytest.raises(GeniusError, match="scores that are not finite"):
        export(load_trained(DIGITS, CARD, read_weights(tmp_path / "nan.pt")), tmp_path / "b", onnx=False, provenance={})
    assert not (tmp_path / "b").exists()


class _Trap:
    def __reduce__(self):
        return print, ("opened",)


def test_nothing_but_weights_is_read(tmp_path, capsys):
    (tmp_path / "trap.pt").write_bytes(pickle.dumps({"weight": _Trap()}))
    torch.save({"weight": _Trap()}, tmp_path / "trap2.pt")
    (tmp_path / "noise.pt").write_bytes(b"\x00\x01noise")
    (tmp_path / "empty.pt").write_bytes(b"")
    torch.save([1, 2], tmp_path / "list.pt")
    torch.save({1: torch.zeros(1)}, tmp_path / "numbers.pt")
    for name in ("trap.pt", "trap2.pt", "noise.pt", "empty.pt", "list.pt", "numbers.pt", "none.pt"):
        with pytest.raises(GeniusError, match=name) as caught:
            load_trained(DIGITS, CARD, read_weights(tmp_path / name))
        assert "\n" not in str(caught.value)
    assert "opened" not in capsys.readouterr().out


def header(length, text):
    return length.to_bytes(8, "little") + text


GOOD = json.loads(CARD.text())
TENSOR = b'{"a":{"dtype":"F32","shape":[%s],"data_offsets":[0,4]}}'
HOSTILE = {
    "noise": b"\x00\x01noise",
    "empty": b"",
    "length": header(2**63, b"{}"),
    "cut": header(200, b'{"a":'),
    "no text": header(4, b"\xff\xff\xff\xff"),
    "deep": header(200_000, b"[" * 200_000),
    "huge": header(len(TENSOR % b"4611686018427387904"), TENSOR % b"4611686018427387904") + bytes(4),
    "behind": header(len(TENSOR % b"1"), TENSOR % b"1"),
}
SAID = {
    "no JSON": "{",
    "deep": "[" * 100_000,
    "no object": "[]",
    "empty": "{}",
    "names": json.dumps(GOOD | {"classes": [1, 2]}),
    "architecture": json.dumps(GOOD | {"architecture": ["__import__"]}),
    "size": json.dumps(GOOD | {"input": GOOD["input"] | {"size": 10**9}}),
    "sd": json.dumps(GOOD | {"input": GOOD["input"] | {"sd": [0.0]}}),
    "mean": json.dumps(GOOD | {"input": GOOD["input"] | {"mean": [float("nan")]}}),
    "more": json.dumps(GOOD | {"input": GOOD["input"] | {"path": "/etc/passwd"}}),
    "digits": '{"architecture": [' + "1" * 5000 + "]}",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_header_is_one_sentence(tmp_path, content):
    (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(GeniusError, match=r"w\.safetensors does not hold weights: ") as caught:
        read_weights(tmp_path / "w.safetensors")
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("text", SAID.values(), ids=SAID)
def test_what_weights_say_of_themselves_is_checked(tmp_path, text):
    save_file({"a": torch.zeros(1)}, tmp_path / "w.safetensors", {"genius": text})
    with pytest.raises(GeniusError, match=r"w\.safetensors does not hold weights: its own card") as caught:
        read_weights(tmp_path / "w.safetensors")
    assert len(str(caught.value)) < 600


def test_nothing_that_weights_name_is_imported_or_opened(tmp_path, monkeypatch):
    (tmp_path / "evil.py").write_text("raise SystemExit('imported')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    said = replace(CARD, space="evil:SPACE", classes=("../../etc/passwd", "\x1b[31mred", "\udcff"))
    write_weights(DIGITS.build_for(SMALL, 3, 8), said, tmp_path / "w.safetensors")
    trained, origin = find_trained("digits", json.dumps(SMALL), tmp_path / "w.safetensors", told(tmp_path))
    about = export(trained, tmp_path / "bundle", onnx=False, provenance=origin)
    assert "evil" not in sys.modules
    assert about["space"] == "digits"
    assert json.loads((tmp_path / "bundle" / "model.json").read_text())["class_names"] == list(said.classes)


def test_a_training_without_weights_and_a_task_of_other_images_are_one_sentence(digits_job, weights, tmp_path):
    job = digits_job(folder=tmp_path / "t", architecture=SMALL)
    job.save()
    with pytest.raises(GeniusError, match=rf"^{tmp_path / 't'} holds no weights: its training has not come to its end"):
        find_trained(str(job.folder), None, None, told(tmp_path))
    saying = told(tmp_path, data="cifar10", recipe="nas-bench-macro")
    with pytest.raises(GeniusError, match="the data set cifar10 is not in"):
        find_trained("digits", json.dumps(SMALL), weights, saying)
    saying = told(tmp_path, recipe="nas-bench-macro", changes=("size=8",))
    assert find_trained("digits", json.dumps(SMALL), weights, saying)[0].card.input.size == 8


def test_what_cannot_be_traced_and_images_that_are_too_small_are_one_sentence(tmp_path):
    choosy = get_space("own_network:CHOOSY")
    card = Card("own_network:CHOOSY", (0,), (), Input(3, 16, 1.0, True, (0.5,) * 3, (0.5,) * 3))
    network = choosy.build((0,))
    network(torch.ones(1, 3, 16, 16))
    torch.save(network.state_dict(), tmp_path / "w.pt")
    trained = load_trained(choosy, card, read_weights(tmp_path / "w.pt"))
    with pytest.raises(GeniusError, match=r"^torch.export cannot trace the network of \[0\]: ") as caught:
        export(trained, tmp_path / "bundle", onnx=False, provenance={})
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("*bundle*"))
    with pytest.raises(GeniusError, match=r"the size of images is from 1 to 4096 pixels, got 0"):
        CARD.at(0)
    mobile = Card("mobile-imagenet", (0,) * 30, (), Input(3, 16, 1.0, True, (0.5,) * 3, (0.5,) * 3))
    with pytest.raises(GeniusError, match=r"cannot be built: ValueError: images must be at least 32 pixels"):
        load_trained(get_space("mobile-imagenet"), mobile, read_weights(tmp_path / "w.pt"))


def test_a_bundle_is_there_whole_or_not_at_all(weights, tmp_path, monkeypatch):
    trained = load_trained(DIGITS, CARD, read_weights(weights))
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine").write_text("")
    (tmp_path / "file").write_text("")
    for place in ("taken", "file"):
        with pytest.raises(GeniusError, match=rf"{place} exists and is not empty: name another folder with --out"):
            export(trained, tmp_path / place, onnx=False, provenance={})
    with pytest.raises(GeniusError, match=r"^cannot write the bundle .*/file/bundle: Not a directory$"):
        export(trained, tmp_path / "file" / "bundle", onnx=False, provenance={})
    before = sorted(os.listdir(tmp_path))
    monkeypatch.setattr(torch.export, "save", _no_room)
    with pytest.raises(GeniusError, match=f"^the disk of {tmp_path} is full: free some space$"):
        export(trained, tmp_path / "bundle", onnx=False, provenance={})
    assert sorted(os.listdir(tmp_path)) == before
    monkeypatch.undo()
    (tmp_path / "empty").mkdir()
    export(trained, tmp_path / "empty", onnx=False, provenance={})
    assert (tmp_path / "empty" / "model.json").is_file()


@pytest.mark.skipif(sys.platform != "linux", reason="needs a tmpfs")
@pytest.mark.parametrize("size", [4, 24, 60])
def test_a_full_disk_is_said_and_leaves_nothing(weights, tmp_path, size):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        with pytest.raises(DiskFull, match=f"^the disk of {disk} is full: free some space$"):
            export(load_trained(DIGITS, CARD, read_weights(weights)), disk / "bundle", onnx=False, provenance={})
        assert os.listdir(disk) == []
    finally:
        subprocess.run(["umount", disk], check=True)


def _no_room(*arguments, **named):
    raise OSError(28, os.strerror(28))
