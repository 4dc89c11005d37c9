"""A trained network as a bundle that others can use without this package. Imports torch."""

import io
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from ..errors import GeniusError
from ..printable import brief
from ..record.files import replacing, sha256_of, write_atomically
from ..spaces.cost import count
from .card import Card, Input
from .decoding import DECODING
from .disk import told_when_full
from .weights import Trained, write_weights

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

ABOUT_FILE, WEIGHTS_FILE, PROGRAM_FILE, ONNX_FILE = "model.json", "weights.safetensors", "model.pt2", "model.onnx"
SAMPLE_FILE = "sample.npz"
IMAGES, SCORES = "images", "scores"

_TRACED, _SAMPLES = 2, 3  # images; two numbers, so that the sample proves that any batch size works
_TOLERANCE = 1e-3  # of scores, relative to the largest of them: other runtimes order their sums differently


class Normalised(nn.Module):
    """A network that takes values from 0 to 1 and normalises them itself."""

    mean: Tensor
    sd: Tensor

    def __init__(self, trained: Trained) -> None:
        super().__init__()
        taken = trained.card.input
        self.network = trained.network
        self.register_buffer("mean", torch.tensor(taken.mean)[:, None, None])
        self.register_buffer("sd", torch.tensor(taken.sd)[:, None, None])

    def forward(self, images: Tensor) -> Tensor:
        """Map images of shape (n, channels, height, width) to scores of shape (n, classes)."""
        scores: Tensor = self.network((images - self.mean) / self.sd)
        return scores


@dataclass(frozen=True)
class Check:
    """The comparison of an exported file's scores with PyTorch's: the largest difference, and the largest score."""

    file: str
    sha256: str
    largest_difference: float
    largest_score: float


@dataclass(frozen=True)
class Sample:
    """Images of values from 0 to 1, and the scores that PyTorch gives them."""

    images: Tensor
    scores: Tensor


