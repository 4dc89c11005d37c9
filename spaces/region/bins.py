"""Uniform draws of ways to choose one option of each layer whose sum is in a range or close to it."""

from collections.abc import Sequence
from math import inf

import numpy as np
import numpy.typing as npt

from .feasible import BATCH, Integers
from .limits import Range

_BINS = 2**15  # of a large space's sums


class Bins:
    """The sums of layers in bins, and for each bin the share of the ways that lead to it, from each layer on.

    Every option's value is rounded down to whole bins, so a sum is found at most as many bins too low as there are
    layers: the range is widened by so many. A draw from the widened range is uniform there, and so within the range.
    """

    def __init__(self, values: Sequence[Integers], first: Sequence[int], ends: Range) -> None:
        lowest = sum(int(value.min()) for value in values)
        above = [value - value.min() for value in values]
        self._first = first
        span = sum(int(value.max()) for value in above)
        self._width = max(1, span // _BINS)
        self._steps = [(value // self._width).astype(np.int64) for value in above]
        low, high = ends
        self._low = 0 if low == -inf else max(0, int((low - lowest) // self._width) - len(values))
        self._high = span // self._width if high == inf else int((high - lowest) // self._width)
        self._shares = self._shares_from_the_last()

    def _shares_from_the_last(self) -> list[npt.NDArray[np.float64]]:
        shares = [np.ones(1)]
        for steps in reversed(self._steps):
            longer = np.zeros(len(shares[-1]) + int(steps.max()))
            for step in steps.tolist():
                longer[step : step + len(shares[-1])] += shares[-1] / len(steps)
            shares.append(longer)
        return shares[::-1]

    def draw(self, rng: np.random.Generator) -> Integers:
        """Draw a batch: a bin by its share, then an option of each layer by the share of what is left after it."""
        share = self._shares[0][self._low : self._high + 1]
        if not share.sum():
            return np.empty((0, len(self._steps)), dtype=np.int64)
        left = self._low + rng.choice(len(share), BATCH, p=share / share.sum())
        columns = []
        for steps, after, first in zip(self._steps, self._shares[1:], self._first, strict=True):
            rest = left[:, None] - steps
            weights = np.where((rest >= 0) & (rest < len(after)), after[np.clip(rest, 0, len(after) - 1)], 0.0)
            cumulative = weights.cumsum(axis=1)
            taken = (rng.random((BATCH, 1)) * cumulative[:, -1:] >= cumulative).sum(axis=1)
            taken = np.minimum(taken, len(steps) - 1)
            left = rest[np.arange(BATCH), taken]
            columns.append(taken + first)
        return np.stack(columns, axis=1)
