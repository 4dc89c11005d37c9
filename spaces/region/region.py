"""The region of a search: the architectures of a space that its rule and the limits on costs allow."""

from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import count, islice
from threading import Lock

import numpy as np
import numpy.typing as npt

from ...errors import GeniusError
from ..disguise import Disguise
from ..rule import ENUMERABLE
from ..space import Architecture, SearchSpace
from .additive import Additive
from .changes import in_order
from .feasible import Extremes, FeasibleSet, Integers, Tally
from .further import costs_for
from .limits import NO_LIMITS, OPEN, Counts, Limits
from .listed import Listed
from .searchable import check_searchable
from .steps import steps_through
from .summed import Summed
from .walked import Walked

_BUILT = 20_000  # networks that are all built, where costs are counted on them


@dataclass(frozen=True)
class Region:
    """A search space within limits: the architectures that keep the space's rule, and whose costs keep the limits.

    How the architectures are found depends on the space. They are listed where it has up to `ENUMERABLE` combinations
    of options, or 20,000 networks that have to be built for their costs. Where the costs come in parts, they are added
    up decision by decision, unless too much had to be remembered, or a further cost is limited. All others are found by
    changes of draws.
    """

    space: SearchSpace
    limits: Limits = NO_LIMITS

    @property
    def words(self) -> str:
        """The limits in words."""
        return self.limits.words(text=self.space.context is not None)

    @property
    def unlimited(self) -> "Region":
        """The same space without limits, with FLOPs by the same convention."""
        return replace(self, limits=self.limits.opened)

    def disguised(self, disguise: Disguise) -> "Region":
        """Return the region as a model is shown it that is to know neither names, nor the order, nor costs in numbers.

        Raises: GeniusError for the key of another space.
        """
        hidden = tuple(each.disguised(self.space, disguise) for each in self.limits.predicted)
        return Region(disguise.of(self.space), replace(self.limits, predicted=hidden, units=disguise.units))

    @property
    def without_rule(self) -> "Region":
        """The same limits on the space in which every combination of options is allowed."""
        return replace(self, space=self.space.without_rule)

    @property
    def exact(self) -> bool:
        """Whether the largest, the smallest and the nearest are exact; else they are the best that are found."""
        return _feasible(self).exact

    @property
    def looked_up(self) -> bool:
        """Whether the limits are held against look-ups, without a network that is built."""
        return self.space.looked_up or self.limits.by_prediction

    @property
    def is_additive(self) -> bool:
        """Whether costs are sums over decisions."""
        parts = self.space.parts
        return bool(parts) and all(len(part.decisions) <= 1 for part in parts)

    def allows(self, architectures: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Tell which combinations of options, of shape (n, decisions), keep the rule and the limits: shape (n,)."""
        rows = self._rows(architectures)
        kept = self.space.allows(rows)
        if self.limits.limited:
            kept[kept] = self.limits.keep(self.counted(rows[kept]))
        return kept

    def counted(self, architectures: npt.ArrayLike) -> Counts:
        """Return the costs of architectures in the order of the limits' ranges: shape (n, ranges).

        These are FLOPs, by the limits' convention, parameters, and the further costs that the limits name.
        """
        rows = self._rows(architectures)
        return self.limits.counted(costs_for(self.limits, self.space, rows, strict=self.limits.of_flops))

    def count(self, *, exact: bool = False) -> Tally | None:
        """Count the architectures: exactly where that takes less than about a second, or is asked for.

        None where they can neither be listed nor added up, nor does a sample find them. Exact counts of a large space
        are of sums over its decisions within one limit, without a rule, and up to 2^122.
        """
        if not self.limits.limited and self.space.count is not None:
            return Tally(self.space.count)
        counted = _feasible(self).count(quick=not exact)
        if counted is not None:
            return Tally(counted)
        return None if exact else _feasible(self).estimate(np.random.default_rng(0))

    def extremes(self) -> Extremes | None:
        """Return the smallest and largest of each cost of the space without limits, in the order of their ranges.

        Where a large space has a rule, forbidden architectures are not left out of sums. Where costs are no sums,
        they are the extremes that are found. None where no network can be built, or too many would have to be.
        """
        return _feasible(self.unlimited).extremes()

    def beside(self) -> tuple[float | None, float | None]:
        """Return the costs of the space next below and next above the range, where one thing alone is limited."""
        if sum(ends != OPEN for ends in self.limits.ranges) > 1:
            return None, None
        return _feasible(self).beside(self.limits.main)

    def listed(self) -> Integers | None:
        """Return all architectures, of shape (n, decisions); None where they are not listed."""
        return found.architectures if isinstance(found := _feasible(self), Listed) else None

    def sample(self, rng: np.random.Generator) -> Architecture:
        """Draw an architecture, as `draw` does; without limits as `SearchSpace.sample` does."""
        return tuple(self.draw(rng, 1)[0].tolist()) if self.limits.limited else self.space.sample(rng)

    def draw(self, rng: np.random.Generator, count: int) -> Integers:
        """Draw uniformly: shape (count, decisions), or fewer where the range is narrow.

        It is not quite uniform in two cases. Where costs are no sums and few of the space are inside, draws are random
        walks. Where tens of thousands of draws close to a range of sums all miss it, it is a walk, or the one nearest
        to such a draw. Raises: GeniusError where none was found.
        """
        if not self.limits.limited:
            return self.space.draw(rng, count)
        drawn = _feasible(self).draw(rng, count)
        if len(drawn):
            return drawn
        rule, mend = (" that its rule allows", " or loosen the rule") if self.space.valid else ("", "")
        raise GeniusError(
            f"no architecture of {self.space.name}{rule} within {self.words} was found; allow a wider range{mend}"
        )

    def nearest(self, architecture: Architecture, tried: Collection[Hashable] = ()) -> Architecture | None:
        """Return the architecture with the fewest changes, of none of the `tried` identities.

        Of equals it is the one with the highest FLOPs, or parameters where these alone are limited: the closest from
        below to the upper end. Where the region is not `exact`, all with one change are looked at, and with two where
        these are up to 100,000 look-ups; beyond, it is the nearest that is found. None where there is none.
        """
        ordered = _feasible(self).nearest_first(architecture)
        return next((found for found in ordered if self.space.identity(found) not in tried), None)

    def largest_first(self) -> Iterator[Architecture]:
        """Go through the architectures by FLOPs, the highest first; in a small space more parameters first.

        Where the region is not `exact`, it goes through those that are found on the way uphill and around.
        """
        yield from _from_the_largest(self)

    def largest(self, tried: Collection[Hashable] = ()) -> Architecture | None:
        """Return the architecture with the most FLOPs, of none of the `tried` identities; see `largest_first`."""
        return next((found for found in self.largest_first() if self.space.identity(found) not in tried), None)

    def smallest(self) -> Architecture | None:
        """Return the architecture with the fewest FLOPs, or parameters where these alone are limited."""
        return _feasible(self).smallest()

    def neighbours(self, architectures: npt.ArrayLike, decisions: Sequence[int] | None = None) -> Integers:
        """Return the architectures of the region that differ from some in one decision that counts: each once.

        `decisions` are those that may differ, by their places; by default all.
        """
        places = range(len(self.space.decisions)) if decisions is None else decisions
        rows = self._rows(architectures)
        found = in_order(np.concatenate([rows[:0], *(self._single_changes(row, places) for row in rows)]))
        return found[self.allows(found)]

    def off_by_one(self, architecture: Architecture) -> Integers:
        """Return the architectures that differ in one decision and break the limits; none where networks are built."""
        if not self.limits.limited or not self.looked_up:
            return self._rows([])
        near = self.unlimited.neighbours(architecture)
        off: Integers = near[~self.allows(near)]
        return off

    def swaps(self, architecture: Architecture, off: Integers) -> Integers:
        """Return the architectures of the region in which one further change makes up for one that is `off` the limits:
        more in one decision, and less in another."""
        found = self.neighbours(off)
        swapped: Integers = found[(found != np.array(architecture)).sum(axis=1) > 1]
        return swapped

    def check(self) -> None:
        """Make sure that there is an architecture, and that the space's functions answer.

        Raises: GeniusError with the range of the space's costs, or with the fault.
        """
        check_searchable(self)

    def _single_changes(self, architecture: Integers, places: Sequence[int]) -> Integers:
        found, counting = [], self.space.visible(tuple(architecture.tolist()))
        for at in places:
            decision = self.space.decisions[at]
            others = [option for option in decision.numbers if option != architecture[at] and counting[at]]
            changed = np.repeat(architecture[None], len(others), axis=0)
            changed[:, at] = others
            found.append(changed)
        changes = np.concatenate(found)
        return self.space.conditions.settled(changes) if self.space.conditions else changes

    def _rows(self, architectures: npt.ArrayLike) -> Integers:
        return np.asarray(architectures, dtype=np.int64).reshape(-1, len(self.space.decisions))


@lru_cache(maxsize=8)
def _feasible(region: Region) -> FeasibleSet:
    if region.space.size <= (ENUMERABLE if region.looked_up else _BUILT):
        return Listed(region)
    steps = None if region.limits.others else steps_through(region.space, region.limits.convention)
    if steps is None:
        return Walked(region)
    if all(step.states == 1 for step in steps) and (additive := Additive(region, steps)).chain.is_short:
        return additive
    return Summed(region, steps)


class _Ordered:
    """An order that is gone through again and again, and computed once, as far as it was asked for."""

    def __init__(self, begin: Callable[[], Iterator[Architecture]]) -> None:
        self._begin, self._order = begin, begin()
        self._known: list[Architecture] = []
        self._lock = Lock()

    def __iter__(self) -> Iterator[Architecture]:
        for at in count():
            if at == len(self._known) and not self._is_longer(at):
                return
            yield self._known[at]

    def _is_longer(self, length: int) -> bool:
        with self._lock:
            if length == len(self._known):
                try:
                    self._known.extend(islice(self._order, 1))
                except BaseException:
                    self._order = islice(self._begin(), length, None)  # the next one fails likewise, and does not end
                    raise
            return length < len(self._known)


@lru_cache(maxsize=4)
def _from_the_largest(region: Region) -> _Ordered:
    return _Ordered(_feasible(region).largest_first)
