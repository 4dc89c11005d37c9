"""Proposers over all tasks of a bench: geometric means of ranks, and the criteria for a model to be worth its money."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp

import numpy as np

from ..guide.features import Floats
from ..record.statistics import mean_of, rounded
from .plan import Plan
from .scores import Scores


@dataclass(frozen=True)
class GeometricMean:
    """A geometric mean over tasks of mean ranks, with its 95% confidence interval over seeds; without one where every
    seed gave the same."""

    mean: float
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return rounded(self.mean)
        return f"{rounded(self.mean)} ({rounded(self.low)} to {rounded(self.high)})"


@dataclass(frozen=True)
class Overall:
    """The ranks of a proposer over all tasks after a number of evaluations, and their ratio to the first proposer's."""

    proposer: str
    evaluations: int
    rank: GeometricMean
    ratio: GeometricMean


def overall(plan: Plan, scores: Sequence[Scores], budgets: Sequence[int]) -> list[Overall]:
    """Summarise the scores of each proposer over all tasks."""
    found = []
    for budget in budgets:
        ranks = {proposer: _ranks(scores, proposer, budget) for proposer in plan.proposers}
        first = ranks[plan.proposers[0]]
        found += [Overall(name, budget, _geometric(own), _ratio(own, first)) for name, own in ranks.items()]
    return found


def geometric_mean(scores: Sequence[Scores], proposer: str) -> GeometricMean:
    """Average the final ranks of a proposer over the tasks."""
    return _geometric(_ranks(scores, proposer, 0))


def _ranks(scores: Sequence[Scores], proposer: str, budget: int) -> Floats:
    """Return the ranks of a proposer, after all evaluations where `budget` is 0: shape (tasks, seeds)."""
    return np.array([each.rank[:, budget - 1] for each in scores if each.proposer == proposer])


def _geometric(ranks: Floats) -> GeometricMean:
    return _around(float(np.log(ranks.mean(axis=1)).mean()), _leverage(ranks))


def _ratio(ranks: Floats, others: Floats) -> GeometricMean:
    logs = np.log(ranks.mean(axis=1)) - np.log(others.mean(axis=1))
    return _around(float(logs.mean()), _leverage(ranks) - _leverage(others))


def _leverage(ranks: Floats) -> Floats:
    """Return by how much each seed moves the logarithm of the geometric mean, to first order: shape (seeds,)."""
    found: Floats = (ranks / ranks.mean(axis=1, keepdims=True)).mean(axis=0)
    return found


def _around(middle: float, leverage: Floats) -> GeometricMean:
    spread = mean_of(leverage)
    if spread.low is None:
        return GeometricMean(exp(middle))
    half = spread.mean - spread.low
    return GeometricMean(exp(middle), exp(middle - half), exp(middle + half))
