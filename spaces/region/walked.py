"""The architectures of a region whose costs are known one by one alone: found by small changes of draws."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ..space import Architecture
from .changes import Changes, Near, Penalty, distinct, improved
from .distance import OUTLAWED, Distance
from .feasible import BATCH, Extremes, Integers, Reals, Tally, draw_by_rejection, estimated

if TYPE_CHECKING:
    from .region import Region

_RARE = 1 / 256  # the share of a space that is inside, below which draws from all of it are given up
_DEEP = 5  # changes up to which the nearest is looked for around an architecture
_MOST = 100.0  # more than twice the logarithm of any cost
_STRIDES = 4  # changes of each decision on a walk, on average


@dataclass(frozen=True)
class _Effort:
    """How many architectures are looked at, by the cost of each: a look-up, a call of a function, or a network built.

    `batch` are drawn together, and `probed` to see how rare the region is. `climbers` are improved side by side, by the
    best of `looked` changes each, until there is none for `idle` rounds. `walkers` walk at random. For the nearest up
    to `pairs` of changes are all looked at, and beyond those it goes on from the best `kept`.
    """

    batch: int
    probed: int
    climbers: int
    looked: int
    idle: int
    walkers: int
    pairs: int
    kept: int


_LOOK_UP = _Effort(BATCH, 4_096, 12, 128, 15, 512, 100_000, 16)
_NETWORK = _Effort(1, 64, 2, 8, 10, 4, 0, 1)


class Walked:
    """The architectures of a region, found by draws, and from there by changes of one decision or two.

    The largest, the smallest and the nearest here are the best that were found: all of it is a function of the region,
    and of the generator that is passed.
    """

    exact = False

    def __init__(self, region: "Region") -> None:
        self._region, self._space, self._limits = region, region.space, region.limits
        self._first = np.array([decision.numbers[0] for decision in self._space.decisions])
        self._changes, self._distance = Changes(self._space.decisions, self._space.conditions), Distance(region)
        self._effort = _LOOK_UP if region.looked_up else _NETWORK

    def count(self, *, quick: bool) -> int | None:
        """Return nothing: they are not gone through."""
        return None

    def estimate(self, rng: np.random.Generator) -> Tally | None:
        """Estimate how many they are by draws from all of the space; None where too few of these are inside."""
        if self._effort is _NETWORK or self._space.count is None:
            return None
        return estimated(self._region, self._drawn, self._space.count, rng)

    def extremes(self) -> Extremes | None:
        """Return the lowest and the highest costs that are found; None where networks have to be built for them."""
        if self._effort is _NETWORK:
            return None
        quantities = range(len(self._limits.ranges))
        return tuple((self._lowest(quantity, 1), 0 - self._lowest(quantity, -1)) for quantity in quantities)

    def _lowest(self, quantity: int, sign: int) -> float:
        def cost(rows: Integers) -> Reals:
            distance, counted = self._distance(rows)
            return np.where(distance < OUTLAWED, sign * counted[:, quantity], np.inf)

        rng = np.random.default_rng(0)
        return float(cost(self._downhill(self._space.draw(rng, self._effort.climbers), cost, rng)).min())

    def beside(self, quantity: int) -> tuple[float | None, float | None]:
        """Return nothing: changes do not lead to the costs next to a range."""
        return None, None

    def draw(self, rng: np.random.Generator, count: int) -> Integers:
        """Draw uniformly where enough of the space is inside, else by random walks: shape (count, decisions), or fewer.

        A walk begins at one of some architectures inside, and stays inside by changes of one decision or two, each as
        likely as its reverse: it forgets where it began in the long run only, so these draws are not quite uniform.
        """
        if not self._is_rare:
            found, _ = draw_by_rejection(self._region, self._drawn, rng, count)
            if len(found):
                return found
        return self._walked(rng, min(count, self._effort.walkers))

    def _drawn(self, rng: np.random.Generator) -> Integers:
        if self._space.restricted:
            return self._space.draw(rng, self._effort.batch)
        return np.array([self._space.sample(rng) for _ in range(self._effort.batch)])

    @cached_property
    def _is_rare(self) -> bool:
        drawn = self._space.draw(np.random.default_rng(0), self._effort.probed)
        return bool(self._distance.inside(drawn).mean() < _RARE)

    def _walked(self, rng: np.random.Generator, count: int) -> Integers:
        if not len(self._starts):
            return self._starts
        rows = self._starts[rng.integers(len(self._starts), size=count)]
        step = self._changes.at_random(rng)
        for _ in range(_STRIDES * len(self._first)):
            moved = step(rows)
            rows = np.where(self._distance.inside(moved)[:, None], moved, rows)
        return rows

    @cached_property
    def _starts(self) -> Integers:
        """Some architectures inside, at which walks begin; none where none was found."""
        rng = np.random.default_rng(0)
        drawn = self._space.draw(rng, self._effort.climbers)
        found = self._downhill(drawn, lambda rows: self._distance(rows)[0], rng)
        return found[self._distance.inside(found)]

    def _downhill(self, rows: Integers, cost: Penalty, rng: np.random.Generator) -> Integers:
        return improved(rows, cost, self._around(rng), self._effort.idle)

    def _around(self, rng: np.random.Generator) -> Near:
        return self._changes.at_random(rng, self._effort.looked)

    def largest_first(self) -> Iterator[Architecture]:
        """Go through those found uphill and close to these, the highest costs first."""
        return self._met(-1)

    def smallest(self) -> Architecture | None:
        """Return the one with the lowest cost that was found."""
        return next(self._met(1), None)

    def _met(self, sign: int) -> Iterator[Architecture]:
        """Improve architectures inside by their cost, upwards (-1) or downwards (1), and go through those met."""

        def cost(rows: Integers) -> Reals:
            distance, counted = self._distance(rows)
            return np.where(distance == 0, sign * counted[:, self._limits.main], np.inf)

        if not len(self._starts):
            return
        rng = np.random.default_rng(0)
        begun = self._starts[np.arange(self._effort.climbers) % len(self._starts)]
        found = self._downhill(begun, cost, rng)
        yield from _ordered(np.concatenate([found, self._around(rng)(found)]), cost)

    def nearest_first(self, architecture: Architecture) -> Iterator[Architecture]:
        """Go through those with no change, one change, and so on; of equals the highest costs first.

        All of one change are found, and all of two where costs are look-ups and these are up to 100,000. With some more
        changes it goes on from the best with one less. Then come those to which some inside are changed back.
        """
        level, all_of_them = np.array([architecture]), True
        for changes in range(min(_DEEP, len(self._first)) + 1):
            if changes:
                level = self._changes.one_more(level, architecture, ordered=all_of_them)
            yield from _ordered(level, self._changed_from(architecture))
            all_of_them = changes == 0 or (changes == 1 and len(level) ** 2 / 2 <= self._effort.pairs)
            if not all_of_them:
                level = level[np.argsort(self._distance(level)[0], kind="stable")[: self._effort.kept]]
        yield from _ordered(self._changed_back(architecture), self._changed_from(architecture))

    def _changed_from(self, architecture: Architecture, sign: int = -1) -> Penalty:
        """Return the number of changes, and of equals the cost, with a sign; infinity for those not inside."""

        def cost(rows: Integers) -> Reals:
            distance, counted = self._distance(rows)
            size = np.log1p(np.maximum(counted[:, self._limits.main], 0)) / _MOST
            return np.where(distance == 0, (rows != np.array(architecture)).sum(axis=1) + sign * size, np.inf)

        return cost

    def _changed_back(self, architecture: Architecture) -> Integers:
        """Change some that are inside back to an architecture, decision by decision, as long as they stay inside.

        Those changes come first that leave the most to the limit; in the end the cost is raised again.
        """
        if not len(self._starts):
            return self._starts
        cost = self._distance(np.array([architecture]))[1][0, self._limits.main]
        sign = 1 if cost > self._limits.ranges[self._limits.main][1] else -1
        near = improved(self._starts, self._changed_from(architecture, sign), self._changes.back_to(architecture))
        raised = improved(near, self._changed_from(architecture), self._changes.single)
        return np.concatenate([self._starts, near, raised, self._changes.single(raised)])


def _ordered(rows: Integers, cost: Penalty) -> Iterator[Architecture]:
    """Go through those of a finite cost, the lowest first, each once."""
    rows = distinct(rows)
    costs = cost(rows)
    for at in np.argsort(costs, kind="stable")[: int(np.isfinite(costs).sum())]:
        yield tuple(rows[at].tolist())
