"""The architectures of a region whose costs are added up decision by decision, where little has to be remembered."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from .bins import Bins
from .feasible import Extremes, Integers, Tally, draw_by_rejection, estimated
from .steps import Step
from .walked import Walked

if TYPE_CHECKING:
    from .region import Region

_PROBED = 16  # batches close to the range, of which some must be inside for draws


class Summed(Walked):
    """The architectures of a region as ways through steps: draws are uniform, and the extremes are exact.

    The largest, the smallest and the nearest are the best that were found.
    """

    def __init__(self, region: "Region", steps: Sequence[Step]) -> None:
        super().__init__(region)
        self._steps = steps

    def extremes(self) -> Extremes:
        """Return the lowest and the highest costs, without regard to the rule and the limits."""
        return (self._ends(0), self._ends(1))

    def _ends(self, quantity: int) -> tuple[int, int]:
        return self._cost_of_cheapest(quantity, 1), -self._cost_of_cheapest(quantity, -1)

    def _cost_of_cheapest(self, quantity: int, sign: int) -> int:
        least = np.zeros(1, dtype=np.int64)
        for step in reversed(self._steps):
            least = (sign * step.added[..., quantity] + least[step.follows]).min(axis=1)
        return int(least[0])

    def estimate(self, rng: np.random.Generator) -> Tally | None:
        """Estimate how many they are by draws close to the range; None where none of these is inside."""
        return estimated(self._region, self._bins.draw, self._bins.share * self._space.size, rng)

    def draw(self, rng: np.random.Generator, count: int) -> Integers:
        """Draw uniformly: shape (count, decisions), or fewer.

        Where the range is too narrow for draws, it goes on by random walks, which are not quite uniform.
        """
        if not self._is_rare:
            found, _ = draw_by_rejection(self._region, self._bins.draw, rng, count)
            if len(found):
                return found
        return self._walked(rng, min(count, self._effort.walkers))

    @cached_property
    def _is_rare(self) -> bool:
        rng = np.random.default_rng(0)
        return not any(self._region.allows(self._bins.draw(rng)).any() for _ in range(_PROBED))

    @cached_property
    def _bins(self) -> Bins:
        quantity = self._limits.main
        return Bins(self._steps, quantity, self._first.tolist(), self._limits.ranges[quantity])

    @cached_property
    def _starts(self) -> Integers:
        return np.unique(np.concatenate([super()._starts, self._cheapest()]), axis=0)

    def _cheapest(self) -> Integers:
        """Return the architecture with the lowest cost, where it is inside."""
        quantity, least = self._limits.main, [np.zeros(1, dtype=np.int64)]
        for step in reversed(self._steps):
            least.append((step.added[..., quantity] + least[-1][step.follows]).min(axis=1))
        row, state = self._first.copy(), 0
        for step, after in zip(self._steps, least[-2::-1], strict=True):
            option = int((step.added[state, :, quantity] + after[step.follows[state]]).argmin())
            row[step.decision] += option
            state = int(step.follows[state, option])
        return row[None][self._distance.inside(row[None])]
