"""Shortlists for whoever proposes: architectures to exploit, to explore, and to test the prior with.

None of them has a bonus for curiosity or an architecture at random: the value that is expected, its standard deviation
and the probability of improvement are told, and the proposer weighs them. The guide's own choices are in `guide.py`.
"""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ..record.candidate import Candidate, Suggestion
from ..record.history import History
from ..spaces.region import Integers, Region
from ..spaces.space import Architecture
from ..spaces.words import option_in_words
from .aims import Feasibility
from .choices import Choices, choose, gather
from .features import Encoded, Floats, encoder
from .guide import GUIDE, Observed, best_feasible, best_observed, feasibility_of, fit, observe, suggest
from .means import NONE, MeanFunction
from .surrogate import Surrogate

_CLIMBED = 16  # single changes of the best from which a second one is made
_PLAUSIBLE = 0.5  # of the choices, by expected value: those that are explored
_WORSE, _LAST = 0.5, 1e6  # standard deviations of the space that are worse by the prior; a score behind all others
_NAMED = 3  # decisions that a reason names

Purpose = Literal["exploit", "explore", "test"]
"""The purpose of a shortlist."""


@dataclass(frozen=True)
class _Outlook:
    """What is expected of a region's architectures after some measurements.

    `surrogate` knows the utility that is searched, `told` the first objective; `level` is the highest utility of a
    feasible measurement, None where there is none.
    """

    region: Region
    known: History
    observed: Observed
    surrogate: Surrogate
    told: Surrogate
    feasibility: Feasibility | None
    level: float | None

    def mean(self, architectures: Encoded) -> Floats:
        """Return the expected utility of n architectures in standard units, the infeasible last: shape (n,)."""
        mean, _ = self.surrogate.standard(architectures)
        return self.feasibility.preferred(mean, architectures) if self.feasibility else mean

    def sd(self, architectures: Encoded) -> Floats:
        """Return the standard deviations of the utilities of n architectures, in standard units: shape (n,)."""
        return self.surrogate.standard(architectures)[1]

    def improvement(self, architectures: Encoded) -> Floats:
        """Return the probability that n architectures are feasible and better than the best so far: shape (n,)."""
        feasible = self.feasibility.probability(architectures) if self.feasibility else np.ones(len(architectures))
        if self.level is None:
            return feasible
        return feasible * self.surrogate.predict(architectures).probability_above(self.level)

    def suggestions(self, choices: Choices, places: Sequence[int], why: Callable[[int], str]) -> list[Suggestion]:
        """Return some of the choices with their forecasts and the reason for each."""
        if not places:
            return []
        chosen, objective = choices.encoded[list(places)], self.known.goal.objective
        predicted = self.told.predict(chosen)
        values = map(objective.utility, predicted.mean.tolist())  # a utility's own utility is the value
        numbers = zip(values, predicted.measured_sd().tolist(), self.improvement(chosen).tolist(), strict=True)
        return [
            Suggestion(choices.at(place), value, sd, probability, why(place))
            for place, (value, sd, probability) in zip(places, numbers, strict=True)
        ]


def _outlook(region: Region, history: Sequence[Candidate], rng: np.random.Generator) -> _Outlook | None:
    """Fit the surrogates to a history; None where nothing was measured.

    Of several objectives the utility is a scalarisation with weights drawn anew for each history.
    """
    known = History.of(history)
    goal, guide = known.goal, GUIDE.of(known.goal)
    weights = rng.dirichlet(np.ones(len(goal.objectives))) if goal.pareto else None
    observed = observe(known, weights)
    if not len(observed):
        return None
    told = fit(region, observe(known), rng, guide, beliefs=known.beliefs)
    fitted = guide if weights is None else replace(guide, prior=guide.prior * float(weights[0]))
    surrogate = told if weights is None else fit(region, observed, rng, fitted, beliefs=known.beliefs)
    feasibility = feasibility_of(region, known, observed, surrogate, rng) if goal.limits else None
    return _Outlook(region, known, observed, surrogate, told, feasibility, best_feasible(known, observed))


def _rng(history: Sequence[Candidate], seed: Sequence[int]) -> np.random.Generator:
    return np.random.default_rng([*seed, len(history)])


