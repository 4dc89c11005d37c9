"""Runs of a network without data, which find the sizes that must be one. Imports torch.

Every layer gets an output size of its own, and fits itself to its input. Where an operation refuses two sizes
that were one in the network, as a sum does, they are joined; where it refuses for another reason, the sizes that it was
given are left as they are. So no operation has to be known.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from math import lcm
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map

from ...errors import GeniusError
from ...printable import said_by
from ..operators import POOLING
from .axes import Axes, Axis
from .coupling import FAULTS, Coupling, first_shape
from .layers import divisor, fit_input, layers_of, output_size, produces


class _Again(Exception):
    """The run begins again: axes were joined or left as they are."""


def couple(network: nn.Module, images: Tensor, taken: Mapping[str, int], begun: Coupling | None = None) -> Coupling:
    """Find the sizes of a network on the device `meta` that can vary, and which of them are one.

    `images` are such as it takes, there too; `taken` is the axis that each layer that was called goes by. With `begun`
    it goes on from there.
    Raises: GeniusError where the network cannot be run there.
    """
    layers = layers_of(network)
    unit = lcm(8, *map(divisor, layers.values()), *_numbers_of_parts(network))
    unit *= -(-images[0].numel() // (500 * unit))
    found = begun or Coupling(Axes(list(_axes(network, layers, taken)), unit))
    while True:
        _settle(network, images, taken, found)
        frozen = set(found.axes.frozen)
        if not _divide(network, images, taken, found) and found.axes.frozen == frozen:
            return found


def _settle(network: nn.Module, images: Tensor, taken: Mapping[str, int], found: Coupling) -> None:
    """Run a network until its axes are found: no more are joined, nor left as they are."""
    while True:
        probe = _Probe(copy.deepcopy(network), found, taken)
        try:
            probe.run(images)
        except _Again:
            continue
        if not probe.joined:
            return


def _divide(network: nn.Module, images: Tensor, taken: Mapping[str, int], found: Coupling) -> bool:
    """Find the numbers that divide axes: run the network with sizes that nothing divides, until that succeeds.

    Returns whether axes were joined.
    """
    roots = set(found.axes.roots())
    for factor in (1, 2):
        axes = found.axes.divided_by(found.divisors, factor)
        _settle(network, images, taken, trial := Coupling(axes, found.attributes, found.divisors))
        numbers = {root: lcm(axes.units.get(root, 1), trial.divisors.get(root, 1)) for root in axes.roots()}
        found.divisors = numbers
    return {found.axes.root(root) for root in roots} != roots


def _axes(network: nn.Module, layers: Mapping[str, nn.Module], taken: Mapping[str, int]) -> Iterator[Axis]:
    covered = {id(part) for layer in layers.values() for part in layer.modules()}
    for name, module in network.named_modules():
        if name in layers and name in taken and produces(module):
            yield Axis(name, output_size(module))
        elif id(module) not in covered and type(module).forward is not nn.Module.forward and _is_own(module):
            for parameter, value in module._parameters.items():
                for at, size in enumerate(value.shape if value is not None else ()):
                    if size > 1:
                        yield Axis(name, size, parameter, at)


def _is_own(module: nn.Module) -> bool:
    """Tell a module that a user or a library on top of torch wrote; torch's own layers know their sizes."""
    return not type(module).__module__.startswith("torch.nn.")


def _numbers_of_parts(network: nn.Module) -> list[int]:
    """Return the numbers of heads and groups that modules which are none of torch's hold."""
    numbers = [
        value
        for module in filter(_is_own, network.modules())
        for name, value in vars(module).items()
        if ("head" in name or "group" in name) and "dim" not in name and type(value) is int
    ]
    return [value for value in numbers if 1 < value <= 64]


