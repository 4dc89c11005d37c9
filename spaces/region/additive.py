"""The architectures of a region whose space is too large to list, and where every decision adds a cost of its own."""

from collections.abc import Iterator
from functools import cached_property, lru_cache
from itertools import islice
from math import ceil, floor, gcd, inf
from typing import TYPE_CHECKING

import numpy as np

from ..cost import Convention
from ..space import Architecture, SearchSpace
from .bins import Bins
from .counting import count_sums
from .feasible import LOOKED_AT, Extremes, Integers, draw_by_rejection
from .limits import OPEN, Limits, Range
from .sums import Layers, Option

if TYPE_CHECKING:
    from .region import Region


@lru_cache(maxsize=8)
def option_costs(space: SearchSpace, convention: Convention) -> list[Integers] | None:
    """Return the FLOPs and parameters that each option of each decision adds: arrays of shape (options, 2).

    Their sums are the costs of architectures. None where a part depends on several decisions, or a
    decision counts only under another.
    """
    if not space.parts or space.conditions or any(len(part.decisions) > 1 for part in space.parts):
        return None
    limits = Limits(convention=convention)
    base = [decision.numbers[0] for decision in space.decisions]
    fixed = limits.counted(space.costs([base]))[0]
    found = []
    for at, decision in enumerate(space.decisions):
        variants = [[*base[:at], option, *base[at + 1 :]] for option in decision.numbers]
        found.append(limits.counted(space.costs(variants)) - fixed)
    found[0] = found[0] + fixed
    return found


class Additive:
    """The architectures of a region as sums over decisions; `values` are those of `option_costs`."""

    def __init__(self, region: "Region", values: list[Integers]) -> None:
        self._region, self._space, self._limits = region, region.space, region.limits
        self._values = values

    def count(self) -> int | None:
        """Count them by adding up decision after decision; None where a rule or two limits stand in the way."""
        limited = [at for at, ends in enumerate(self._limits.ranges) if ends != OPEN]
        if self._space.valid is not None or len(limited) != 1:
            return None
        return count_sums([value[:, limited[0]] for value in self._values], self._limits.ranges[limited[0]])

    def extremes(self) -> Extremes:
        """Return the lowest and the highest costs that the options add up to, whatever the rule and the limits."""
        low, high = sum(value.min(axis=0) for value in self._values), sum(value.max(axis=0) for value in self._values)
        return (int(low[0]), int(high[0])), (int(low[1]), int(high[1]))

    def beside(self, quantity: int) -> tuple[int | None, int | None]:
        """Return the costs of the space next below and next above the range."""
        low, high = self._limits.ranges[quantity]
        below = next(self._within(ends=(-inf, low - 1)), None) if low > -inf else None
        mirrored = Additive(self._region, [-value for value in self._values])
        above = next(mirrored._within(ends=(-inf, -high - 1)), None) if high < inf else None
        return self._cost(below, quantity), self._cost(above, quantity)

    def _cost(self, architecture: Architecture | None, quantity: int) -> int | None:
        return None if architecture is None else int(self._region.counted([architecture])[0, quantity])

    def draw(self, rng: np.random.Generator, count: int) -> Integers:
        """Draw uniformly: shape (count, decisions), or fewer.

        Where the range is too narrow for draws, it is the one nearest to a draw close to it, or none.
        """
        found, missed = draw_by_rejection(self._region, self._bins.draw, rng, count)
        if len(found) or not len(missed):
            return found
        near = next(self.nearest_first(tuple(missed[0].tolist())), None)
        return np.array([] if near is None else [near], dtype=np.int64).reshape(-1, len(self._values))

    @cached_property
    def _bins(self) -> Bins:
        main = [value[:, self._limits.main] for value in self._values]
        return Bins(main, self._first, self._limits.ranges[self._limits.main])

    def largest_first(self) -> Iterator[Architecture]:
        """Go through them by FLOPs, the highest first."""
        return self._by_the_rule(self._within())

    def nearest_first(self, architecture: Architecture) -> Iterator[Architecture]:
        """Go through them by the number of changes; of equals those of the highest sums first."""
        layers = self._layers(architecture)
        numbers = range(len(self._values) + 1)
        return self._by_the_rule(way for changes in numbers for way in self._ways(layers, changes))

    def _by_the_rule(self, ordered: Iterator[Architecture]) -> Iterator[Architecture]:
        """Keep what the rule allows of an order, and look no further than its first 20,000."""
        if self._space.valid is None:
            return ordered
        return (found for found in islice(ordered, LOOKED_AT) if self._space.allows(found).all())

    @cached_property
    def _first(self) -> list[int]:
        return [decision.numbers[0] for decision in self._space.decisions]

    @cached_property
    def _lowest(self) -> int:
        return sum(int(value[:, self._limits.main].min()) for value in self._values)

    @cached_property
    def _unit(self) -> int:
        """The number of which all differences of sums are multiples."""
        columns = [value[:, self._limits.main] for value in self._values]
        return gcd(*(int(each) for column in columns for each in column - column.min())) or 1

    def _layers(self, centre: Architecture | None = None) -> Layers:
        """Return the options as layers; changes are counted from the `centre`."""
        found = []
        for at, (value, first) in enumerate(zip(self._values, self._first, strict=True)):
            column = value[:, self._limits.main]
            steps = ((column - column.min()) // self._unit).tolist()
            moved = [centre is not None and place + first != centre[at] for place in range(len(steps))]
            found.append([Option(int(m), s, int(v)) for m, s, v in zip(moved, steps, value[:, 1], strict=True)])
        both = self._limits.params if self._limits.main == 0 and self._limits.params != OPEN else None
        return Layers(found, both)

    def _within(self, ends: Range | None = None) -> Iterator[Architecture]:
        """Go through the architectures of a range, else of the limits, the highest sums first."""
        return self._ways(self._layers(), 0, ends)

    def _ways(self, layers: Layers, changes: int, ends: Range | None = None) -> Iterator[Architecture]:
        low, high = ends or self._limits.ranges[self._limits.main]
        spans = (int(np.ptp(value[:, self._limits.main])) for value in self._values)
        most = sum(spans) // self._unit
        first = 0 if low == -inf else max(0, ceil((low - self._lowest) / self._unit))
        last = most if high == inf else min(most, floor((high - self._lowest) / self._unit))
        for way in layers.ways(first, last, changes):
            yield tuple(place + number for place, number in zip(way, self._first, strict=True))
