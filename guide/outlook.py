"""The outlook of a search after some measurements: the expected utilities of architectures, and their probability to
improve on the best one so far."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from threading import Lock
from weakref import WeakKeyDictionary

import numpy as np

from ..record.candidate import Candidate, Suggestion
from ..record.goal import Goal
from ..record.history import History, Index
from ..record.notebook import Beliefs
from ..spaces.region import Region
from ..spaces.space import Architecture
from .aims import Feasibility
from .choices import Choices
from .features import Encoded, Floats
from .guide import ADVISER, Observed, best_feasible, feasibility_of, fit, observe
from .means import BELIEFS
from .surrogate import Surrogate


@dataclass(frozen=True, eq=False)
class Outlook:
    """The surrogates of a region's architectures after some measurements.

    `surrogate` knows the utility that is searched, `told` the first objective; `level` is the highest utility of a
    feasible measurement, None where there is none. `generator` is as the fit left it.
    """

    region: Region
    goal: Goal
    observed: Observed
    surrogate: Surrogate
    told: Surrogate
    feasibility: Feasibility | None
    level: float | None
    generator: np.random.Generator

    def rng(self) -> np.random.Generator:
        """Return a generator for further draws: the same for each reader."""
        return deepcopy(self.generator)

    @property
    def belief(self) -> float | None:
        """The posterior probability of a model's beliefs among the mean functions; None where it stated none."""
        return self.surrogate.shares().get(BELIEFS)

    def mean(self, architectures: Encoded) -> Floats:
        """Return the expected utility of n architectures in standard units, the infeasible last: shape (n,)."""
        mean, _ = self.surrogate.standard(architectures)
        return self.feasibility.preferred(mean, architectures) if self.feasibility else mean

    def sd(self, architectures: Encoded) -> Floats:
        """Return the standard deviations of the utilities of n architectures, in standard units: shape (n,)."""
        return self.surrogate.standard(architectures)[1]

    def improvement(self, architectures: Encoded) -> Floats:
        """Return the probability that n architectures are feasible and better than the best so far: shape (n,).

        Without a feasible measurement it is the probability to be feasible alone.
        """
        feasible = self.feasibility.probability(architectures) if self.feasibility else np.ones(len(architectures))
        if self.level is None:
            return feasible
        return feasible * self.surrogate.predict(architectures).probability_above(self.level)

    def suggestions(self, choices: Choices, places: Sequence[int], why: Callable[[int], str]) -> list[Suggestion]:
        """Return some of the choices with their forecasts and the reason for each."""
        if not places:
            return []
        chosen, objective = choices.encoded[list(places)], self.goal.objective
        predicted = self.told.predict(chosen)
        values = map(objective.utility, predicted.mean.tolist())  # a utility's own utility is the value
        numbers = zip(values, predicted.measured_sd().tolist(), self.improvement(chosen).tolist(), strict=True)
        return [
            Suggestion(choices.at(place), value, sd, probability, why(place))
            for place, (value, sd, probability) in zip(places, numbers, strict=True)
        ]


def fit_outlook(region: Region, history: Sequence[Candidate], rng: np.random.Generator) -> Outlook | None:
    """Fit the surrogates to a history; None where nothing was measured.

    Of several objectives the utility is a scalarisation with weights drawn anew for each history.
    """
    known = History.of(history)
    goal, guide = known.goal, ADVISER.of(known.goal)
    weights = rng.dirichlet(np.ones(len(goal.objectives))) if goal.pareto else None
    observed = observe(known, weights)
    if not len(observed):
        return None
    told = fit(region, observe(known), rng, guide, beliefs=known.beliefs)
    fitted = guide if weights is None else replace(guide, prior=guide.prior * float(weights[0]))
    surrogate = told if weights is None else fit(region, observed, rng, fitted, beliefs=known.beliefs)
    feasibility = feasibility_of(region, known, observed, surrogate, rng) if goal.limits else None
    return Outlook(region, goal, observed, surrogate, told, feasibility, best_feasible(known, observed), rng)


@dataclass(frozen=True)
class _Ground:
    """All that an outlook depends on, besides the finished candidates, which only grow in number."""

    region: Region
    seed: tuple[int, ...]
    finished: int
    running: tuple[Candidate, ...]
    goal: Goal
    beliefs: Beliefs | None
    weighed: tuple[tuple[Architecture, Mapping[str, float]], ...]


_fitting = Lock()
_latest: "WeakKeyDictionary[Index, tuple[_Ground, Outlook | None]]" = WeakKeyDictionary()


def outlook(region: Region, history: Sequence[Candidate], seed: Sequence[int]) -> Outlook | None:
    """Return the outlook of an iteration, a function of history and seed; None where nothing was measured.

    Of each trial the latest is kept, for whoever asks again in the same iteration.
    """
    known = History.of(history)
    ground = _Ground(
        region,
        tuple(seed),
        known.finished,
        tuple(known.running),
        known.goal,
        known.beliefs,
        tuple(known.weighed),
    )
    with _fitting:
        kept = _latest.get(known.indexed)
        if kept is None or kept[0] != ground:
            kept = ground, fit_outlook(region, known, np.random.default_rng([*seed, len(known)]))
            _latest[known.indexed] = kept
    return kept[1]
