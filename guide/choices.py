"""The architectures that a surrogate chooses from: all of a space, or of a larger one what is near the good ones."""

from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

import numpy as np
import numpy.typing as npt

from ..spaces.draws import draw_inside
from ..spaces.inside import allowed, largest_inside, option_costs
from ..spaces.limits import Limits
from ..spaces.space import Architecture, SearchSpace
from .features import WHOLE, Encoded, Floats, Integers, encoder

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
def whole(space: SearchSpace, limits: Limits) -> Choices:
    """Return all architectures of a small space within limits."""
    everything = encoder(space).reference
    everything = everything[allowed(space, limits, everything)]
    return Choices(everything, encoder(space).encode(everything))


def gather(
    space: SearchSpace, limits: Limits, good: Sequence[Architecture], score: Score, rng: np.random.Generator
) -> Choices:
    """Return what there is to choose from: the whole of a space of up to `WHOLE` architectures.

    Of a larger one: uniform draws, the largest, and what is met on the way uphill from these and from the `good` ones,
    by changes of one decision, as far as `score` rises.
    """
    if space.size <= WHOLE:
        return whole(space, limits)
    met = np.concatenate([np.array(good, dtype=np.int64).reshape(-1, len(space.decisions)), _drawn(space, limits, rng)])
    climbers = met[_highest(_scores(space, met, score), _CLIMBERS)]
    reached = -np.inf
    for _ in range(_STEPS):
        near = np.unique(np.concatenate([_neighbours(space, climber) for climber in climbers]), axis=0)
        near = near[allowed(space, limits, near)]
        met = np.concatenate([met, near])
        found = _scores(space, near, score)
        if not len(near) or found.max() <= reached + 1e-9:
            break
        reached = float(found.max())
        climbers = near[_highest(found, _CLIMBERS)]
    met = np.unique(met, axis=0)
    return Choices(met, encoder(space).encode(met))


def choose(space: SearchSpace, choices: Choices, scores: Floats, tried: Collection[Hashable], count: int) -> list[int]:
    """Return the places in the choices of the highest scores, at most `count`, that compute what nothing tried does."""
    taken, found = set(tried), []
    for place in np.argsort(-scores, kind="stable"):
        identity = space.identity(choices.at(place))
        if identity not in taken:
            taken.add(identity)
            found.append(int(place))
        if len(found) == count:
            break
    return found


def _drawn(space: SearchSpace, limits: Limits, rng: np.random.Generator) -> Integers:
    drawn = draw_inside(space, limits, rng, _DRAWN)
    if option_costs(space, limits.convention) is None:
        return drawn
    largest = list(islice(largest_inside(space, limits), _LARGEST))
    return np.concatenate([drawn, np.array(largest, dtype=np.int64).reshape(-1, len(space.decisions))])


def _scores(space: SearchSpace, architectures: Integers, score: Score) -> Floats:
    return score(encoder(space).encode(architectures))


def _highest(scores: Floats, count: int) -> npt.NDArray[np.int64]:
    return np.argsort(-scores, kind="stable")[:count]


def _neighbours(space: SearchSpace, architecture: Integers) -> Integers:
    """Return the architectures that differ in one decision that counts."""
    found = []
    counting = space.visible(tuple(architecture.tolist()))
    for at, decision in enumerate(space.decisions):
        if not counting[at]:
            continue
        others = [option for option in decision.numbers if option != architecture[at]]
        changed = np.repeat(architecture[None], len(others), axis=0)
        changed[:, at] = others
        found.append(changed)
    return space.conditions.settled(np.concatenate(found)) if space.conditions else np.concatenate(found)
