"""Uniform draws from the architectures inside limits that the rule allows, however few of a space they are."""

from functools import lru_cache
from math import inf

import numpy as np
import numpy.typing as npt

from ..errors import GeniusError
from .inside import Chains, allowed, chains, listed, option_costs
from .limits import Limits
from .nearest import nearest
from .space import ENUMERABLE, Architecture, SearchSpace

_BINS = 2**15  # of a large space's sums
_BATCH = 256
_BATCHES, _BATCHES_BY_RULE = 200, 800  # until a range is too narrow for draws, or a rule too strict

_Array = npt.NDArray[np.int64]


def sample_inside(space: SearchSpace, limits: Limits, rng: np.random.Generator) -> Architecture:
    """Draw uniformly from the architectures inside limits; without limits as `SearchSpace.sample` does.

    Where tens of thousands of draws close to the range all miss it, the one nearest to such a draw is taken instead,
    which is not quite uniform. Raises: GeniusError where there is none, or none was found.
    """
    if not limits.limited:
        return space.sample(rng)
    return _tuple(draw_inside(space, limits, rng, 1)[0])


def draw_inside(space: SearchSpace, limits: Limits, rng: np.random.Generator, count: int) -> _Array:
    """Draw uniformly as `sample_inside` does: shape (count, decisions), or fewer where the range is narrow.

    Raises: GeniusError where none was found.
    """
    if not limits.limited:
        return space.draw(rng, count)
    if space.size <= ENUMERABLE:
        return _from_list(space, limits, rng, count)
    found = drawn = np.empty((0, len(space.decisions)), dtype=np.int64)
    for _ in range(_BATCHES if space.valid is None else _BATCHES_BY_RULE):
        drawn = _close_draws(space, limits, rng)
        found = np.concatenate([found, drawn[allowed(space, limits, drawn)]])
        if len(found) >= count:
            return found[:count]
    if len(found):
        return found
    sums = option_costs(space, limits.convention) is not None
    if sums and len(drawn) and (near := nearest(space, limits, _tuple(drawn[0]))):
        return np.array([near])
    raise _none_found(space, limits)


def _from_list(space: SearchSpace, limits: Limits, rng: np.random.Generator, count: int) -> _Array:
    architectures, _ = listed(space, limits)
    if not len(architectures):
        raise _none_found(space, limits)
    return architectures[rng.integers(len(architectures), size=count)]


def _none_found(space: SearchSpace, limits: Limits) -> GeniusError:
    rule, mend = (" that its rule allows", " or loosen the rule") if space.valid else ("", "")
    return GeniusError(
        f"no architecture of {space.name}{rule} within {limits.words()} was found; allow a wider range{mend}"
    )


def _tuple(row: _Array) -> Architecture:
    return tuple(row.tolist())


def _close_draws(space: SearchSpace, limits: Limits, rng: np.random.Generator) -> _Array:
    """Draw a batch uniformly from the architectures in or near the range, or from all where costs are no sums."""
    if option_costs(space, limits.convention) is None:
        batch = _BATCH if space.parts else 1  # a network is built for the costs of each
        return space.draw(rng, batch) if space.valid else np.array([space.sample(rng) for _ in range(batch)])
    return _coarse(space, limits).draw(rng)


@lru_cache(maxsize=8)
def _coarse(space: SearchSpace, limits: Limits) -> "_Coarse":
    return _Coarse(chains(space, limits))


class _Coarse:
    """The sums of a large space in bins, and for each bin the share of the ways that lead to it, from each layer on.

    Every option's value is rounded down to whole bins, so a sum is found at most as many bins too low as there are
    layers: the range is widened by so many. A draw from the widened range is uniform there, and so within the range.
    """

    def __init__(self, chain: Chains) -> None:
        values = [value[:, chain.main] - value[:, chain.main].min() for value in chain.values]
        self._first = [decision.numbers[0] for decision in chain.space.decisions]
        span = sum(int(value.max()) for value in values)
        self._width = max(1, span // _BINS)
        self._steps = [(value // self._width).astype(np.int64) for value in values]
        low, high = (chain.limits.flops, chain.limits.params)[chain.main]
        self._low = 0 if low == -inf else max(0, int((low - chain.lowest) // self._width) - len(values))
        self._high = span // self._width if high == inf else int((high - chain.lowest) // self._width)
        self._shares = self._shares_from_the_last()

    def _shares_from_the_last(self) -> list[npt.NDArray[np.float64]]:
        shares = [np.ones(1)]
        for steps in reversed(self._steps):
            longer = np.zeros(len(shares[-1]) + int(steps.max()))
            for step in steps.tolist():
                longer[step : step + len(shares[-1])] += shares[-1] / len(steps)
            shares.append(longer)
        return shares[::-1]

    def draw(self, rng: np.random.Generator) -> _Array:
        """Draw a batch: a bin by its share, then an option of each layer by the share of what is left after it."""
        share = self._shares[0][self._low : self._high + 1]
        if not share.sum():
            return np.empty((0, len(self._steps)), dtype=np.int64)
        left = self._low + rng.choice(len(share), _BATCH, p=share / share.sum())
        columns = []
        for steps, after, first in zip(self._steps, self._shares[1:], self._first, strict=True):
            rest = left[:, None] - steps
            weights = np.where((rest >= 0) & (rest < len(after)), after[np.clip(rest, 0, len(after) - 1)], 0.0)
            cumulative = weights.cumsum(axis=1)
            taken = (rng.random((_BATCH, 1)) * cumulative[:, -1:] >= cumulative).sum(axis=1)
            taken = np.minimum(taken, len(steps) - 1)
            left = rest[np.arange(_BATCH), taken]
            columns.append(taken + first)
        return np.stack(columns, axis=1)
