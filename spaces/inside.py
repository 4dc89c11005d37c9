"""The architectures inside limits that the space's rule allows: all of a small space, and the largest of any."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from itertools import count, islice
from math import ceil, floor, gcd, inf
from threading import Lock

import numpy as np
import numpy.typing as npt

from ..errors import GeniusError
from .cost import Convention
from .limits import OPEN, Limits, counted, keeping, layers
from .space import ENUMERABLE, Architecture, SearchSpace
from .sums import Layers, Option

_LOOKED_AT = 20_000  # architectures of a large space, in an order, of which a rule may forbid all

_Array = npt.NDArray[np.int64]


@lru_cache(maxsize=8)
def listed(space: SearchSpace, limits: Limits) -> tuple[_Array, _Array]:
    """List the architectures of a small space inside limits, and their FLOPs and parameters: shapes (n, decisions)
    and (n, 2)."""
    architectures = np.array(list(space.architectures()))
    costs = counted(space.costs(architectures, strict=limits.of_flops), limits.convention)
    inside = keeping(limits, costs)
    return architectures[inside], costs[inside]


def allowed(space: SearchSpace, limits: Limits, architectures: _Array) -> npt.NDArray[np.bool_]:
    """Tell which combinations of options, of shape (n, decisions), keep the rule and the limits: shape (n,)."""
    kept = space.allows(architectures)
    if limits.limited:
        kept[kept] = keeping(
            limits, counted(space.costs(architectures[kept], strict=limits.of_flops), limits.convention)
        )
    return kept


def by_the_rule(space: SearchSpace, ordered: Iterator[Architecture]) -> Iterator[Architecture]:
    """Go through what the rule allows of a large space's combinations in an order, no further than the first 20,000."""
    if space.valid is None:
        return ordered
    return (found for found in islice(ordered, _LOOKED_AT) if space.allows(found).all())


@dataclass(frozen=True)
class Chains:
    """A space whose costs are sums over its decisions, within limits; `centre` is where changes are counted from.

    `values` are what each option of each decision adds to what is limited, FLOPs first: arrays of shape (options, 2).
    """

    space: SearchSpace
    limits: Limits
    values: list[_Array]
    centre: Architecture | None = None

    @property
    def main(self) -> int:
        """Which value orders architectures: FLOPs, or parameters where these alone are limited."""
        return 1 if self.limits.flops == OPEN and self.limits.params != OPEN else 0

    @cached_property
    def lowest(self) -> int:
        """The lowest sum."""
        return sum(int(value[:, self.main].min()) for value in self.values)

    @cached_property
    def unit(self) -> int:
        """What all differences of sums are multiples of."""
        differences = [int(v) for value in self.values for v in value[:, self.main] - value[:, self.main].min()]
        return gcd(*differences) or 1

    @cached_property
    def _layers(self) -> Layers:
        found = []
        for at, value in enumerate(self.values):
            first = self.space.decisions[at].numbers[0]
            steps = ((value[:, self.main] - value[:, self.main].min()) // self.unit).tolist()
            moved = [self.centre is not None and place + first != self.centre[at] for place in range(len(steps))]
            found.append([Option(int(m), s, int(v)) for m, s, v in zip(moved, steps, value[:, 1], strict=True)])
        both = self.limits.params if self.main == 0 and self.limits.params != OPEN else None
        return Layers(found, both)

    def within(self, changes: int = 0, ends: tuple[float, float] | None = None) -> Iterator[Architecture]:
        """Go through the architectures inside with exactly so many changes, the highest sums first."""
        low, high = ends or (self.limits.flops, self.limits.params)[self.main]
        most = sum(int((value[:, self.main] - value[:, self.main].min()).max()) for value in self.values) // self.unit
        first = 0 if low == -inf else max(0, ceil((low - self.lowest) / self.unit))
        last = most if high == inf else min(most, floor((high - self.lowest) / self.unit))
        numbers = [decision.numbers[0] for decision in self.space.decisions]
        for way in self._layers.ways(first, last, changes):
            yield tuple(place + number for place, number in zip(way, numbers, strict=True))


def chains(space: SearchSpace, limits: Limits, centre: Architecture | None = None) -> Chains:
    """Return a large space within limits.

    Raises: GeniusError where its costs are no sums over its decisions.
    """
    values = option_costs(space, limits.convention)
    if values is None:
        raise GeniusError(f"the costs of {space.name} do not add up decision by decision")
    return Chains(space, limits, values, centre)


@lru_cache(maxsize=8)
def option_costs(space: SearchSpace, convention: Convention) -> list[_Array] | None:
    """Return what `layers` does, computed once."""
    return layers(space, convention)


@lru_cache(maxsize=8)
def _largest_by_rule(space: SearchSpace, limits: Limits) -> Sequence[Architecture]:
    return list(by_the_rule(space, chains(space, limits).within()))


def largest_inside(space: SearchSpace, limits: Limits) -> Iterator[Architecture]:
    """Go through the architectures inside limits by FLOPs, the highest first; in a small space more parameters first.

    Where a large space has a rule, it ends after the first 20,000 inside limits, of which the rule may allow none.
    Raises: GeniusError for a large space whose costs are no sums over its decisions.
    """
    yield from _from_the_largest(space, limits)


class _Ordered:
    """An order that is gone through again and again, and computed once, as far as it was asked for."""

    def __init__(self, begin: Callable[[], Iterator[Architecture]]) -> None:
        self._begin, self._order = begin, begin()
        self._known: list[Architecture] = []
        self._lock = Lock()

    def __iter__(self) -> Iterator[Architecture]:
        for at in count():
            if at == len(self._known) and not self._is_longer(at):
                return
            yield self._known[at]

    def _is_longer(self, length: int) -> bool:
        with self._lock:
            if length == len(self._known):
                try:
                    self._known.extend(islice(self._order, 1))
                except BaseException:
                    self._order = islice(self._begin(), length, None)  # the next one fails likewise, and does not end
                    raise
            return length < len(self._known)


@lru_cache(4)
def _from_the_largest(space: SearchSpace, limits: Limits) -> _Ordered:
    return _Ordered(partial(_by_size, space, limits))


def _by_size(space: SearchSpace, limits: Limits) -> Iterator[Architecture]:
    if space.size > ENUMERABLE:
        yield from chains(space, limits).within() if space.valid is None else _largest_by_rule(space, limits)
        return
    architectures, costs = listed(space, limits)
    for at in np.lexsort((-costs[:, 1], -costs[:, 0])):
        yield tuple(architectures[at].tolist())
