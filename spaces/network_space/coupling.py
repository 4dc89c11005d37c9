"""The sizes of a network that can vary, and which of them are one. Imports torch."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from .axes import Axes, Axis
from .layers import fit_input, set_output

FAULTS = (RuntimeError, ValueError, TypeError, IndexError, AssertionError, NotImplementedError)
"""The exceptions of torch and of a network's own checks where sizes do not fit."""

Shape = tuple[int, ...]


@dataclass
class Coupling:
    """The sizes of a network that can vary, and the sizes bound to them.

    - `attributes`: numbers of modules that a forward pass uses as sizes: module, attribute, axis, and the number.
    - `divisors`: the number that divides each axis, by its root.
    - `entering`, `leaving`: the sizes under trial of each module's input and output, by its name.
    - `pooled`: the channels under trial that each module pools by means.
    - `left`: the sizes under trial of all that the network gave, but for the batch's.
    """

    axes: Axes
    attributes: list[tuple[str, str, int, int]] = field(default_factory=list)
    divisors: dict[int, int] = field(default_factory=dict)
    entering: dict[str, Shape] = field(default_factory=dict)
    leaving: dict[str, Shape] = field(default_factory=dict)
    pooled: dict[str, list[int]] = field(default_factory=dict)
    left: tuple[int, ...] = ()

    def bind(self, network: nn.Module, size_of: Mapping[int, int]) -> None:
        """Give a network's producers, parameters and attributes the sizes of their axes, by the roots of these."""
        modules = dict(network.named_modules())
        for at, axis in enumerate(self.axes.axes):
            if (root := self.axes.root(at)) in size_of:
                _set_axis(modules[axis.module], axis, self.axes.sized(at, size_of[root]))
        for name, attribute, at, number in self.attributes:
            if (root := self.axes.root(at)) in size_of:
                setattr(modules[name], attribute, number * size_of[root] // self.axes.axes[root].size)


def _set_axis(module: nn.Module, axis: Axis, size: int) -> None:
    if not axis.parameter:
        set_output(module, size)
        return
    old = module._parameters[axis.parameter]
    assert old is not None
    shape = [*old.shape]
    shape[axis.axis] = size
    module._parameters[axis.parameter] = nn.Parameter(old.new_empty(shape), old.requires_grad)


def first_tensor(told: object) -> Tensor | None:
    """Return the first tensor among arguments, or among a module's outputs."""
    return next((leaf for leaf in tree_leaves(told) if isinstance(leaf, Tensor)), None)


def first_shape(told: object) -> Shape:
    """Return the shape of the first tensor."""
    found = first_tensor(told)
    return () if found is None else tuple(found.shape)


@contextmanager
def fitting(network: nn.Module, layers: Mapping[str, nn.Module], taken: Mapping[str, int]) -> Iterator[None]:
    """Have layers fit themselves to their inputs, along the axes that they take."""
    with ExitStack() as stack:
        for name, layer in layers.items():

            def fit_to(module: nn.Module, args: Any, told: Any, at: int = taken.get(name, 0)) -> None:
                if at and (shape := first_shape((args, told))):
                    fit_input(module, shape[at])

            stack.callback(layer.register_forward_pre_hook(fit_to, with_kwargs=True).remove)
        yield
