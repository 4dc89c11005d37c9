"""The curves of a search: the measurements against the iteration, and the best so far, of a trial and over trials."""

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Literal

from .candidate import Candidate
from .result import TrialResult

CurveOf = Literal["value", "rank"]
"""The number of a measurement that a curve shows."""
BetterOf = Callable[[float, float], float]
"""Returns the better one of two values."""
BestCurve = tuple[list[int], list[float]]
"""Iterations, and a value for each."""


def readings(candidates: Sequence[Candidate], number: CurveOf) -> BestCurve:
    """Return the measured values, or ranks, of candidates."""
    found = [(c.iteration, getattr(c.measurement, number)) for c in candidates if c.value is not None]
    found = [(iteration, value) for iteration, value in found if value is not None]
    return [iteration for iteration, _ in found], [value for _, value in found]


def best_steps(trial: TrialResult, number: CurveOf, better: BetterOf) -> BestCurve:
    """Return the best so far at each feasible measurement of a trial."""
    iterations, values = readings(trial.goal.feasible(trial.candidates), number)
    return iterations, list(accumulate(values, better))


def by_arm(candidates: Sequence[Candidate]) -> list[tuple[str, Sequence[Candidate]]]:
    """Return the candidates of each arm of a hybrid search, with its label; those of any other search together."""
    arms = dict.fromkeys(candidate.arm for candidate in candidates)
    if set(arms) <= {None}:
        return [("measured", candidates)]
    return [(f"by {arm or 'nobody'}", [c for c in candidates if c.arm == arm]) for arm in arms]


def best_over_trials(
    trials: Sequence[TrialResult], number: CurveOf, better: BetterOf
) -> tuple[list[int], list[list[float]]]:
    """Return the best so far of all trials at each iteration, from the first one on in which all have a measurement."""
    last = max((len(trial.candidates) for trial in trials), default=0)
    curves = [_best_so_far(trial, number, better, last) for trial in trials]
    columns = [(at, list(column)) for at, column in enumerate(zip(*curves, strict=True), start=1)]
    whole = [(at, [value for value in column if value is not None]) for at, column in columns if None not in column]
    return [at for at, _ in whole], [column for _, column in whole]


def mean_best(trials: Sequence[TrialResult], number: CurveOf, better: BetterOf) -> BestCurve:
    """Average the best so far over the trials, from the first iteration in which all have a measurement."""
    iterations, columns = best_over_trials(trials, number, better)
    return iterations, [sum(column) / len(column) for column in columns]


def _best_so_far(trial: TrialResult, number: CurveOf, better: BetterOf, last: int) -> list[float | None]:
    steps = dict(zip(*best_steps(trial, number, better), strict=True))
    best: float | None = None
    curve: list[float | None] = []
    for iteration in range(1, last + 1):
        best = steps.get(iteration, best)
        curve.append(best)
    return curve