def export(trained: Trained, folder: Path, *, onnx: bool, provenance: Mapping[str, object]) -> dict[str, object]:
    """Write a bundle into a new folder, whole or not at all; return the content of its `model.json`.

    The bundle also holds `weights.safetensors`, the `torch.export` program `model.pt2`, `model.onnx` where asked for,
    and `sample.npz`, images with their scores. The program and the ONNX file are run on these images first.

    Raises: GeniusError where the folder holds something, `onnx` is not installed, or scores disagree; DiskFull.
    """
    if onnx:
        import_onnx()
    with told_when_full(folder.parent), whole_folder(folder) as part:
        network = Normalised(trained).eval()
        sample, program = _sample(network, trained.card.input), _program(network, trained.card)
        about = _about(trained) | {"provenance": dict(provenance)}
        about |= _write_data(trained, sample, part)
        about["program"] = asdict(_write_program(program, part / PROGRAM_FILE, about, sample))
        if onnx:
            about["onnx"] = asdict(_write_onnx(program, part / ONNX_FILE, about, sample))
        write_atomically(part / ABOUT_FILE, json.dumps(about, indent=2) + "\n")
    return about


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Yield a partial folder to write into, which takes the place of `folder` at the end, or is removed on failure.

    Raises: GeniusError where the place is taken, or cannot be written.
    """
    place = Path(os.path.realpath(folder))
    try:
        if place.exists() and (not place.is_dir() or any(place.iterdir())):
            raise GeniusError(f"{folder} exists and is not empty: name another folder with --out")
        with replacing(place) as partial:
            partial.mkdir(parents=True)
            yield partial
    except OSError as error:
        raise GeniusError(f"cannot write the bundle {folder}: {error.strerror or error}") from error


def _about(trained: Trained) -> dict[str, object]:
    """Describe the network, its input and its output."""
    card, taken = trained.card, trained.card.input
    cost = count(trained.network, taken.shape)
    return {
        "space": trained.space.name,
        "architecture": list(card.architecture),
        "classes": trained.classes,
        "class_names": list(card.classes) or None,
        "image": list(taken.shape),
        "contract": _contract(taken),
        "input": {"name": IMAGES, "type": "float32", "shape": ["batch", *taken.shape], "values": [0, 1]},
        "output": {
            "name": SCORES,
            "shape": ["batch", trained.classes],
            "values": "logits, ordered as class_names",
        },
        "preprocessing": _preprocessing(taken),
        "flops": {convention: cost.counted(convention) for convention in ("macs", "thop")},
        "params": cost.params,
        "torch": torch.__version__,
        "created": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def _contract(taken: Input) -> str:
    shape = ", ".join(map(str, taken.shape))
    return (
        f"{IMAGES} are float32 of shape (batch, {shape}), {colours(taken.channels)}, values from 0 (black) to 1 "
        "(white), as bytes divided by 255 are; the model normalises them itself: subtract no mean from them"
    )


def colours(channels: int) -> str:
    """Describe the channels of an image in a word."""
    return {1: "grey", 3: "RGB"}.get(channels, f"{channels} channels")


def _preprocessing(taken: Input) -> dict[str, object]:
    """Describe the preprocessing of an image file, step by step."""
    return {
        "decoding": DECODING,
        "channels": colours(taken.channels),
        "layout": "NCHW",
        "crop": {"rule": "the central square; its side is a share of the shorter side, rounded", "share": taken.kept},
        "resize": {"size": [taken.size] * 2, "interpolation": "bilinear", "antialias": taken.antialias},
        "scale": {"bytes_divided_by": 255, "values": [0, 1]},
        "normalisation": {"mean": list(taken.mean), "sd": list(taken.sd), "applied_by": "the model"},
    }


def _sample(network: nn.Module, taken: Input) -> Sample:
    images = torch.rand(_SAMPLES, *taken.shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        scores = network(images)
    if not scores.isfinite().all():
        raise GeniusError("the network gives scores that are not finite: its weights are no use")
    return Sample(images, scores)


def _write_data(trained: Trained, sample: Sample, folder: Path) -> dict[str, object]:
    """Write the weights and the sample; return their file names and SHA-256."""
    write_weights(trained.network, trained.card, folder / WEIGHTS_FILE)
    np.savez(folder / SAMPLE_FILE, images=sample.images.numpy(), scores=sample.scores.numpy())
    files = {"weights": folder / WEIGHTS_FILE, "sample": folder / SAMPLE_FILE}
    return {name: {"file": path.name, "sha256": sha256_of(path)} for name, path in files.items()}


def _program(network: nn.Module, card: Card) -> ExportedProgram:
    """Trace a network for any number of images, and remove the stack traces, which hold paths of this machine."""
    example = torch.zeros(_TRACED, *card.input.shape)
    try:
        program = torch.export.export(network, (example,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    except Exception as error:  # of any kind: the network is the user's own
        reason = brief(str(error).strip().split("\n")[0])
        raise GeniusError(f"torch.export cannot trace the network of {list(card.architecture)}: {reason}") from error
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)
    return program


def _write_program(program: ExportedProgram, path: Path, about: Mapping[str, object], sample: Sample) -> Check:
    held = io.BytesIO()
    torch.export.save(program, held, extra_files={ABOUT_FILE: json.dumps(about)})
    path.write_bytes(held.getvalue())
    with torch.no_grad():
        scores = torch.export.load(io.BytesIO(held.getvalue())).module()(sample.images)
    return _checked(path, scores.numpy(), sample)


def import_onnx() -> None:
    """Raises GeniusError where a package of the extra `onnx` is not installed."""
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise GeniusError(
            f"ONNX needs a package that is not installed ({error.name}): pip install 'genius-nas[onnx]'"
        ) from error


def _write_onnx(program: ExportedProgram, path: Path, about: Mapping[str, object], sample: Sample) -> Check:
    session = saved_onnx(program, path, about, [SCORES])
    return _checked(path, np.asarray(session.run([SCORES], {IMAGES: sample.images.numpy()})[0]), sample)


def saved_onnx(
    program: ExportedProgram, path: Path, about: Mapping[str, object], outputs: Sequence[str]
) -> "InferenceSession":
    """Write ONNX, with the fields of `model.json` so far in its metadata; return it opened."""
    import onnx
    import onnxruntime

    torch.onnx.export(
        program,
        f=path,
        input_names=[IMAGES],
        output_names=list(outputs),
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {name: _text(value) for name, value in about.items()})
    model.graph.input[0].doc_string = str(about["contract"])
    onnx.save(model, path)
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _checked(path: Path, scores: npt.NDArray[np.float32], sample: Sample) -> Check:
    """Compare the scores of an exported file with those of the sample.

    Raises: GeniusError where they differ by more than the tolerance.
    """
    expected = sample.scores.numpy()
    difference, largest = float(np.abs(scores - expected).max()), float(np.abs(expected).max())
    if not difference <= _TOLERANCE * max(largest, 1.0):
        raise GeniusError(
            f"{path.name} gives scores that differ by {difference:.2g} from PyTorch's, which reach {largest:.2g}"
        )
    return Check(path.name, sha256_of(path), difference, largest)
