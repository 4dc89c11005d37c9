"""Trained weights: writing and reading their files, and loading them into a network. Imports torch."""

import pickle  # for the name of its error alone
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from ..errors import GeniusError
from ..printable import brief, said_by
from ..record.files import replacing, sha256_of
from ..spaces.space import SearchSpace
from .card import HEADER, Card
from .job import Origin

_FEW, _MORE = 2, 3  # classes of two networks that are compared


@dataclass(frozen=True)
class Weights:
    """A state dict, the file that it was read from, and the file's card, if it has one."""

    path: Path
    tensors: Mapping[str, Tensor]
    card: Card | None = None


@dataclass(frozen=True)
class Trained:
    """A network with its trained weights, in evaluation mode; `classes` is the number of its classes."""

    space: SearchSpace
    network: nn.Module
    card: Card
    classes: int


def write_weights(network: nn.Module, card: Card, path: Path) -> None:
    """Write the weights of a network as safetensors, with their card in the header; whole or not at all."""
    save_tensors(network, {HEADER: card.text()}, path)


def save_tensors(network: nn.Module, header: dict[str, str], path: Path) -> None:
    """Write the weights of a network as safetensors with a header, whole or not at all."""
    from safetensors.torch import save_file

    # the library takes no tensors that share memory, such as tied weights, nor any that lie channels last
    weights = {n: tensor.clone(memory_format=torch.contiguous_format) for n, tensor in network.state_dict().items()}
    with replacing(path) as partial:
        partial.touch()
        mode = partial.stat().st_mode
        save_file(weights, partial, header)
        partial.chmod(mode)  # the library lets nobody but the owner read it


