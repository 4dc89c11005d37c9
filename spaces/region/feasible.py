"""The contract of the ways in which the architectures of a region are found."""

from collections.abc import Callable, Iterator
from math import sqrt
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from ..space import Architecture

if TYPE_CHECKING:
    from .region import Region

Integers = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]

Extremes = tuple[tuple[float, float], ...]
"""The smallest and largest FLOPs, the smallest and largest parameters, and those of further costs that are limited."""


BATCH = 256
"""Architectures that are drawn together."""

_BATCHES, _BATCHES_BY_RULE = 200, 800  # until a range is too narrow for draws, or a rule too strict


_ESTIMATED = 16  # batches that an estimate is made of


class Tally(NamedTuple):
    """How many architectures there are; by a sample where it has a standard deviation, else exactly."""

    number: float
    sd: float = 0.0

    @property
    def exact(self) -> bool:
        """Whether they were counted."""
        return isinstance(self.number, int)


class FeasibleSet(Protocol):
    """The architectures of a region: those that keep the space's rule and the limits.

    `exact` is whether the largest, the smallest and the nearest are; else they are the best that were found.
    """

    exact: bool

    def count(self, *, quick: bool) -> int | None:
        """Count them; None where that cannot be done, or not `quick`, in about a second."""

    def estimate(self, rng: np.random.Generator) -> Tally | None:
        """Estimate how many they are; None where that cannot be done either."""

    def extremes(self) -> Extremes | None:
        """Return the lowest and the highest costs of them; None where they are not known."""

    def beside(self, quantity: int) -> tuple[float | None, float | None]:
        """Return the costs of the space next below and next above a range, by its place in the limits' ranges."""

    def draw(self, rng: np.random.Generator, count: int) -> Integers:
        """Draw uniformly: shape (count, decisions), or fewer."""

    def largest_first(self) -> Iterator[Architecture]:
        """Go through them by FLOPs, or parameters where these alone are limited, the highest first."""

    def smallest(self) -> Architecture | None:
        """Return the one with the lowest FLOPs, or parameters where these alone are limited."""

    def nearest_first(self, architecture: Architecture) -> Iterator[Architecture]:
        """Go through them by the number of changes of an architecture; of equals the highest FLOPs first."""


def draw_by_rejection(
    region: "Region", batch: Callable[[np.random.Generator], Integers], rng: np.random.Generator, count: int
) -> tuple[Integers, Integers]:
    """Draw batches until enough of them are in the region: shape (count, decisions), or fewer; and the last batch."""
    found = drawn = np.empty((0, len(region.space.decisions)), dtype=np.int64)
    for _ in range(_BATCHES if not region.space.restricted else _BATCHES_BY_RULE):
        drawn = batch(rng)
        found = np.concatenate([found, drawn[region.allows(drawn)]])
        if len(found) >= count:
            return found[:count], drawn
    return found, drawn


def estimated(
    region: "Region", batch: Callable[[np.random.Generator], Integers], of: float, rng: np.random.Generator
) -> Tally | None:
    """Estimate how many of so many architectures are in the region, by the share of draws from them that are."""
    inside = np.concatenate([region.allows(batch(rng)) for _ in range(_ESTIMATED)])
    if not inside.any():
        return None
    share = float(inside.mean())
    return Tally(of * share, of * sqrt(share * (1 - share) / len(inside)))
