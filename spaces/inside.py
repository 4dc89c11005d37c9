"""The architectures inside limits: whether there are any, and the largest."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import ceil, floor, gcd, inf

import numpy as np
import numpy.typing as npt

from .cost import CONVENTIONS, Convention
from .errors import GeniusError
from .limits import OPEN, Limits, counted, extremes, in_words, layers
from .space import ENUMERABLE, Architecture, SearchSpace
from .sums import Layers, Option

_Array = npt.NDArray[np.int64]


@lru_cache(maxsize=8)
def listed(space: SearchSpace, limits: Limits) -> tuple[_Array, _Array]:
    """List the architectures of a small space inside limits, and their FLOPs and parameters: shapes (n, decisions)
    and (n, 2)."""
    architectures = np.array(list(space.architectures()))
    costs = counted(space.costs(architectures), limits.convention)
    inside = _keep(limits, costs)
    return architectures[inside], costs[inside]


def allowed(space: SearchSpace, limits: Limits, architectures: _Array) -> npt.NDArray[np.bool_]:
    """Tell which architectures, of shape (n, decisions), keep the limits: shape (n,)."""
    return _keep(limits, counted(space.costs(architectures), limits.convention))


def _keep(limits: Limits, costs: _Array) -> npt.NDArray[np.bool_]:
    low, high = np.array([limits.flops, limits.params]).T
    kept: npt.NDArray[np.bool_] = ((low <= costs) & (costs <= high)).all(axis=1)
    return kept


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


def largest_inside(space: SearchSpace, limits: Limits) -> Iterator[Architecture]:
    """Go through the architectures inside limits by FLOPs, the highest first; in a small space more parameters first.

    Raises: GeniusError for a large space whose costs are no sums over its decisions.
    """
    if space.size > ENUMERABLE:
        yield from chains(space, limits).within()
        return
    architectures, costs = listed(space, limits)
    for at in np.lexsort((-costs[:, 1], -costs[:, 0])):
        yield tuple(architectures[at].tolist())


def check_not_empty(space: SearchSpace, limits: Limits) -> None:
    """Make sure that some architecture keeps the limits; of a large space without sums it cannot be known.

    Raises: GeniusError with what the space's costs are.
    """
    if not limits.limited or (space.size > ENUMERABLE and option_costs(space, limits.convention) is None):
        return
    if next(largest_inside(space, limits), None) is None:
        raise GeniusError(
            f"no architecture of {space.name} keeps the limits: {limits.words()}; {_what_there_is(space, limits)}"
        )


def _what_there_is(space: SearchSpace, limits: Limits) -> str:
    found = extremes(space, limits.convention)
    assert found is not None
    flops, params = found
    words = (
        f"its FLOPs go from {in_words(flops[0])} to {in_words(flops[1])} ({CONVENTIONS[limits.convention]}), its "
        f"parameters from {in_words(params[0])} to {in_words(params[1])}"
    )
    near = [in_words(cost) for cost in _beside(space, limits) if cost is not None]
    quantity = "parameters" if limits.flops == OPEN else "FLOPs"
    return f"{words}; the {quantity} nearest to the range are {' and '.join(near)}" if near else words


def _beside(space: SearchSpace, limits: Limits) -> tuple[int | None, int | None]:
    """Return the costs next below and next above the range, where one thing alone is limited."""
    if limits.flops != OPEN and limits.params != OPEN:
        return None, None
    which = 1 if limits.flops == OPEN else 0
    low, high = (limits.flops, limits.params)[which]
    if space.size <= ENUMERABLE:
        costs = listed(space, Limits(convention=limits.convention))[1][:, which]
        below, above = costs[costs < low], costs[costs > high]
        return (int(below.max()) if len(below) else None, int(above.min()) if len(above) else None)
    chain = chains(space, limits)
    below_way = next(chain.within(ends=(-inf, low - 1)), None) if low > -inf else None
    mirrored = Chains(space, limits, [-value for value in chain.values])
    above_way = next(mirrored.within(ends=(-inf, -high - 1)), None) if high < inf else None
    ways = [_cost(space, limits, way, which) for way in (below_way, above_way)]
    return ways[0], ways[1]


def _cost(space: SearchSpace, limits: Limits, architecture: Architecture | None, which: int) -> int | None:
    if architecture is None:
        return None
    return int(counted(space.costs([architecture]), limits.convention)[0, which])
