"""The levels of a network that a feature pyramid stands on: C3, C4 and C5 of RetinaNet. Imports torch.

A network names the modules of its levels itself, in an attribute `pyramid_levels`, or they are found by their strides.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from math import log2

import torch
from torch import Tensor, nn

from ..errors import GeniusError
from ..printable import brief, said_by
from .channels_last import guarded

ATTRIBUTE = "pyramid_levels"
"""The attribute of a network that names the modules of its levels, the finest first."""

_PROBE = 128, 192  # pixels: the sides differ, so that an output of 1 by 1 or one with its channels last is no level
_MOST = 3  # levels
_STRIDES = (2, 4, 8, 16, 32)
_OFF = 0.3  # octaves by which a convolution without padding may miss its stride
_HINT = f"name the modules of its levels in its attribute {ATTRIBUTE}, as in ('layer2', 'layer3', 'layer4')"


@dataclass(frozen=True)
class Level:
    """The output of a module's call, counted from 0: its stride, in pixels of the image, and its channels."""

    module: str
    call: int
    stride: int
    channels: int


@dataclass(frozen=True)
class _Output:
    """An output of a module's call, and the stride of the module's input; a stride of 0 is that of no image."""

    module: str
    call: int
    shape: torch.Size
    stride: int
    stride_in: int


class _Deepest(Exception):
    """Ends a forward pass once the deepest level is there."""


def find_levels(network: nn.Module, channels: int) -> tuple[Level, ...]:
    """Return the levels of a network for images of so many channels, the finest first.

    Of the modules that reduce an image 2, 4, 8, 16 and 32 times the deepest three count. Of each stride it is the last
    output, unless it lies within a module that takes an image of this stride and itself reduces it.

    Raises: GeniusError where the network does not take images of any size, or has no such modules.
    """
    outputs, error = _outputs(network, channels)
    named = getattr(network, ATTRIBUTE, None)
    if named is not None:
        return _by_name(named, outputs)
    if error is not None:
        raise GeniusError(
            f"the network does not take images of {_PROBE[0]} by {_PROBE[1]} pixels, and a detector's images have any "
            f"size ({said_by(error)}); where its classifier alone is to blame, {_HINT}"
        ) from error
    return _by_strides(outputs)


def outputs_at(network: nn.Module, levels: Sequence[Level], images: Tensor) -> list[Tensor]:
    """Return a network's outputs at its levels, of shape (n, channels, height, width) each, and run no further."""
    wanted = {(level.module, level.call): place for place, level in enumerate(levels)}
    found: dict[int, Tensor] = {}

    def take(name: str, call: int, taken: object, output: object) -> None:
        if (place := wanted.get((name, call))) is not None and isinstance(output, Tensor):
            found[place] = output
            # torch.export keeps a stack of calls, which an exception would leave behind
            if len(found) == len(wanted) and not torch.compiler.is_exporting():
                raise _Deepest

    with suppress(_Deepest), _heard(network, take, {level.module for level in levels}):
        network(images)
    return [found[place] for place in range(len(levels))]


def cut_behind(network: nn.Module, levels: Sequence[Level], channels: int) -> tuple[str, ...]:
    """Replace the modules that no level depends on by nothing, and return their names: the classifier's own.

    Single weights that no level depends on, within other modules, are not trained.
    """
    network.eval()
    blank = _blank(network, channels)
    with torch.enable_grad(), guarded(blank.device):
        outputs = outputs_at(network, levels, blank)
        weights = [each for each in network.parameters() if each.requires_grad]
        gradients = torch.autograd.grad([each.sum() for each in outputs], weights, allow_unused=True)
    idle = {id(each) for each, gradient in zip(weights, gradients, strict=True) if gradient is None}
    cut = tuple(_cut(network, "", idle))
    for each in network.parameters():
        each.requires_grad_(id(each) not in idle)
    return cut


def _cut(parent: nn.Module, prefix: str, idle: set[int]) -> Iterator[str]:
    for name, child in list(parent.named_children()):
        weights = list(child.parameters())
        if weights and all(id(each) in idle for each in weights):
            setattr(parent, name, nn.Identity())
            yield prefix + name
        elif weights:
            yield from _cut(child, f"{prefix}{name}.", idle)


