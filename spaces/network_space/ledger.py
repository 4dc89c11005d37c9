"""The costs of a network's modules, as terms in the sizes that vary. Imports torch.

The largest variant is counted once, module by module. The weights of a layer are a product of its sizes, and so are its
multiply-adds, for as many positions; sizes are sums of multiples of the widths that are chosen.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import Any

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd

from ..cost import Cost
from ..operators import Operators, count_operators
from .anatomy import ORIGIN, Anatomy
from .axes import LinearForm
from .layers import is_depthwise, produces


@dataclass(frozen=True)
class Entry:
    """A module of a variant: its name, that of its origin in the given network, and its own costs."""

    name: str
    origin: str
    module: nn.Module
    cost: Cost


@dataclass(frozen=True)
class Term:
    """Costs of a module that grow as the product of some sizes, and with its kernel where they are of `sides` sides."""

    entry: Entry
    cost: Cost
    sizes: tuple[LinearForm, ...] = ()
    sides: int = 0

    def at(self, base: Mapping[int, int], sizes: Mapping[int, int], kernel: Fraction) -> Cost:
        """Return the costs for some sizes of the axes, from those at the `base`; `kernel` is how much larger it is."""
        grown = kernel**self.sides
        for form in self.sizes:
            grown *= form.at(sizes) / form.at(base)
        found = [grown * number for number in self.cost.row]
        return Cost(*(int(number) if number.denominator == 1 else -1 for number in found))


def entries_of(network: nn.Module, shape: Sequence[int]) -> list[Entry]:
    """Count a variant without values, module by module; a shared parameter belongs to the first that holds it."""
    found = Operators()
    own: dict[int, list[int]] = {id(module): [0, 0, 0] for module in network.modules()}
    stack: list[tuple[nn.Module, list[int]]] = []

    def now() -> list[int]:
        return [found.macs, found.norm_outputs, found.pooling]

    def settle() -> None:
        if stack:
            module, since = stack[-1]
            counted = now()
            own[id(module)] = [n + b - a for n, a, b in zip(own[id(module)], since, counted, strict=True)]

    def enter(module: nn.Module, _: Any) -> None:
        settle()
        stack.append((module, now()))

    def leave(module: nn.Module, _: Any, __: Any) -> None:
        settle()
        stack.pop()
        if stack:
            stack[-1] = (stack[-1][0], now())

    with ExitStack() as hooks:
        for module in network.modules():
            hooks.callback(module.register_forward_pre_hook(enter).remove)
            hooks.callback(module.register_forward_hook(leave).remove)
        count_operators(network.eval(), torch.zeros(1, *shape, device="meta"), found)
    return list(_with_params(network, own))


def _with_params(network: nn.Module, own: Mapping[int, Sequence[int]]) -> Iterator[Entry]:
    seen: set[int] = set()
    for name, module in network.named_modules():
        fresh = [each for each in module._parameters.values() if each is not None and id(each) not in seen]
        seen |= {id(each) for each in fresh}
        macs, norms, pooling = own[id(module)]
        params = sum(each.numel() for each in fresh)
        yield Entry(name, getattr(module, ORIGIN), module, Cost(macs, params, norms, pooling))


def terms_of(anatomy: Anatomy, entries: Sequence[Entry]) -> list[Term]:
    """Write the costs of a variant's modules as terms in the sizes of the network's axes."""
    attentions = [each.name for each in entries if isinstance(each.module, nn.MultiheadAttention)]
    found: list[Term] = []
    for entry in entries:
        if any(entry.name.startswith(f"{name}.") for name in attentions):
            continue  # it is counted with the attention
        if entry.origin not in anatomy.taken:
            found += _of_module(anatomy, entry)
        elif isinstance(entry.module, nn.MultiheadAttention):
            found += _of_attention(anatomy, entry)
        else:
            found += _of_layer(anatomy, entry)
    return [term for term in found if term.cost != Cost()]


def _taken(anatomy: Anatomy, name: str) -> LinearForm:
    coupling = anatomy.coupling
    return coupling.axes.form(coupling.entering[name][anatomy.taken[name]])


def _axis(anatomy: Anatomy, module: str, parameter: str = "", axis: int = 0) -> LinearForm | None:
    axes = anatomy.coupling.axes
    for at, each in enumerate(axes.axes):
        if (each.module, each.parameter, each.axis) == (module, parameter, axis):
            return LinearForm({axes.root(at): Fraction(1)})
    return None


def _of_layer(anatomy: Anatomy, entry: Entry) -> list[Term]:
    taken, layer = _taken(anatomy, entry.origin), entry.module
    made = _axis(anatomy, entry.origin) if produces(layer) else None
    sides = len(layer.kernel_size) if isinstance(layer, _ConvNd) else 0
    apart = layer._parameters.get("bias") if produces(layer) or is_depthwise(layer) else None
    bias = 0 if apart is None else apart.numel()
    whole = Cost(entry.cost.flops, entry.cost.params - bias, entry.cost.norm_outputs)
    sizes = (taken,) if made is None else (taken, made)
    return [Term(entry, whole, sizes, sides), Term(entry, Cost(0, bias), (sizes[-1],))]


def _of_attention(anatomy: Anatomy, entry: Entry) -> list[Term]:
    """Projections go by the square of the width, and products of queries, keys and values by the width."""
    taken, width = _taken(anatomy, entry.origin), entry.module.embed_dim
    tokens = prod(anatomy.given[entry.origin][:-1]) // 2  # of two inputs
    square, weights = 4 * int(width) ** 2, list(entry.module.parameters())  # type: ignore[arg-type]
    others = sum(each.numel() for each in weights if each.ndim == 1)
    return [
        Term(entry, Cost(tokens * square, square), (taken, taken)),
        Term(entry, Cost(entry.cost.flops - tokens * square, others), (taken,)),
    ]


def _of_module(anatomy: Anatomy, entry: Entry) -> list[Term]:
    """Take a module that is no layer: its own parameters, its pooling, and products that it computes itself."""
    coupling, found, params = anatomy.coupling, [], 0
    for name, parameter in entry.module._parameters.items():
        if parameter is not None:
            forms = [_axis(anatomy, entry.origin, name, at) for at in range(parameter.ndim)]
            found.append(Term(entry, Cost(0, parameter.numel()), tuple(form for form in forms if form)))
            params += parameter.numel()
    pooled = [coupling.axes.form(size) for size in coupling.pooled.get(entry.origin, ())]
    found.append(Term(entry, Cost(pooling=entry.cost.pooling), tuple(pooled[:1])))
    entering = [coupling.axes.form(size) for size in reversed(coupling.entering.get(entry.origin, ())[1:])]
    width = [form for form in entering if form.terms][:1]
    found.append(Term(entry, Cost(entry.cost.flops, entry.cost.params - params, entry.cost.norm_outputs), tuple(width)))
    return found