class _Probe(TorchFunctionMode):
    """One run with all sizes under trial."""

    def __init__(self, network: nn.Module, found: Coupling, taken: Mapping[str, int]) -> None:
        super().__init__()
        self.network, self.found, self.axes, self.taken = network, found, found.axes, taken
        self.layers = layers_of(network)
        self.stack: list[tuple[str, nn.Module, Sequence[int]]] = []
        self.fitted: dict[str, int] = {}
        self.joined = False
        for shapes in (found.entering, found.leaving, found.pooled):
            shapes.clear()
        found.bind(network, {root: self.axes.under_trial(root) for root in self.axes.roots()})

    def run(self, images: Tensor) -> None:
        """Run the network; raises _Again after each change but those that a run survives."""
        with ExitStack() as stack:
            for name, module in self.network.named_modules():
                stack.callback(module.register_forward_pre_hook(self._enter(name), with_kwargs=True).remove)
                stack.callback(module.register_forward_hook(self._leave(name)).remove)
            try:
                with torch.no_grad(), self:
                    out = self.network(images)
            except FAULTS as error:
                self._blame_module(error)
        self.found.left = tuple(
            size for leaf in tree_leaves(out) if isinstance(leaf, Tensor) for size in leaf.shape[1:]
        )

    def _enter(self, name: str) -> Any:
        def enter(module: nn.Module, args: Any, told: Any) -> Any:
            tensors = [leaf for leaf in tree_leaves((args, told)) if isinstance(leaf, Tensor)]
            self.stack.append((name, module, [size for tensor in tensors for size in tensor.shape]))
            if tensors:
                self.found.entering.setdefault(name, tuple(tensors[0].shape))
            if name in self.layers and name in self.taken and tensors:
                self._fit(name, module, tensors[0].shape[self.taken[name]])

        return enter

    def _leave(self, name: str) -> Any:
        def leave(module: nn.Module, args: Any, out: Any) -> None:
            self.stack.pop()
            self.found.leaving[name] = first_shape(out)

        return leave

    def _fit(self, name: str, layer: nn.Module, size: int) -> None:
        if name in self.fitted and self.fitted[name] != size:  # it is called again
            self._meet([self.fitted[name], size])
            raise _Again
        if (number := divisor(layer)) > 1:
            self._divide(self.axes.among(size) | self.axes.among(_output(layer)), number)
        self.fitted[name] = size
        fit_input(layer, size)

    def _divide(self, axes: frozenset[int], number: int) -> None:
        for root in axes:
            self.found.divisors[root] = lcm(self.found.divisors.get(root, 1), number)

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        told = kwargs or {}
        try:
            out = func(*args, **told)
        except FAULTS:
            out = self._resolve(func, args, told)
        made = [tuple(leaf.shape) for leaf in tree_leaves(out) if isinstance(leaf, Tensor)]
        if made:
            given = [tuple(leaf.shape) for leaf in tree_leaves((args, told)) if isinstance(leaf, Tensor)]
            for shape in made:
                self.axes.note(shape, given)
            if func in POOLING and self.stack and given:
                self.found.pooled.setdefault(self.stack[-1][0], []).append(given[0][1])
        return out

    def _resolve(self, func: Any, args: Sequence[Any], told: Mapping[str, Any]) -> Any:
        """Have an operation done that refused its sizes, as if they were one; or begin again."""
        tensors = [leaf for leaf in tree_leaves((args, told)) if isinstance(leaf, Tensor)]
        if self.axes.refine(self.axes.made_of(_sizes((args, told)))):
            raise _Again
        if (target := self._aligned(tensors)) is not None:
            args, told = tree_map(lambda leaf: _stretched(leaf, target), (tuple(args), dict(told)))
            try:
                return func(*args, **told)
            except FAULTS:
                raise _Again from None
        groups = self.axes.made_of(_sizes((args, told)))
        if self._join_equals(groups) or self.axes.join_multiples(groups):
            raise _Again
        apart = self.axes.made_of(size for sizes in _against(tensors) for size in sizes)
        self._adopt_or_freeze(apart or groups, [leaf for leaf in tree_leaves((args, told)) if type(leaf) is int])
        raise _Again

    def _aligned(self, tensors: Sequence[Tensor]) -> dict[int, int] | None:
        """Join sizes that stand against each other; return the size of each that is replaced. None where none do."""
        replaced: dict[int, int] = {}
        for sizes in _against(tensors):
            if not all(self.axes.alike(sizes[0], size) for size in sizes):
                return None
            replaced |= {size: sizes[0] for size in sizes if size != sizes[0]}
        if not replaced:
            return None
        for size, other in replaced.items():
            self.axes.join(self.axes.made_of((size, other)))
        self.joined = True
        return replaced

    def _meet(self, sizes: Sequence[int]) -> None:
        groups = self.axes.made_of(sizes)
        if all(self.axes.alike(sizes[0], size) for size in sizes):
            self.axes.join(groups)
        else:
            self.axes.freeze(groups)

    def _join_equals(self, groups: frozenset[int]) -> bool:
        """Join those of some axes that were of one size in the network; tell whether there were any."""
        by_size: dict[int, list[int]] = {}
        for root in groups:
            by_size.setdefault(self.axes.axes[root].size, []).append(root)
        several = [roots for roots in by_size.values() if len(roots) > 1]
        for roots in several:
            self.axes.join(roots)
        return bool(several)

    def _adopt_or_freeze(self, groups: frozenset[int], numbers: Sequence[int]) -> None:
        """Have an attribute of a running module follow an axis, where it stands among the numbers; else freeze all.

        Raises: the error at hand where there is nothing to freeze.
        """
        if self._adopt(groups, numbers):
            return
        if not groups:
            raise
        self.axes.freeze(groups)

    def _adopt(self, groups: frozenset[int], numbers: Sequence[int]) -> bool:
        known = {(name, attribute) for name, attribute, *_ in self.found.attributes}
        for name, module, _ in reversed(self.stack):
            for attribute, value in vars(module).items():
                if type(value) is not int or value not in numbers or (name, attribute) in known or name in self.layers:
                    continue
                if (root := self._followed(value, attribute, groups)) is not None:
                    self.found.attributes.append((name, attribute, root, value))
                    return True
        return False

    def _followed(self, value: int, attribute: str, groups: frozenset[int]) -> int | None:
        sizes = {root: self.axes.axes[root].size for root in sorted(groups)}
        same = [root for root, size in sizes.items() if size == value]
        share = [root for root, size in sizes.items() if size % value == 0 and value > 1 and "dim" in attribute]
        return next(iter(same or share), None)

    def _blame_module(self, error: Exception) -> None:
        """Leave as they are the sizes that the innermost module was given, where its own code failed."""
        for at in range(len(self.stack), 0, -1):
            _, module, sizes = self.stack[at - 1]
            if groups := self.axes.made_of(sizes):
                if self.axes.refine(groups):
                    raise _Again from None
                numbers = [value for value in vars(module).values() if type(value) is int]
                self.stack = self.stack[:at]
                self._adopt_or_freeze(groups, numbers)
                raise _Again from None
        if self.axes.refine(self.axes.roots()):
            raise _Again from None
        if self.axes.roots():
            self.axes.freeze(self.axes.roots())
            raise _Again from None
        raise GeniusError(f"the network cannot be run without data: {said_by(error)}") from error


def _output(layer: nn.Module) -> int:
    return output_size(layer) if produces(layer) else 0


def _against(tensors: Sequence[Tensor]) -> Iterator[list[int]]:
    """Yield the sizes that differ and stand against each other where shapes are compared from their ends."""
    for at in range(1, max((tensor.ndim for tensor in tensors), default=0) + 1):
        sizes = [tensor.shape[-at] for tensor in tensors if tensor.ndim >= at and tensor.shape[-at] > 1]
        if len(set(sizes)) > 1:
            yield sizes


def _sizes(told: object) -> list[int]:
    """Return the sizes of the tensors among arguments, and the numbers there, which may come from sizes."""
    leaves = tree_leaves(told)
    numbers = [leaf for leaf in leaves if type(leaf) is int]
    return [size for leaf in leaves if isinstance(leaf, Tensor) for size in leaf.shape] + numbers


def _stretched(leaf: object, target: Mapping[int, int]) -> object:
    if not isinstance(leaf, Tensor) or not set(leaf.shape) & set(target):
        return leaf
    return leaf.new_empty([target.get(size, size) for size in leaf.shape])