def read_weights(path: Path) -> Weights:
    """Read weights from safetensors, or from a state dict that torch saved.

    Raises: GeniusError where there are none; a pickle that holds anything but tensors is refused.
    """
    from safetensors import SafetensorError

    if not path.is_file():
        raise GeniusError(f"there are no weights at {path}")
    try:
        if path.suffix == ".safetensors":
            return _read_safetensors(path)
        found = torch.load(path, "cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise GeniusError(f"{path} holds something other than weights, and nothing else is read from a file") from None
    except (SafetensorError, RuntimeError, ValueError, EOFError, OSError, LookupError, TypeError) as error:
        raise GeniusError(f"{path} does not hold weights: {brief(str(error))}") from None
    if not isinstance(found, dict) or not all(isinstance(tensor, Tensor) for tensor in found.values()):
        raise GeniusError(f"{path} does not hold a state dict: names and their tensors")
    return Weights(path, found)


def read_origin(origin: Origin) -> Weights:
    """Read the weights that a training begins with.

    Raises: GeniusError where there are none, or others than when the training was planned.
    """
    if origin.weights.is_file() and sha256_of(origin.weights) != origin.sha256:
        raise GeniusError(f"{origin.weights} has changed since this training was planned: begin anew in another folder")
    return read_weights(origin.weights)


def _read_safetensors(path: Path) -> Weights:
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # it is no dict
        told = file.metadata() or {}
    # safetensors' own save_model saves a tensor of two names once, and the other name refers to it
    tensors |= {name: tensors[same] for name, same in told.items() if same in tensors and name not in tensors}
    return Weights(path, tensors, read_card(path))


def read_card(path: Path) -> Card | None:
    """Return the card in the header of a safetensors file; None where there is none.

    Raises: GeniusError where it cannot be read.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            text = (file.metadata() or {}).get(HEADER)
        return None if text is None else Card.read(text)
    except (SafetensorError, OSError, ValueError, GeniusError) as error:
        raise GeniusError(f"{path} does not hold weights: {brief(str(error))}") from None


def load_trained(space: SearchSpace, card: Card, weights: Weights) -> Trained:
    """Build the network of a card's architecture with trained weights, whose shapes give the number of classes.

    Raises: GeniusError where they are of another network, or of another number of classes than the card names.
    """
    space.check(card.architecture)
    _check_architecture(weights, card)
    classes = _count_classes(space, card, weights)
    if card.classes and classes != len(card.classes):
        raise GeniusError(f"{weights.path} is for {classes} classes, and {len(card.classes)} are named")
    network, _ = probed_network(space, card, classes)
    _load(network, weights.tensors, weights, card)
    return Trained(space, network.eval(), card, classes)


def load_body(network: nn.Module, head: Collection[str], weights: Weights, card: Card) -> None:
    """Load weights into a network of a card's architecture, each name but those of its `head`, which stays as it is.

    Raises: GeniusError where they are of another network, or for images of other channels.
    """
    _check_architecture(weights, card)
    if weights.card and weights.card.input.channels != card.input.channels:
        raise GeniusError(
            f"the weights of {weights.path} take images of {weights.card.input.channels} channels, and those to train "
            f"on have {card.input.channels}"
        )
    own = network.state_dict()
    body = {name: tensor for name, tensor in weights.tensors.items() if name not in head}
    _load(network, body | {name: own[name] for name in head}, weights, card)


def _check_architecture(weights: Weights, card: Card) -> None:
    if weights.card and weights.card.architecture != card.architecture:
        raise _of_another(weights, card, f"it says that it holds those of {list(weights.card.architecture)}")


def _load(network: nn.Module, tensors: Mapping[str, Tensor], weights: Weights, card: Card) -> None:
    own = network.state_dict()
    if odd := [n for n in own.keys() & tensors.keys() if _kind(own[n]) != _kind(tensors[n])]:
        raise _of_another(weights, card, f"{brief(min(odd))} holds numbers of another kind")
    try:
        network.load_state_dict(dict(tensors))
    except RuntimeError as error:
        raise _of_another(weights, card, " ".join(str(error).split())[:300]) from None


def _of_another(weights: Weights, card: Card, why: str) -> GeniusError:
    return GeniusError(f"{weights.path} holds the weights of another network than {list(card.architecture)}: {why}")


def _kind(tensor: Tensor) -> tuple[bool, bool]:
    return tensor.is_floating_point(), tensor.is_complex()


def probed_network(space: SearchSpace, card: Card, classes: int) -> tuple[nn.Module, int]:
    """Build a network, and run it on images so that lazy layers get their shapes; return it and its number of scores.

    Raises: GeniusError where it cannot be built or run.
    """
    # layers draw their weights from the global generator and take no other: it is put back
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        try:
            network = space.build_for(card.architecture, classes, card.input.size, card.input.channels).eval()
            scores = network(torch.zeros(2, *card.input.shape))
            return network, len(scores[0])
        except Exception as error:
            raise GeniusError(
                f"the network of {list(card.architecture)} for {classes} classes and images of shape "
                f"{list(card.input.shape)} cannot be built: {said_by(error)}"
            ) from error


def _count_classes(space: SearchSpace, card: Card, weights: Weights) -> int:
    """Infer the number of classes from the weights whose shape depends on it.

    Where no shape does, since the network takes no number of classes, it is the number of its scores.
    """
    (few, scores), (more, _) = probed_network(space, card, _FEW), probed_network(space, card, _MORE)
    larger = more.state_dict()
    for name, tensor in few.state_dict().items():
        low, high = tensor.shape, larger[name].shape
        if low != high:
            found = weights.tensors.get(name, torch.empty(0)).shape
            side = next(side for side in range(len(low)) if low[side] != high[side])
            if len(found) != len(low) or any(a == b != c for a, b, c in zip(low, high, found, strict=True)):
                raise _of_another(weights, card, f"its {brief(name)} is of shape {list(found)}")
            return max(1, _FEW + int(found[side] - low[side]) // int(high[side] - low[side]))
    return scores


def find_head(space: SearchSpace, card: Card) -> frozenset[str]:
    """Return the names of the weights of a network's head: those whose shape depends on the number of classes.

    Raises: GeniusError where there are none, or no others.
    """
    (few, _), (more, _) = (probed_network(space, card, classes) for classes in (_FEW, _MORE))
    shapes, others = ({n: w.shape for n, w in each.state_dict().items()} for each in (few, more))
    head = frozenset(name for name, shape in shapes.items() if shape != others.get(name))
    if not head or shapes.keys() != others.keys():
        raise GeniusError(
            f"the head of the networks of {space.name} cannot be told: no weight's shape depends on the number of "
            "classes; let the space's build take num_classes"
        )
    if not {name for name, _ in few.named_parameters()} - head:
        raise GeniusError(
            f"the networks of {space.name} have a head alone: nothing of their weights can be transferred"
        )
    return head


def load_detector(detector: nn.Module, path: Path) -> None:
    """Load the weights of a detector, each name of them matched.

    Raises: GeniusError where they are of another network.
    """
    try:
        detector.load_state_dict(dict(read_weights(path).tensors))
    except RuntimeError as error:
        raise GeniusError(
            f"{path} holds the weights of another detector: {' '.join(str(error).split())[:300]}"
        ) from None
