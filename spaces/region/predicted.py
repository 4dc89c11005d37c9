"""A cost that a fit predicts: a sum of look-ups by the options of a few decisions each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..disguise import Disguise
from ..objective import Objective
from ..space import SearchSpace
from .feasible import Integers, Reals

CostTerm = tuple[tuple[int, ...], Reals]
"""Some decisions, and the cost that each combination of their options adds: shape (options of each decision, …)."""


@dataclass(frozen=True, eq=False)
class PredictedCost:
    """A cost of the architectures of a space: a constant, and the terms that are added to it.

    `mae` is the mean absolute error of predictions of measurements that the fit did not see; 95% of these errors were
    at most `within`.
    """

    objective: Objective
    base: float
    terms: tuple[CostTerm, ...]
    mae: float
    within: float

    @property
    def name(self) -> str:
        """The name of the cost."""
        return self.objective.name

    @property
    def words(self) -> str:
        """The errors, as in `off by 0.021 ms on average, and by at most 0.06 ms in 95% of cases`."""
        mae, within = (f"{off:.2g}{self.objective.suffix}" for off in (self.mae, self.within))
        return f"off by {mae} on average, and by at most {within} in 95% of cases"

    @property
    def is_single(self) -> bool:
        """Whether each term depends on one decision."""
        return all(len(decisions) == 1 for decisions, _ in self.terms)

    def amounts(self, space: SearchSpace, architectures: Integers) -> Reals:
        """Predict the cost of architectures, of shape (n, decisions): shape (n,), from 0 on."""
        places = architectures - np.array([decision.first for decision in space.decisions])
        found = np.full(len(places), self.base)
        for decisions, values in self.terms:
            found += values[tuple(places[:, at] for at in decisions)]
        return found.clip(0.0)

    def added(self, at: int, options: int) -> Reals:
        """Return the cost that each option of a decision adds by terms of it alone: shape (options,)."""
        found = np.zeros(options)
        for decisions, values in self.terms:
            found += values if decisions == (at,) else 0.0
        return found

    def disguised(self, space: SearchSpace, disguise: Disguise) -> "PredictedCost":
        """Return the same cost of a space in disguise, whose decisions and options stand in another order."""

        def shown(decisions: Sequence[int], values: Reals) -> CostTerm:
            places = tuple(map(disguise.shown, decisions))
            firsts = [space.decisions[decision].first for decision in decisions]
            orders = [np.array(disguise.meanings[at]) - first for at, first in zip(places, firsts, strict=True)]
            return places, values[np.ix_(*orders)]

        return replace(self, terms=tuple(shown(*term) for term in self.terms))
