"""The judgement of a simulated model: a score of every architecture of a table, as right as its user asks for.

A path leads from the truth to its reverse: the table's ranking, the effects of options and of pairs in it, effects that
are drawn at random, the reversed effects, the reversed ranking. A judgement is the point on it whose ranking has the
Kendall correlation TAU with the table's. So all but the most exact models judged by effects of options and pairs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import combinations
from math import sqrt

import numpy as np
import numpy.typing as npt

from ..guide.features import Floats
from ..tables.published import Table

_SWEEPS = 4  # over all factors; one is exact where options occur together equally often, as in whole spaces
_HALVINGS = 30
_SAMPLE = 20_000  # architectures by which a correlation is calibrated

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Factor:
    """A decision, or two of them together; `codes` tells of every architecture of a pool which options it has there."""

    decisions: tuple[int, ...]
    codes: Codes


@dataclass(frozen=True, eq=False)
class Factors:
    """The architectures of a table as factors, and their values as a ranking, standardised; shape (n,)."""

    options: npt.NDArray[np.int64]  # shape (n, decisions)
    ranking: Floats

    @property
    def width(self) -> int:
        """The number by which two options of a pair make one code: the first times it, and the second."""
        return int(self.options.max()) + 1

    @cached_property
    def factors(self) -> list[Factor]:
        """List the decisions, then their pairs."""
        columns, width = self.options.T, self.width
        pairs = combinations(range(len(columns)), 2)
        alone = [Factor((at,), column) for at, column in enumerate(columns)]
        return [*alone, *(Factor((i, j), columns[i] * width + columns[j]) for i, j in pairs)]

    @cached_property
    def known(self) -> list[Floats]:
        """The effects in the table's ranking."""
        return mean_effects(self.factors, self.ranking)

    def scores(self, tables: Sequence[Floats]) -> Floats:
        """Add up the effects of every architecture, standardised."""
        found = np.zeros(len(self.options))
        for factor, table in zip(self.factors, tables, strict=True):
            found += table[factor.codes]
        return standardised(found)


@lru_cache(maxsize=8)
def pool_of(table: Table) -> Factors:
    """Take apart the architectures of a table."""
    from scipy.stats import rankdata

    return Factors(np.array(table.architectures), standardised(rankdata(table.utilities)))


def standardised(values: npt.ArrayLike) -> Floats:
    """Shift and scale values to mean 0 and standard deviation 1; equal ones to 0."""
    given = np.asarray(values, dtype=float)
    spread = float(given.std())
    found: Floats = (given - given.mean()) / (spread or 1.0)
    return found


def mean_effects(factors: Sequence[Factor], values: Floats) -> list[Floats]:
    """Return the effect of every code of each factor: mean differences of the values, less those of other factors.

    Means of a few architectures are shrunk towards 0.
    """
    left = values - values.mean()
    counts = [np.bincount(factor.codes) for factor in factors]
    found = [np.zeros(len(count)) for count in counts]
    for _ in range(_SWEEPS):
        for factor, count, effect in zip(factors, counts, found, strict=True):
            step = np.bincount(factor.codes, left) / (count + 1)
            effect += step
            left = left - step[factor.codes]
    return found


def judged(table: Table, tau: float, seed: Sequence[int]) -> Floats:
    """Score every architecture of a table so that the scores' Kendall correlation with its ranking is `tau`.

    Shape (n,), in standard deviations. The random effects of a seed are the same for every `tau`. Tables of a few
    architectures get a correlation near it.
    """
    pool = pool_of(table)
    rng = np.random.default_rng([*seed, len(table)])
    worlds = pool.ranking, pool.scores(pool.known), pool.scores(list(_random(pool, rng)))
    sample = rng.permutation(len(table))[:_SAMPLE]
    shown = tuple(world[sample] for world in worlds)
    low, high = -2.0, 2.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        right = kendall(_mixed(shown, middle), shown[0]) < tau
        low, high = (middle, high) if right else (low, middle)
    return standardised(_mixed(worlds, high))


def kendall(scores: Floats, others: npt.ArrayLike) -> float:
    """Return Kendall's correlation of two scores; 0 where one of them is constant."""
    from scipy.stats import kendalltau

    found = float(kendalltau(scores, others).statistic)
    return 0.0 if np.isnan(found) else found


def _random(pool: Factors, rng: np.random.Generator) -> Iterator[Floats]:
    """Draw effects of the sizes of the true ones."""
    for effect in pool.known:
        yield rng.normal(0.0, float(np.sqrt(np.mean(effect**2))), len(effect))


def _mixed(worlds: Sequence[Floats], place: float) -> Floats:
    """Return the point of the path: 2 is the ranking, 1 its effects, 0 random effects, -1 and -2 the reverse."""
    ranking, by_effects, at_random = worlds
    if abs(place) <= 1:
        return place * by_effects + sqrt(1 - place**2) * at_random
    beyond = abs(place) - 1
    mixed: Floats = np.sign(place) * ((1 - beyond) * by_effects + beyond * ranking)
    return mixed
