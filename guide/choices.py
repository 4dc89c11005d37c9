"""The choices of a surrogate: all architectures of a space, or those near the good ones in a large space."""

from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

import numpy as np
import numpy.typing as npt

from ..spaces.region import Integers, Region, in_order
from ..spaces.space import Architecture, SearchSpace
from .features import WHOLE, Encoded, Floats, encoder, has_ranges
from .starting import ascent

_DRAWN, _LARGEST = 1_024, 64  # architectures of a large space to begin with: drawn uniformly, and with the most FLOPs
_CLIMBERS, _STEPS = 16, 30  # from how many one goes uphill at once, at most, and how often
_LOOKED = 100_000  # options that a step uphill looks at: so many changes, times decisions
_JOINED = 64  # changes that are made at once, at most

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

    Of a larger one: uniform draws, the largest, balanced ones of all sizes, and the architectures uphill from these and
    from the `good` ones, as far as `score` rises.
    """
    space = region.space
    if space.size <= WHOLE:
        return whole(region)
    first = np.concatenate([np.array(good, dtype=np.int64).reshape(-1, len(space.decisions)), _drawn(region, rng)])
    scores = _scores(space, first, score)
    met = in_order(np.concatenate([first, *_uphill(region, first, scores, score, rng)]))
    return Choices(met, encoder(space).encode(met))


def _uphill(
    region: Region, rows: Integers, scores: Floats, score: Score, rng: np.random.Generator
) -> Iterator[Integers]:
    """Climb from the best of some architectures by changes of one decision, and by several of these at once.

    Goes through the architectures that are met, while the best of them gets better.
    """
    blocks, changes = _blocks(region.space, rng), sum(len(decision.options) - 1 for decision in region.space.decisions)
    width = min(max(_LOOKED // len(region.space.decisions) // max(changes, 1), 1), _CLIMBERS)
    best, idle = _highest(scores, width), 0
    climbers, reached = rows[best], scores[best[0]]
    for step in range(_STEPS):
        near = region.neighbours(climbers, blocks[step % len(blocks)])
        found = _scores(region.space, near, score)
        better = near[_highest(found, min(_JOINED, int((found > reached).sum())))]
        joined = _joined(region, climbers[0], better)
        met = np.concatenate([near, joined])
        found = np.concatenate([found, _scores(region.space, joined, score)])
        yield met
        if len(met) and found.max() > reached + 1e-9:
            best, idle = _highest(found, width), 0
            climbers, reached = met[best], found[best[0]]
        elif (idle := idle + 1) == len(blocks):
            return


def _blocks(space: SearchSpace, rng: np.random.Generator) -> list[list[int]]:
    """Part the decisions at random, so that the changes of each part are not too many for one step."""
    order = rng.permutation(len(space.decisions))
    changes = np.cumsum([len(space.decisions[at].options) - 1 for at in order])
    part = changes * len(order) // _LOOKED
    return [sorted(order[part == at].tolist()) for at in np.unique(part)]


def _joined(region: Region, climber: Integers, better: Integers) -> Integers:
    """Make the best 2, 4, 8 and so on of some changes of an architecture at once; of two that collide the better."""
    rows = []
    for count in 2 ** np.arange(1, len(better).bit_length()):
        row = climber.copy()
        for change in better[count - 1 :: -1]:
            row = np.where(change != climber, change, row)
        rows.append(row)
    joined = np.array(rows, dtype=np.int64).reshape(-1, len(climber))
    joined = region.space.conditions.settled(joined) if region.space.conditions else joined
    return joined[region.allows(joined)]


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
    known = np.array(largest, dtype=np.int64).reshape(-1, len(region.space.decisions))
    return np.concatenate([drawn, known, ascent(region)])


def _scores(space: SearchSpace, architectures: Integers, score: Score) -> Floats:
    return score(encoder(space).encode(architectures))


def _highest(scores: Floats, count: int) -> npt.NDArray[np.int64]:
    return np.argsort(-scores, kind="stable")[:count]