def forecast(
    region: Region, history: Sequence[Candidate], seed: Sequence[int], architectures: Sequence[Architecture]
) -> list[Suggestion]:
    """Forecast architectures: the value to expect, its standard deviation and the probability of improvement.

    All three are None where nothing was measured.
    """
    outlook = _outlook(region, history, _rng(history, seed))
    if outlook is None or not architectures:
        return [Suggestion(architecture) for architecture in architectures]
    rows = np.array(architectures, dtype=np.int64)
    choices = Choices(rows, encoder(region.space).encode(rows))
    return outlook.suggestions(choices, range(len(rows)), lambda _: "")


def exploit(
    region: Region,
    history: Sequence[Candidate],
    seed: Sequence[int],
    count: int,
    refused: Collection[Architecture] = (),
) -> list[Suggestion]:
    """Return the untried architectures of the highest expected value within two changes of the best, the best first.

    Where fewer than `count` are left there, others follow. Where nothing was measured, they are the guide's first
    picks.
    """
    rng = _rng(history, seed)
    outlook = _outlook(region, history, rng)
    if outlook is None:
        return suggest(region, history, rng, count=count, refused=refused)
    tried = outlook.known.tried(region.space, refused)
    best = _incumbent(outlook)
    near = _choices(region, _within_two(outlook, best)) if best else None
    found = _highest(outlook, near, tried, count, lambda place: _changed(region, best, near, place)) if near else []
    if len(found) < count:
        tried = outlook.known.tried(region.space, [*refused, *(each.architecture for each in found)])
        choices = gather(region, best_observed(outlook.observed), outlook.mean, rng)
        found += _highest(outlook, choices, tried, count - len(found), lambda _: "further away")
    return found


def _highest(
    outlook: _Outlook, choices: Choices, tried: Collection[object], count: int, why: Callable[[int], str]
) -> list[Suggestion]:
    """Return the choices of the highest expected value; of equal ones the more probable improvement comes first."""
    score = outlook.mean(choices.encoded) + 1e-6 * outlook.improvement(choices.encoded)
    return outlook.suggestions(choices, choose(outlook.region.space, choices, score, tried, count), why)


def _incumbent(outlook: _Outlook) -> Architecture | None:
    """Return the best measured architecture, a feasible one where there is one."""
    known = outlook.known
    ones = (known.goal.best(known.measured), *known.best_first())
    return next((one.architecture for one in ones if one and one.architecture), None)


def _within_two(outlook: _Outlook, best: Architecture) -> Integers:
    """Return the architectures one change from the best, and those one further change from the promising ones."""
    region = outlook.region
    one = region.neighbours(best)
    if not len(one):
        return one
    score = outlook.mean(encoder(region.space).encode(one))
    climbed = one[np.argsort(-score, kind="stable")[:_CLIMBED]]
    return np.unique(np.concatenate([one, region.neighbours(climbed)]), axis=0)


def _choices(region: Region, rows: Integers) -> Choices | None:
    return Choices(rows, encoder(region.space).encode(rows)) if len(rows) else None


def explore(
    region: Region,
    history: Sequence[Candidate],
    seed: Sequence[int],
    count: int,
    refused: Collection[Architecture] = (),
) -> list[Suggestion]:
    """Return the untried architectures of the most uncertain value among the better half, each with the reason.

    They differ from each other in more than one decision, where there are such.
    """
    rng = _rng(history, seed)
    outlook = _outlook(region, history, rng)
    if outlook is None:
        return []
    choices = gather(region, best_observed(outlook.observed), outlook.sd, rng)
    if not len(choices):
        return []
    mean = outlook.mean(choices.encoded)
    plausible = mean >= np.quantile(mean, 1 - _PLAUSIBLE)
    score = np.where(plausible, outlook.sd(choices.encoded), -1.0)
    places = _spread(region, choices, score, outlook.known.tried(region.space, refused), count)
    counts = _tries(outlook.known, region)
    return outlook.suggestions(choices, places, lambda place: _least_tried(region, counts, choices.at(place)))


