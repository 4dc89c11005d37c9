"""A trained network as a bundle that others can use: what it is, its weights, and ONNX. Imports torch."""

import hashlib
import json
import pickle  # for the name of its error alone
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ..spaces.cost import count
from ..spaces.errors import GeniusError
from ..spaces.space import Architecture, SearchSpace
from ..tools.files import write_atomically

ABOUT_FILE, WEIGHTS_FILE, ONNX_FILE = "model.json", "weights.safetensors", "model.onnx"

_IMAGES = 4  # compared in PyTorch and in ONNX
_TOLERANCE = 1e-3  # of scores, relative to the largest of them: the two order their sums differently


@dataclass(frozen=True)
class Trained:
    """A network with its weights: made for `classes` classes and images of shape `image` (channels, height, width)."""

    space: SearchSpace
    architecture: Architecture
    network: nn.Module
    classes: int
    image: tuple[int, int, int]


def load_trained(
    space: SearchSpace, architecture: Architecture, weights: Path, image: tuple[int, int, int] | None = None
) -> Trained:
    """Build the network of an architecture with trained weights, from safetensors or a state dict that torch saved.

    `image` is the shape that the network is to be used for; None for the space's own. How many classes there are
    follows from the weights. Nothing but tensors is read from the file.

    Raises: GeniusError for a file that is neither, or that holds the weights of another network.
    """
    space.check(architecture)
    tensors = read_weights(weights)
    classes = next(reversed([tensor for tensor in tensors.values() if tensor.dim()])).shape[0]
    shape = image or space.input_shape
    network = space.build_for(architecture, classes, shape[-1])
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise GeniusError(
            f"{weights} holds the weights of another network than {list(architecture)}: {reason}"
        ) from None
    return Trained(space, architecture, network.eval(), classes, shape)


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Read a state dict; a pickle that holds anything but tensors is refused.

    Raises: GeniusError.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not path.is_file():
        raise GeniusError(f"there are no weights at {path}")
    try:
        found = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise GeniusError(f"{path} holds something other than weights, and nothing else is read from a file") from None
    except (SafetensorError, RuntimeError, ValueError, EOFError, OSError, LookupError, TypeError) as error:
        raise GeniusError(f"{path} does not hold weights: {' '.join(str(error).split())[:200]}") from None
    if not isinstance(found, dict) or not all(isinstance(tensor, torch.Tensor) for tensor in found.values()):
        raise GeniusError(f"{path} does not hold a state dict: names and their tensors")
    return found


def export(trained: Trained, folder: Path, *, onnx: bool, provenance: Mapping[str, object]) -> dict[str, object]:
    """Write a bundle into a new folder: `model.json`, `weights.safetensors` and, where asked for, `model.onnx`.

    Returns what `model.json` holds. ONNX is run beside PyTorch on random images before it counts as written.
    Raises: GeniusError where the folder holds something, `onnx` is not installed, or the two disagree.
    """
    from safetensors.torch import save_model

    if folder.exists() and any(folder.iterdir()):
        raise GeniusError(f"{folder} exists and is not empty: name another folder with --out")
    folder.mkdir(parents=True, exist_ok=True)
    save_model(trained.network, str(folder / WEIGHTS_FILE))
    cost = count(trained.network, trained.image)
    about: dict[str, object] = {
        "space": trained.space.name,
        "architecture": list(trained.architecture),
        "classes": trained.classes,
        "image": list(trained.image),
        "flops": {convention: cost.counted(convention) for convention in ("macs", "thop")},
        "params": cost.params,
        "weights": {"file": WEIGHTS_FILE, "sha256": _sha256(folder / WEIGHTS_FILE)},
        "provenance": dict(provenance),
        "torch": torch.__version__,
        "created": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }
    if onnx:
        about["onnx"] = asdict(_export_onnx(trained, folder / ONNX_FILE))
    write_atomically(folder / ABOUT_FILE, json.dumps(about, indent=2) + "\n")
    return about


@dataclass(frozen=True)
class OnnxCheck:
    """How ONNX compares with PyTorch: the largest difference of a score, and the largest score."""

    file: str
    sha256: str
    images: int
    largest_difference: float
    largest_score: float


def _export_onnx(trained: Trained, path: Path) -> OnnxCheck:
    try:
        import onnx  # noqa: F401
        import onnxruntime
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise GeniusError(
            f"ONNX needs a package that is not installed ({error.name}): pip install 'genius-nas[onnx]'"
        ) from error
    example = torch.randn(2, *trained.image, generator=torch.Generator().manual_seed(0))
    torch.onnx.export(
        trained.network,
        (example,),
        path,
        input_names=["images"],
        output_names=["scores"],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    # another number of images than it was traced with, so that the batch is seen to be free
    images = torch.randn(_IMAGES, *trained.image, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = trained.network(images).numpy()
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    scores = np.asarray(session.run(["scores"], {"images": images.numpy()})[0])
    difference, largest = float(np.abs(scores - expected).max()), float(np.abs(expected).max())
    if difference > _TOLERANCE * max(largest, 1.0):
        path.unlink()
        raise GeniusError(
            f"ONNX gives scores that differ by {difference:.2g} from PyTorch's, which reach {largest:.2g}"
        )
    return OnnxCheck(path.name, _sha256(path), _IMAGES, difference, largest)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
