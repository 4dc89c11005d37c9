"""The judgement of a simulated model: a score of every architecture of a table, as right as its user asks for.

A path leads from the truth to its reverse: the table's ranking, the effects of options and of pairs in it, effects that
are drawn at random, the reversed effects, the reversed ranking. A judgement is the point on it whose ranking has the
Kendall correlation TAU with the table's. So all but the most exact models judge by effects of options and pairs.
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
_SAMPLE = 20_000  # architectures by which effects and a correlation are found in a larger table

_Options = npt.NDArray[np.int64]  # of architectures, shape (n, decisions)


@dataclass(frozen=True)
class Factor:
    """A decision, or two of them together, with a code for each of their options: `size` codes from 0 on.

    The code of a pair is the first option times `width`, and the second.
    """

    decisions: tuple[int, ...]
    size: int
    width: int = 1

    def codes(self, options: _Options) -> npt.NDArray[np.int64]:
        """Return the codes of architectures; shape (n,)."""
        first, *others = (options[:, at] for at in self.decisions)
        return first * self.width + others[0] if others else first


@dataclass(frozen=True, eq=False)
class Factored:
    """The architectures of a table, and their values as a ranking, standardised; shape (n,)."""

    options: _Options
    ranking: Floats

    @cached_property
    def factors(self) -> list[Factor]:
        """List the decisions, then their pairs."""
        sizes = (self.options.max(axis=0) + 1).tolist()
        pairs = combinations(range(len(sizes)), 2)
        alone = [Factor((at,), size) for at, size in enumerate(sizes)]
        return [*alone, *(Factor((i, j), sizes[i] * sizes[j], sizes[j]) for i, j in pairs)]

    @cached_property
    def sample(self) -> npt.NDArray[np.int64]:
        """The places of the architectures by which effects are found."""
        return np.random.default_rng(0).permutation(len(self.options))[:_SAMPLE]

    @cached_property
    def known(self) -> list[Floats]:
        """The effects in the table's ranking."""
        return self.effects_in(self.ranking)

    def effects_in(self, values: Floats) -> list[Floats]:
        """Return the effect of every code of each factor: mean differences of the values, less those of other factors.

        Means of a few architectures are shrunk towards 0.
        """
        left, codes = values[self.sample], [factor.codes(self.options[self.sample]) for factor in self.factors]
        counts = [np.bincount(code, minlength=factor.size) for code, factor in zip(codes, self.factors, strict=True)]
        found, left = [np.zeros(factor.size) for factor in self.factors], left - left.mean()
        for _ in range(_SWEEPS):
            for code, count, effect in zip(codes, counts, found, strict=True):
                step = np.bincount(code, left, len(effect)) / (count + 1)
                effect += step
                left = left - step[code]
        return found

    def scores(self, effects: Sequence[Floats]) -> Floats:
        """Add up the effects of every architecture, standardised."""
        found = np.zeros(len(self.options))
        for factor, effect in zip(self.factors, effects, strict=True):
            found += effect[factor.codes(self.options)]
        return standardised(found)


@lru_cache(maxsize=8)
def factored(table: Table) -> Factored:
    """Take apart the architectures of a table."""
    from scipy.stats import rankdata

    return Factored(np.array(table.architectures), standardised(rankdata(table.utilities)))


def standardised(values: npt.ArrayLike) -> Floats:
    """Shift and scale values to mean 0 and standard deviation 1; equal ones to 0."""
    given = np.asarray(values, dtype=float)
    spread = float(given.std())
    found: Floats = (given - given.mean()) / (spread or 1.0)
    return found


def judged(table: Table, tau: float, seed: Sequence[int]) -> Floats:
    """Score every architecture of a table so that the scores' Kendall correlation with its ranking is `tau`.

    Shape (n,), in standard deviations. The random effects of a seed are the same for every `tau`. Tables of a few
    architectures get a correlation near it.
    """
    known = factored(table)
    rng = np.random.default_rng([*seed, len(table)])
    worlds = known.ranking, known.scores(known.known), known.scores(list(_random(known, rng)))
    shown = tuple(world[known.sample] for world in worlds)
    low, high = -2.0, 2.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        below = kendall(_mixed(shown, middle), shown[0]) < tau
        low, high = (middle, high) if below else (low, middle)
    return standardised(_mixed(worlds, high))


def kendall(scores: Floats, others: npt.ArrayLike) -> float:
    """Return Kendall's correlation of two scores; 0 where one of them is constant."""
    from scipy.stats import kendalltau

    found = float(kendalltau(scores, others).statistic)
    return 0.0 if np.isnan(found) else found


def _random(known: Factored, rng: np.random.Generator) -> Iterator[Floats]:
    """Draw effects of the sizes of the true ones."""
    for effect in known.known:
        yield rng.normal(0.0, float(np.sqrt(np.mean(effect**2))), len(effect))


def _mixed(worlds: Sequence[Floats], place: float) -> Floats:
    """Return the point of the path: 2 is the ranking, 1 its effects, 0 random effects, -1 and -2 the reverse."""
    ranking, by_effects, at_random = worlds
    if abs(place) <= 1:
        return place * by_effects + sqrt(1 - place**2) * at_random
    beyond = abs(place) - 1
    mixed: Floats = np.sign(place) * ((1 - beyond) * by_effects + beyond * ranking)
    return mixed
