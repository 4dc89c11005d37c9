"""Ways to take an option of each decision, where each adds an amount of its own: the highest sums first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil, floor, gcd, inf

import numpy as np

from ..space import Architecture
from .feasible import Integers
from .limits import OPEN, Range
from .sums import Layers, Option

_LONGEST = 2**25  # different sums that are told apart: beyond it an order takes seconds and gigabytes


@dataclass(frozen=True)
class Chain:
    """The options of each decision, with their costs: arrays of shape (options, 2), and `first` option numbers.

    `ranges` are allowed of the two sums, and the sum at `main` orders them.
    """

    values: Sequence[Integers]
    first: Sequence[int]
    ranges: tuple[Range, ...]
    main: int

    @property
    def mirrored(self) -> "Chain":
        """The same ways with sums of the other sign: the lowest come first."""
        ranges = tuple((-high, -low) for low, high in self.ranges)
        return Chain([-value for value in self.values], self.first, ranges, self.main)

    @property
    def is_short(self) -> bool:
        """Whether its sums are few enough to be told apart."""
        return self._reach <= _LONGEST

    def ways(self, ends: Range | None = None) -> Iterator[Architecture]:
        """Go through the architectures within a range of their sums, else within the ranges."""
        return self._within(self._layers(None), 0, ends)

    def nearest(self, centre: Architecture) -> Iterator[Architecture]:
        """Go through the architectures within the ranges by the number of changes of the centre."""
        layers = self._layers(centre)
        for changes in range(len(self.values) + 1):
            yield from self._within(layers, changes)

    def _within(self, layers: Layers, changes: int, ends: Range | None = None) -> Iterator[Architecture]:
        low, high = ends or self.ranges[self.main]
        first = 0 if low == -inf else max(0, ceil((low - self._lowest) / self._unit))
        last = self._reach if high == inf else min(self._reach, floor((high - self._lowest) / self._unit))
        for way in layers.ways(first, last, changes):
            yield tuple(place + number for place, number in zip(way, self.first, strict=True))

    @cached_property
    def _columns(self) -> list[Integers]:
        return [value[:, self.main] for value in self.values]

    @cached_property
    def _lowest(self) -> int:
        return sum(int(column.min()) for column in self._columns)

    @cached_property
    def _unit(self) -> int:
        """The number of which all differences of sums are multiples."""
        return gcd(*(int(each) for column in self._columns for each in column - column.min())) or 1

    @cached_property
    def _reach(self) -> int:
        return sum(int(np.ptp(column)) for column in self._columns) // self._unit

    def _layers(self, centre: Architecture | None) -> Layers:
        found = []
        for at, (column, value, first) in enumerate(zip(self._columns, self.values, self.first, strict=True)):
            steps = ((column - column.min()) // self._unit).tolist()
            moved = [centre is not None and place + first != centre[at] for place in range(len(steps))]
            found.append([Option(int(m), s, int(v)) for m, s, v in zip(moved, steps, value[:, 1], strict=True)])
        return Layers(found, None if self.main == 1 or self.ranges[1] == OPEN else self.ranges[1])