def _outputs(network: nn.Module, channels: int) -> tuple[list[_Output], Exception | None]:
    """Run a network on a blank image; list the outputs of its modules as they come, and the error that ended it."""
    found: list[_Output] = []

    def note(name: str, call: int, taken: object, output: object) -> None:
        if isinstance(output, Tensor):
            found.append(_Output(name, call, output.shape, _stride(output), _stride(taken)))

    network.eval()
    try:
        with torch.no_grad(), _heard(network, note):
            network(_blank(network, channels))
    except MemoryError:
        raise
    except Exception as error:  # of any kind: the network is the user's own
        return found, error
    return found, None


def _stride(images: object) -> int:
    """Return how many times a batch of the probe is reduced; 0 where it is no batch of images."""
    if not isinstance(images, Tensor) or images.ndim != 4 or min(images.shape) < 1:
        return 0
    return _stride_of(images.shape[2:])


def _stride_of(sides: Iterable[int]) -> int:
    powers = [log2(whole / side) for whole, side in zip(_PROBE, sides, strict=True)]
    nearest = round(powers[0])
    return 2**nearest if nearest >= 0 and all(abs(power - nearest) < _OFF for power in powers) else 0


def _by_strides(outputs: Sequence[_Output]) -> tuple[Level, ...]:
    reducing = [each for each in outputs if each.stride_in and each.stride != each.stride_in]
    last: dict[int, tuple[int, _Output]] = {}
    for at, each in enumerate(outputs):
        inside = any(_within(each.module, other.module) and other.stride_in == each.stride for other in reducing)
        if each.stride in _STRIDES and not inside:
            last[each.stride] = at, each
    if not last:
        raise GeniusError(f"no module of the network gives an image that is reduced 2 to 32 times: {_HINT}")
    deepest = max(last)
    if any(_are_tokens(each.shape) for each in outputs[last[deepest][0] + 1 :]):
        raise GeniusError(
            "the network goes on with tokens, or with the channels last, behind its last image of channels first, and "
            f"a feature pyramid stands on such images: {_HINT}"
        )
    strides = sorted(last)[-_MOST:]
    if any(deeper != 2 * finer for finer, deeper in pairwise(strides)):
        raise GeniusError(
            f"the network's levels reduce an image {strides} times, not twice from one to the next: {_HINT}"
        )
    return tuple(_level(last[stride][1]) for stride in strides)


def _within(name: str, other: str) -> bool:
    return name != other and (not other or name.startswith(f"{other}."))


def _are_tokens(shape: torch.Size) -> bool:
    if len(shape) == 3:
        return min(shape[1:]) > 1
    return len(shape) == 4 and 0 < _stride_of(shape[1:3]) <= _STRIDES[-1] and not _stride_of(shape[2:])


def _level(output: _Output) -> Level:
    return Level(output.module, output.call, output.stride, output.shape[1])


def _by_name(named: object, outputs: Sequence[_Output]) -> tuple[Level, ...]:
    """Return the last outputs of the modules that the network names.

    Raises: GeniusError where they are no images, or not ever deeper ones.
    """
    names = list(named) if isinstance(named, tuple | list) else []
    last = {each.module: each for each in outputs if each.stride}
    if not names or not all(isinstance(name, str) and name in last for name in names):
        raise GeniusError(f"its {ATTRIBUTE} are modules that give images, channels first, got {brief(repr(named))}")
    levels = tuple(_level(last[name]) for name in names)
    strides = [level.stride for level in levels]
    if strides != sorted(set(strides)):
        raise GeniusError(f"its {ATTRIBUTE} go from the finest to the deepest, got strides {strides}")
    return levels


def _blank(network: nn.Module, channels: int) -> Tensor:
    device = next((each.device for each in network.parameters()), torch.device("cpu"))
    return torch.zeros(2, channels, *_PROBE, device=device)


@contextmanager
def _heard(
    network: nn.Module, hear: Callable[[str, int, object, object], None], names: set[str] | None = None
) -> Iterator[None]:
    """Have a function hear the name, the call, the input and the output of each call of a network's modules."""
    calls: Counter[str] = Counter()

    def hook_of(name: str) -> Callable[[nn.Module, tuple[object, ...], object], None]:
        def hook(module: nn.Module, taken: tuple[object, ...], output: object) -> None:
            calls[name] += 1
            hear(name, calls[name] - 1, taken[0] if taken else None, output)

        return hook

    chosen = [(name, module) for name, module in network.named_modules() if names is None or name in names]
    handles = [module.register_forward_hook(hook_of(name)) for name, module in chosen]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
