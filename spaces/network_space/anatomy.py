"""A given network, looked at once without data: its layers, the shapes that go through it, and the sizes that can vary.

Imports torch.
"""

import copy
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.nn.parameter import is_lazy
from torch.utils._pytree import tree_leaves

from ...errors import GeniusError
from ...printable import said_by
from .coupling import FAULTS, Coupling, Shape, first_shape
from .initial import Initial, note_weights
from .layers import axis_taken, layers_of
from .probe import couple

ORIGIN = "_origin"
"""The attribute of a module that holds its name in the given network, while networks are built from it."""


@dataclass(frozen=True)
class Anatomy:
    """A network and the facts about it.

    - `template`: a copy without values, on the device `meta`. `mode` tells whether it is run as in training: there some
      networks use layers that they do not use otherwise.
    - `taken`: the axis that each layer that is called goes by.
    - `given`, `gave`: the shape that each called module took and gave; `calls` how often it was called.
    - `classes`: the axes that are the number of classes; empty where the output is none of scores.
    """

    template: nn.Module
    mode: bool
    shape: Shape
    initial: Initial
    taken: dict[str, int]
    given: dict[str, Shape]
    gave: dict[str, Shape]
    calls: dict[str, int]
    coupling: Coupling
    classes: frozenset[int]

    @property
    def varied(self) -> list[int]:
        """The axes that can vary, by their roots; the classes are none of them."""
        return [root for root in self.coupling.axes.roots() if root not in self.classes]


@dataclass
class _Recorded:
    taken: dict[str, int] = field(default_factory=dict)
    given: dict[str, Shape] = field(default_factory=dict)
    gave: dict[str, Shape] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)
    out: object = None


def study(network: nn.Module, shape: Sequence[int]) -> Anatomy:
    """Look at a network, for inputs of this shape; it is left as it is.

    Where images have other channels than its first convolution takes, it is looked at with those.
    Raises: GeniusError where it does not take them, or cannot be run without data.
    """
    _check_plain(network)
    own = copy.deepcopy(network)
    if any(is_lazy(parameter) for parameter in own.parameters()):
        _try(own, tuple(shape))
    initial = note_weights(own)
    template = _without_values(own)
    images, usual, training = _recordings(network, template, tuple(shape))
    mode = training.calls.keys() > usual.calls.keys()
    told = training if mode else usual
    template.train(mode)
    coupling = couple(template, images, told.taken)
    classes = _classes(coupling, told.out)
    if classes is None:
        coupling.axes.freeze(coupling.axes.made_of(coupling.left))
        coupling, classes = couple(template, images, told.taken, coupling), frozenset()
    return Anatomy(
        template, mode, tuple(shape), initial, told.taken, told.given, told.gave, told.calls, coupling, classes
    )


def _without_values(network: nn.Module) -> nn.Module:
    """Move a network to the device `meta`, with shared tensors, which torch's own way would part; name its modules."""
    moved: dict[int, Any] = {}
    for name, module in network.named_modules():
        module.__dict__[ORIGIN] = name
        for each, old in module._parameters.items():
            if old is not None:
                fresh = nn.Parameter(old.detach().to("meta"), old.requires_grad)
                module._parameters[each] = moved.setdefault(id(old), fresh)
        for each, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[each] = moved.setdefault(id(buffer), buffer.to("meta"))
    return network


def _recordings(network: nn.Module, template: nn.Module, shape: Shape) -> tuple[Tensor, _Recorded, _Recorded]:
    """Record a network as it is used and as it is trained, on inputs of a shape, or of as many channels as it takes.

    Raises: GeniusError where it takes neither.
    """
    for each in dict.fromkeys((shape, _channels_taken(template, shape))):
        images = torch.zeros(2, *each, device="meta")
        try:
            return images, _recorded(template, images, False), _recorded(template, images, True)
        except FAULTS as error:
            fault = error
    _try(copy.deepcopy(network), shape)
    raise GeniusError(
        f"{type(network).__name__} cannot be run without data, on torch's device meta, as its space is found: "
        f"{said_by(fault)}; where it goes by the values of its tensors, or holds tensors that are neither parameters "
        "nor buffers, give it a space by hand, with a `build`"
    ) from fault


def _channels_taken(network: nn.Module, shape: Shape) -> Shape:
    """Return a shape with as many channels as a network takes whose first layer is a convolution."""
    first = next((module for module in network.modules() if isinstance(module, nn.Linear | _ConvNd)), None)
    return (first.in_channels, *shape[1:]) if isinstance(first, _ConvNd) and len(shape) > 1 else shape


def _check_plain(network: nn.Module) -> None:
    if isinstance(network, torch.jit.ScriptModule):
        raise GeniusError(f"{type(network).__name__} is compiled: give the module that it was made from")
    if whole := [n for n, p in network.named_parameters() if not p.is_floating_point()]:
        raise GeniusError(f"the parameter {whole[0]} of {type(network).__name__} holds no floats: give it unquantised")


def _try(network: nn.Module, shape: Shape) -> None:
    """Run a copy of a network on two inputs of zeros, as it is used and as it is trained.

    Raises: GeniusError where it takes none of this shape.
    """
    for mode in (False, True):
        try:
            with torch.no_grad():
                network.train(mode)(torch.zeros(2, *shape))
        except MemoryError:
            raise
        except Exception as error:
            raise GeniusError(
                f"{type(network).__name__} takes no inputs of shape {list(shape)}{' in training' * mode}: "
                f"{said_by(error)}; name the shape of one input that it takes"
            ) from error


def _recorded(template: nn.Module, images: Tensor, mode: bool) -> _Recorded:
    """Run a network on the device `meta`, and record the inputs and outputs of its modules."""
    found, layers = _Recorded(), layers_of(template)

    def enter(module: nn.Module, args: Any, told: Any) -> None:
        name, shape = getattr(module, ORIGIN), first_shape((args, told))
        found.given.setdefault(name, shape)
        found.calls[name] = found.calls.get(name, 0) + 1
        if name in layers and shape:
            found.taken.setdefault(name, axis_taken(module, shape))

    def leave(module: nn.Module, args: Any, out: Any) -> None:
        found.gave.setdefault(getattr(module, ORIGIN), first_shape(out))

    with ExitStack() as stack, torch.no_grad():
        for module in template.modules():
            stack.callback(module.register_forward_pre_hook(enter, with_kwargs=True).remove)
            stack.callback(module.register_forward_hook(leave).remove)
        found.out = template.train(mode)(images)
    return found


def _classes(coupling: Coupling, out: object) -> frozenset[int] | None:
    """Return the axes that are the number of scores; None where some of the output is anything else."""
    axes = coupling.axes
    found: set[int] = set()
    tensors = [leaf for leaf in tree_leaves(out) if isinstance(leaf, Tensor)]
    for size in coupling.left:
        roots = axes.among(size)
        if len(roots) != 1 or axes.under_trial(*roots) != size:
            return frozenset() if not axes.made_of(coupling.left) else None
        found |= roots
    same = len({axes.axes[root].size for root in found}) == 1
    return frozenset(found) if same and all(tensor.ndim == 2 for tensor in tensors) else None
