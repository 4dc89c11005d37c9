"""The architectures of a region whose space is small enough to list."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ..space import Architecture, SearchSpace
from .feasible import Extremes, Integers, Tally
from .further import costs_for
from .limits import Counts, Limits

if TYPE_CHECKING:
    from .region import Region


@lru_cache(maxsize=4)
def _every(space: SearchSpace, further: Limits, strict: bool) -> tuple[Integers, Counts]:
    """List all architectures of a space with their costs: shapes (n, decisions) and (n, FIELDS + further names)."""
    architectures = np.array(list(space.architectures()))
    return architectures, costs_for(further, space, architectures, strict=strict)


class Listed:
    """The architectures of a region, one by one."""

    exact = True

    def __init__(self, region: "Region") -> None:
        self._region, self._limits = region, region.limits

    @cached_property
    def _inside(self) -> tuple[Integers, Counts]:
        further = replace(self._limits.opened, convention="macs")
        architectures, costs = _every(self._region.space, further, self._limits.of_flops)
        counted = self._limits.counted(costs)
        kept = self._limits.keep(counted)
        return architectures[kept], counted[kept]

    @property
    def architectures(self) -> Integers:
        """All of them, in the order of their numbers: shape (n, decisions)."""
        return self._inside[0]

    def count(self, *, quick: bool = True) -> int:
        """Count them."""
        return len(self.architectures)

    def estimate(self, rng: np.random.Generator) -> Tally:
        """Count them: that is as quick."""
        return Tally(self.count())

    def extremes(self) -> Extremes | None:
        """Return the lowest and the highest costs; None where there is no architecture."""
        costs = self._inside[1]
        if not len(costs):
            return None
        return tuple((column.min().item(), column.max().item()) for column in costs.T)

    def beside(self, quantity: int) -> tuple[float | None, float | None]:
        """Return the costs of the space next below and next above the range."""
        costs = Listed(self._region.unlimited)._inside[1][:, quantity]
        low, high = self._limits.ranges[quantity]
        below, above = costs[costs < low], costs[costs > high]
        return (below.max().item() if len(below) else None, above.min().item() if len(above) else None)

    def draw(self, rng: np.random.Generator, count: int) -> Integers:
        """Draw uniformly: shape (count, decisions); none where there is none."""
        if not self.count():
            return self.architectures
        return self.architectures[rng.integers(self.count(), size=count)]

    def largest_first(self) -> Iterator[Architecture]:
        """Go through them by FLOPs, the highest first, then by parameters, then by further costs."""
        architectures, costs = self._inside
        for at in np.lexsort(-costs.T[::-1]):
            yield tuple(architectures[at].tolist())

    def smallest(self) -> Architecture | None:
        """Return the one with the lowest cost."""
        architectures, costs = self._inside
        return tuple(architectures[costs[:, self._limits.main].argmin()].tolist()) if len(architectures) else None

    def nearest_first(self, architecture: Architecture) -> Iterator[Architecture]:
        """Go through them by the number of changes; of equals those of the highest cost first."""
        architectures, costs = self._inside
        changes = (architectures != np.array(architecture)).sum(axis=1)
        for at in np.lexsort((-costs[:, self._limits.main], changes)):
            yield tuple(architectures[at].tolist())
