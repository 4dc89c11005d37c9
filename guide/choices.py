"""The choices of a surrogate: all architectures of a space, or those near the good ones in a large space."""

from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

import numpy as np
import numpy.typing as npt

from ..spaces.region import Integers, Region
from ..spaces.space import Architecture, SearchSpace
from .features import WHOLE, Encoded, Floats, encoder, has_ranges

_DRAWN, _LARGEST = 2_048, 64  # architectures of a large space to begin with: drawn uniformly, and with the most FLOPs
_CLIMBERS, _STEPS = 16, 30  # from how many one goes uphill at once, and how often

Score = Callable[[Encoded], Floats]
"""Says how promising architectures are: shape (n,)."""


@dataclass(frozen=True, eq=False)
class Choices:
    """Architectures to choose from: shape (n, decisions), and the same encoded."""

    architectures: Integers
    encoded: Encoded

    def __len__(self) -> int:
        return len(self.architectures)

    def at(self, place: int) -> Architecture:
        """Return one of them."""
        return tuple(self.architectures[place].tolist())


@lru_cache(maxsize=4)
def whole(region: Region) -> Choices:
    """Return all architectures of a region whose space is small."""
    coder = encoder(region.space)
    everything = coder.reference[region.allows(coder.reference)]
    return Choices(everything, coder.encode(everything))


def gather(region: Region, good: Sequence[Architecture], score: Score, rng: np.random.Generator) -> Choices:
    """Return the architectures to choose from: the whole of a space of up to `WHOLE` architectures.

    Of a larger one: uniform draws, the largest, and the architectures uphill from these and from the `good` ones, by
    changes of one decision, as far as `score` rises.
    """
    space = region.space
    if space.size <= WHOLE:
        return whole(region)
    met = np.concatenate([np.array(good, dtype=np.int64).reshape(-1, len(space.decisions)), _drawn(region, rng)])
    climbers = met[_highest(_scores(space, met, score), _CLIMBERS)]
    reached = -np.inf
    for _ in range(_STEPS):
        near = region.neighbours(climbers)
        met = np.concatenate([met, near])
        found = _scores(space, near, score)
        if not len(near) or found.max() <= reached + 1e-9:
            break
        reached = float(found.max())
        climbers = near[_highest(found, _CLIMBERS)]
    met = np.unique(met, axis=0)
    return Choices(met, encoder(space).encode(met))


def draw_by_options(region: Region, rng: np.random.Generator) -> Choices:
    """Draw architectures of a region such that the options of each decision come equally often, hidden ones aside.

    Uniform draws of a space with conditions prefer the options that show many other decisions.
    """
    space = region.space
    drawn = region.draw(rng, _DRAWN)
    if space.conditions:
        drawn = _by_options(region, rng, drawn)
    return Choices(drawn, encoder(space).encode(drawn))


def _by_options(region: Region, rng: np.random.Generator, otherwise: Integers) -> Integers:
    decisions, conditions = region.space.decisions, region.space.conditions
    columns = [rng.integers(d.numbers.start, d.numbers.stop, _DRAWN) for d in decisions]
    rows: Integers = np.stack(columns, axis=1)
    settled = np.where(conditions.visible(rows), rows, conditions.first)
    kept = settled[region.allows(settled)]
    return kept if len(kept) else otherwise


def choose(space: SearchSpace, choices: Choices, scores: Floats, tried: Collection[Hashable], count: int) -> list[int]:
    """Return the places of the highest scores in the choices, at most `count`, without functions that were tried."""
    taken, found = set(tried), []
    for place in np.argsort(-scores, kind="stable"):
        identity = space.identity(choices.at(place))
        if identity not in taken:
            taken.add(identity)
            found.append(int(place))
        if len(found) == count:
            break
    return found


def _drawn(region: Region, rng: np.random.Generator) -> Integers:
    drawn = draw_by_options(region, rng).architectures if has_ranges(region.space) else region.draw(rng, _DRAWN)
    largest = list(islice(region.largest_first(), _LARGEST))
    return np.concatenate([drawn, np.array(largest, dtype=np.int64).reshape(-1, len(region.space.decisions))])


def _scores(space: SearchSpace, architectures: Integers, score: Score) -> Floats:
    return score(encoder(space).encode(architectures))


def _highest(scores: Floats, count: int) -> npt.NDArray[np.int64]:
    return np.argsort(-scores, kind="stable")[:count]
