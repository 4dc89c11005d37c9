"""The architectures of a region that can neither be listed nor added up: draws from the space, of which some fit."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ...errors import GeniusError
from ..space import Architecture
from .feasible import BATCH, Extremes, Integers, draw_by_rejection

if TYPE_CHECKING:
    from .region import Region


class Sampled:
    """The architectures of a region, as far as draws from its space find them."""

    def __init__(self, region: "Region") -> None:
        self._region, self._space = region, region.space

    def count(self) -> None:
        """Return nothing: draws do not count."""

    def extremes(self) -> Extremes | None:
        """Return nothing: draws do not find the extremes."""
        return None

    def beside(self, quantity: int) -> tuple[None, None]:
        """Return nothing: draws do not find the extremes."""
        return None, None

    def draw(self, rng: np.random.Generator, count: int) -> Integers:
        """Draw uniformly from the space, and keep what fits: shape (count, decisions), or fewer."""
        return draw_by_rejection(self._region, self._drawn, rng, count)[0]

    def _drawn(self, rng: np.random.Generator) -> Integers:
        batch = BATCH if self._space.parts else 1  # a network is built for the costs of each
        if self._space.valid:
            return self._space.draw(rng, batch)
        return np.array([self._space.sample(rng) for _ in range(batch)])

    def largest_first(self) -> Iterator[Architecture]:
        """Raises GeniusError."""
        raise self._unknown()

    def nearest_first(self, architecture: Architecture) -> Iterator[Architecture]:
        """Raises GeniusError."""
        raise self._unknown()

    def _unknown(self) -> GeniusError:
        return GeniusError(f"the costs of {self._space.name} do not add up decision by decision")
