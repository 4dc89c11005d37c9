"""Confirmations: the best candidates of a trial are evaluated again with other seeds, and the winner is among them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from math import hypot, sqrt
from statistics import fmean, stdev

from ..schema import CLOSED, Amount, Count, Number, Schema, Whole
from .candidate import Candidate
from .goal import Goal
from .measurement import Measurement
from .statistics import shrunk, spread_of_runs

CONFIRMATIONS_FILE = "confirmations.jsonl"
_APART = 10_000  # a number of trials is never above it, so that no two evaluations of a run share a seed


@dataclass(frozen=True)
class Confirmation:
    """A further evaluation of the architecture of an iteration, with another seed; one line of its file.

    `repeat` counts the further evaluations of the iteration from 1. `started` is Unix time.
    """

    __pydantic_config__ = CLOSED

    trial: Count
    iteration: Count
    repeat: Count
    seed: Whole
    measurement: Measurement
    started: Number = 0.0
    evaluation_seconds: Amount = 0.0

    @property
    def value(self) -> float | None:
        """The measured value of the first objective; None where the evaluation failed."""
        return self.measurement.value


CONFIRMATION = Schema[Confirmation](Confirmation)


@dataclass(frozen=True)
class Confirming:
    """How many of a trial's best candidates are evaluated again when its iterations are made, and how often each."""

    count: int = 0
    repeats: int = 2

    @property
    def most(self) -> int:
        """How many evaluations that are at most."""
        return self.count * self.repeats


UNCONFIRMED = Confirming()


def seed_of(first: int, trial: int, repeat: int = 0) -> int:
    """Return the seed of a trial's evaluations, or of their repeats of a number; `first` is that of the first trial."""
    return first + trial - 1 + _APART * repeat


def to_confirm(goal: Goal, candidates: Sequence[Candidate], confirming: Confirming) -> list[Candidate]:
    """Return the candidates that are to be confirmed: the best by their first measurement, of a front its first ones.

    The choice is by the measurement alone. A surrogate would choose those that its own prior likes.
    """
    ranked = goal.front(candidates) if goal.pareto else goal.ranked(candidates)
    return ranked[: confirming.count]


def not_confirmed(
    goal: Goal, candidates: Sequence[Candidate], confirmations: Sequence[Confirmation], confirming: Confirming
) -> list[tuple[Candidate, int]]:
    """Return the repeats that are still to be made, each as its candidate and its number, the first repeats first."""
    made = {(each.iteration, each.repeat) for each in confirmations}
    wanted = ((c, n) for n in range(1, confirming.repeats + 1) for c in to_confirm(goal, candidates, confirming))
    return [(candidate, number) for candidate, number in wanted if (candidate.iteration, number) not in made]


@dataclass(frozen=True)
class Confirmed:
    """A candidate with all its runs.

    `candidate` holds their means as its measurement. `runs` are the measured values, that of the iteration first.
    `expected` is the value that a further run is expected to give: the mean, shrunk towards the other candidates'.
    `failures` are the errors of runs without a value.
    """

    candidate: Candidate
    runs: tuple[float, ...]
    expected: float
    failures: tuple[str, ...] = ()

    @property
    def is_repeated(self) -> bool:
        """Whether further runs were made of it."""
        return len(self.runs) + len(self.failures) > 1

    @property
    def mean(self) -> float:
        """The mean of the runs."""
        return fmean(self.runs)

    @property
    def sd(self) -> float | None:
        """The standard deviation of the runs; None of a single one."""
        return stdev(self.runs) if len(self.runs) > 1 else None

    def is_of(self, candidate: Candidate) -> bool:
        """Tell whether these are the runs of a candidate."""
        return candidate.iteration == self.candidate.iteration

    def to_json(self, goal: Goal) -> dict[str, object]:
        """Return plain JSON types."""
        return {
            "runs": list(self.runs),
            "mean": self.mean,
            "sd": self.sd,
            "expected": self.expected,
            "flattered": self.flattered(goal),
            "failures": list(self.failures),
        }

    def flattered(self, goal: Goal) -> float:
        """Return by how much the first run is better than the mean; negative where it is worse."""
        return goal.objective.utility(self.runs[0] - self.mean)


def confirmed(
    goal: Goal, candidates: Sequence[Candidate], confirmations: Sequence[Confirmation], confirming: Confirming
) -> list[Confirmed]:
    """Return the candidates that are compared by all their runs, the best first; none where no repeat was measured.

    They are those with repeats, and as many of the best, whose runs may still be missing. The noise of a run is pooled
    over all of them; the best is by the posterior mean, see `shrunk`, of those that keep the limits on average.
    """
    repeated = {each.iteration for each in confirmations if each.value is not None}
    if not repeated:
        return []
    compared = _compared(goal, candidates, repeated, confirming)
    all_runs = [_runs(candidate, confirmations) for candidate in compared]
    values = [[run.value for run in runs if run.value is not None] for runs in all_runs]
    sd = spread_of_runs(values)
    found = [
        Confirmed(_averaged(candidate, runs, sd), tuple(known), expected, tuple(filter(None, (r.error for r in runs))))
        for candidate, runs, known, expected in zip(
            compared, all_runs, values, shrunk(values, sd).tolist(), strict=True
        )
    ]
    return sorted(found, key=lambda each: (bool(goal.beyond(each.candidate)), -goal.objective.utility(each.expected)))


def _compared(
    goal: Goal, candidates: Sequence[Candidate], repeated: Collection[int], confirming: Confirming
) -> list[Candidate]:
    """Return the candidates that were repeated, and those that are to be, as many as were at least."""
    best = to_confirm(goal, candidates, replace(confirming, count=max(confirming.count, len(repeated))))
    others = [each for each in candidates if each.iteration in repeated and each not in best and each.value is not None]
    return [*best, *others]


def _runs(candidate: Candidate, confirmations: Sequence[Confirmation]) -> list[Measurement]:
    """Return the measurements of a candidate's runs, the first one first."""
    again = [each.measurement for each in confirmations if each.iteration == candidate.iteration]
    return [*filter(None, [candidate.measurement]), *again]


def _averaged(candidate: Candidate, runs: Sequence[Measurement], sd: float) -> Candidate:
    """Return a candidate with the means of its runs as its measurement; `sd` is that of a single run."""
    known = [run for run in runs if run.value is not None]
    tests = [run.test_value for run in known if run.test_value is not None]
    measurement = replace(
        known[0],
        value=fmean(run.value for run in known if run.value is not None),
        test_value=fmean(tests) if tests else None,
        metrics=_means([run.metrics for run in known]),
        test_metrics=_means([run.test_metrics for run in known]),
        sd=hypot(known[0].sd or 0.0, sd / sqrt(len(known))),
        seconds=sum(run.seconds for run in runs),
    )
    return replace(candidate, measurement=measurement)


def _means(metrics: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the means of the metrics that all runs have."""
    return {name: fmean(run[name] for run in metrics) for name in metrics[0] if all(name in run for run in metrics)}


def settled(candidates: Sequence[Candidate], found: Sequence[Confirmed]) -> list[Candidate]:
    """Return the candidates, the confirmed ones with the means of their runs."""
    means = {each.candidate.iteration: each.candidate for each in found}
    return [means.get(candidate.iteration, candidate) for candidate in candidates]
