"""Uniform draws of ways through the steps of a space whose sum is in a range, or close to it."""

from collections.abc import Sequence
from math import inf

import numpy as np
import numpy.typing as npt

from .feasible import BATCH, Integers
from .limits import Range
from .steps import Step

_BINS = 2**15  # of a large space's sums
_CELLS = 2**25  # of the bins of all states together


class Bins:
    """The sums of steps in bins, and for each state the share of the ways on from it that lead to each bin.

    `quantity` is the summed quantity: FLOPs (0) or parameters (1). Every value is rounded down to whole bins, so a sum
    is found at most as many bins too low as there are steps: the range is widened by so many. A draw from the widened
    range is uniform there, and so within the range.
    """

    def __init__(self, steps: Sequence[Step], quantity: int, first: Sequence[int], ends: Range) -> None:
        self._steps, self._first = steps, first
        values = [step.added[..., quantity] for step in steps]
        lowest = sum(int(value.min()) for value in values)
        above = [value - value.min() for value in values]
        span = sum(int(value.max()) for value in above)
        bins = min(_BINS, _CELLS // sum(len(value) for value in values))
        self._width = max(1, span // bins)
        self._bins = [(value // self._width).astype(np.int64) for value in above]
        low, high = ends
        self._low = 0 if low == -inf else max(0, int((low - lowest) // self._width) - len(values))
        self._high = span // self._width if high == inf else int((high - lowest) // self._width)
        self._shares = self._shares_from_the_last()

    @property
    def share(self) -> float:
        """The share of all ways that are in the widened range."""
        return float(self._inside.sum())

    @property
    def _inside(self) -> npt.NDArray[np.float64]:
        return self._shares[0][0, self._low : max(self._high + 1, 0)]

    def _shares_from_the_last(self) -> list[npt.NDArray[np.float64]]:
        """Return for each state before each step the share of the ways to each bin: shape (states, bins)."""
        shares = [np.ones((1, 1))]
        for step, bins in zip(reversed(self._steps), reversed(self._bins), strict=True):
            after = shares[-1] / bins.shape[1]
            longer = np.zeros((len(bins), after.shape[1] + int(bins.max())))
            for state, (places, follows) in enumerate(zip(bins.tolist(), step.follows.tolist(), strict=True)):
                for place, following in zip(places, follows, strict=True):
                    longer[state, place : place + after.shape[1]] += after[following]
            shares.append(longer)
        return shares[::-1]

    def draw(self, rng: np.random.Generator) -> Integers:
        """Draw a batch: a bin by its share, then an option at each step by the share of the sums left after it."""
        share = self._inside
        if not share.sum():
            return np.empty((0, len(self._steps)), dtype=np.int64)
        left = self._low + rng.choice(len(share), BATCH, p=share / share.sum())
        found, state = np.empty((BATCH, len(self._steps)), dtype=np.int64), np.zeros(BATCH, dtype=np.int64)
        for step, bins, after in zip(self._steps, self._bins, self._shares[1:], strict=True):
            rest, follows = left[:, None] - bins[state], step.follows[state]
            reached = after[follows, np.clip(rest, 0, after.shape[1] - 1)]
            weights = np.where((rest >= 0) & (rest < after.shape[1]), reached, 0.0)
            cumulative = weights.cumsum(axis=1)
            taken = (rng.random((BATCH, 1)) * cumulative[:, -1:] >= cumulative).sum(axis=1)
            taken = np.minimum(taken, bins.shape[1] - 1)
            left, state = rest[np.arange(BATCH), taken], follows[np.arange(BATCH), taken]
            found[:, step.decision] = taken + self._first[step.decision]
        return found