def _spread(region: Region, choices: Choices, score: Floats, tried: Collection[object], count: int) -> list[int]:
    """Return the places of the highest scores, of which each differs from the others in at least two decisions."""
    ordered = choose(region.space, choices, score, tried, 50 * count)
    found: list[int] = []
    for place in ordered:
        rows = choices.architectures[found]
        if not found or ((rows != choices.architectures[place]).sum(axis=1) > 1).all():
            found.append(place)
    return [*found, *(place for place in ordered if place not in found)][:count]


def _tries(known: History, region: Region) -> list[Counter[int]]:
    """Count how often each option of each decision was tried; hidden decisions count for nothing."""
    counts: list[Counter[int]] = [Counter() for _ in region.space.decisions]
    for candidate in known:
        if candidate.architecture:
            visible = region.space.visible(candidate.architecture)
            for counter, option, counting in zip(counts, candidate.architecture, visible, strict=True):
                counter[option] += bool(counting)
    return counts


def _least_tried(region: Region, counts: Sequence[Counter[int]], architecture: Architecture) -> str:
    """Name the options of an architecture that were tried least."""
    space, visible = region.space, region.space.visible(architecture)
    tries = [
        (counts[at][option], at)
        for at, option in enumerate(architecture)
        if visible[at] and len(space.decisions[at].options) > 1
    ]
    least = sorted(tries)[:_NAMED]
    untried = [at for number, at in tries if not number]
    if untried:
        more = f" and {len(untried) - _NAMED} more" if len(untried) > _NAMED else ""
        return f"never tried: {_options(region, architecture, untried[:_NAMED])}{more}"
    words = ", ".join(f"{_options(region, architecture, [at])} {number}×" for number, at in least)
    return f"rarely tried: {words}"


def _options(region: Region, architecture: Architecture, places: Sequence[int]) -> str:
    chosen = ((region.space.decisions[at], architecture[at]) for at in places)
    return ", ".join(
        f"{decision.name} = {option_in_words(region.space, decision, option)}" for decision, option in chosen
    )


def _changed(region: Region, best: Architecture | None, choices: Choices | None, place: int) -> str:
    """Name the decisions in which a choice differs from the best."""
    if best is None or choices is None:
        return ""
    architecture = choices.at(place)
    apart = [at for at, option in enumerate(architecture) if option != best[at]]
    return f"the best with {_options(region, architecture, apart)}"


def probe(
    region: Region,
    history: Sequence[Candidate],
    seed: Sequence[int],
    count: int,
    refused: Collection[Architecture] = (),
) -> list[Suggestion]:
    """Return the untried architectures of the highest expected value that the prior takes to be worse than the best.

    One that is measured as good as the best speaks against the prior. None where there is no prior, or nothing was
    measured.
    """
    rng = _rng(history, seed)
    outlook = _outlook(region, history, rng)
    best = outlook and _incumbent(outlook)
    prior = outlook and _prior(outlook)
    if not outlook or not best or not prior:
        return []
    most = float(prior(encoder(region.space).encode([best]))[0]) - _WORSE

    def score(architectures: Encoded) -> Floats:
        return np.where(prior(architectures) <= most, outlook.mean(architectures), -_LAST)

    choices = gather(region, best_observed(outlook.observed), score, rng)
    scores = score(choices.encoded) if len(choices) else np.empty(0)
    places = _spread(region, choices, scores, outlook.known.tried(region.space, refused), count)
    kept = [place for place in places if scores[place] > -_LAST]
    return outlook.suggestions(choices, kept, lambda place: _doubted(choices, place, prior, most))


def _prior(outlook: _Outlook) -> MeanFunction | None:
    """Return the mean of the prior's mean functions by their odds; None without a prior."""
    known = outlook.known
    means = [mean for mean in GUIDE.of(known.goal).means(outlook.region, known.beliefs) if mean.name != NONE]
    if not means:
        return None
    odds = sum(mean.odds for mean in means)
    return lambda architectures: sum(mean.odds / odds * mean.function(architectures) for mean in means) + np.zeros(1)


def _doubted(choices: Choices, place: int, prior: MeanFunction, most: float) -> str:
    below = most + _WORSE - float(prior(choices.encoded[[place]])[0])
    return (
        f"by the prior worse than the best ({below:.1f} SD of the space): as good as it would speak against the prior"
    )


SHORTLISTS = {"exploit": exploit, "explore": explore, "test": probe}
"""The shortlists by their purposes."""
