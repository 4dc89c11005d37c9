"""The architectures of a region whose space is too large to list, and where every decision adds a cost of its own."""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import islice
from math import inf
from typing import TYPE_CHECKING

import numpy as np

from ..space import Architecture
from .chain import Chain
from .counting import count_sums
from .feasible import Integers, draw_by_rejection
from .limits import OPEN
from .steps import Step
from .summed import Summed

if TYPE_CHECKING:
    from .region import Region

_LOOKED_AT = 20_000  # architectures, in an order, of which a rule may forbid all


class Additive(Summed):
    """The architectures of a region as sums over decisions: the largest, the smallest and the nearest are exact.

    Where the space has a rule, they are so among the first 20,000 within the limits; behind these the best follow that
    are found.
    """

    exact = True

    def __init__(self, region: "Region", steps: Sequence[Step]) -> None:
        super().__init__(region, steps)
        self._values = [step.added[0] for step in steps]

    @cached_property
    def chain(self) -> Chain:
        """The options and their costs."""
        return Chain(self._values, self._first.tolist(), self._limits.ranges, self._limits.main)

    def count(self, *, quick: bool) -> int | None:
        """Count them by adding up decision after decision; None where a rule or two limits stand in the way."""
        limited = [at for at, ends in enumerate(self._limits.ranges) if ends != OPEN]
        if self._space.restricted or len(limited) != 1:
            return None
        values = [value[:, limited[0]] for value in self._values]
        return count_sums(values, self._limits.ranges[limited[0]], quick=quick)

    def beside(self, quantity: int) -> tuple[int | None, int | None]:
        """Return the costs of the space next below and next above the range."""
        low, high = self._limits.ranges[quantity]
        below = next(self.chain.ways(ends=(-inf, low - 1)), None) if low > -inf else None
        above = next(self.chain.mirrored.ways(ends=(-inf, -high - 1)), None) if high < inf else None
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

    def largest_first(self) -> Iterator[Architecture]:
        """Go through them by their costs, the highest first."""
        return self._by_the_rule(self.chain.ways(), super().largest_first)

    def smallest(self) -> Architecture | None:
        """Return the one with the lowest cost."""
        return next(self._by_the_rule(self.chain.mirrored.ways(), lambda: self._met(1)), None)

    def nearest_first(self, architecture: Architecture) -> Iterator[Architecture]:
        """Go through them by the number of changes; of equals those of the highest costs first."""
        others = super().nearest_first
        return self._by_the_rule(self.chain.nearest(architecture), lambda: others(architecture))

    def _by_the_rule(
        self, ordered: Iterator[Architecture], others: Callable[[], Iterator[Architecture]]
    ) -> Iterator[Architecture]:
        """Keep the architectures that the rule allows of an order's first 20,000, and go on with others."""
        if not self._space.restricted:
            yield from ordered
            return
        yield from (found for found in islice(ordered, _LOOKED_AT) if self._space.allows(found).all())
        yield from others()
