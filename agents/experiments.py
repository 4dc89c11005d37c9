"""The experiments of a trial, as a prompt lists them: the best, the latest, the front, and a summary of the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from math import inf
from typing import TypeAlias

from ..printable import one_line
from ..record.candidate import Candidate
from ..record.goal import OF_COSTS, Goal
from ..record.history import History
from ..record.settings import MODEL, Order
from ..spaces.cost import Convention, Cost
from ..spaces.figures import many_millions, written
from ..spaces.objective import Objective
from ..spaces.region import HIDDEN_UNIT, Region
from ..spaces.space import SearchSpace
from ..spaces.words import option_in_words
from .arms import BELIEVING, START, UNBELIEVING
from .prompting import Prompts

BEST, LATEST, FRONT = 15, 10, 20
"""How many experiments a prompt lists at most: of the best, of the latest, and of the front."""

_LETTERS = 15_000  # of the architectures that are listed; of longer ones fewer are
_FEWEST = 4  # of the best and of the latest, however long they are
_LESSONS = 5  # reasons why proposals were refused
_CHANGED = 4  # decisions in which an experiment differs from the best
_CHANGES_LENGTH = 160  # characters
_POINTS = 5  # of a learning curve
_METRICS = 5  # that nobody asked for
_NAMED = 20  # costs by name that a line tells

_ARMS = {
    START: "one of your starts",
    BELIEVING: "proposed by the statistical model with your beliefs",
    UNBELIEVING: "proposed by the statistical model without your beliefs",
}

_COUNTED: dict[Convention, str] = {"macs": "multiply-adds", "thop": "FLOPs as thop counts them"}

_Words: TypeAlias = Mapping[str, object]
"""Texts and numbers by their names, as a template takes them."""


@dataclass(frozen=True)
class Forecasting:
    """The surrogate's forecasts of earlier iterations: the expected value and its standard deviation, by iteration."""

    found: Mapping[int, tuple[float, float]] = field(default_factory=dict)

    def of(self, candidate: Candidate) -> tuple[str, float, float | None] | None:
        """Return who expected which value of a candidate, and with which standard deviation: its proposer, if it did.

        None where nobody expected any.
        """
        if candidate.expected is not None:
            return "you", candidate.expected, candidate.expected_sd
        taken = candidate.shortlist[candidate.taken - 1] if candidate.taken else None
        if taken is not None and taken.value is not None:
            return "the statistical model", taken.value, taken.sd
        expected = self.found.get(candidate.iteration)
        return ("the statistical model", *expected) if expected else None


def list_experiments(
    region: Region,
    history: History,
    order: Order = "best",
    prompts: Prompts | None = None,
    forecasts: Forecasting | None = None,
) -> str:
    """List the best and the latest experiments, and sum up the others; of several objectives the front, too."""
    goal, rows = history.goal, _Rows(region, history.goal, forecasts or Forecasting())
    latest = history[max(0, history.finished - LATEST) : history.finished]
    most = _most(region.space, latest)
    latest = latest[-most:]
    front = goal.front(history.measured) if goal.pareto else []
    best = [*islice(history.feasible_first(), min(most, BEST)), *_spread_out(front, min(most, FRONT))]
    shown = sorted({c.iteration: c for c in (*best, *latest)}.values(), key=_iteration)
    if order == "best":
        shown.sort(key=lambda candidate: _place(candidate, goal))
    return (prompts or Prompts()).render(
        "experiments",
        how="the best first" if order == "best" else "in order",
        columns=", ".join(columns_of(region, goal)),
        rows=rows.of(shown, next(history.feasible_first(), None)),
        earlier=_earlier(history, shown),
        front=_front(front, min(most, FRONT)),
        off=_off(latest, goal.objective),
        lessons=_lessons(latest),
    )


def describe_experiment(
    region: Region, goal: Goal, candidate: Candidate, best: Candidate | None, forecasts: Forecasting | None = None
) -> _Words:
    """Describe an experiment by the values that a line of the experiments takes."""
    return _Rows(region, goal, forecasts or Forecasting()).of([candidate], best)[0]


def _most(space: SearchSpace, latest: Sequence[Candidate]) -> int:
    """Return how many experiments of each kind are listed: fewer where architectures are long."""
    longest = max((len(space.written(c.architecture)) for c in latest if c.architecture), default=1)
    return max(_FEWEST, _LETTERS // longest // 3)


def _iteration(candidate: Candidate) -> int:
    return candidate.iteration


def _place(candidate: Candidate, goal: Goal) -> tuple[bool, float]:
    """Put the best first, then the infeasible candidates, then the failures."""
    if candidate.value is None:
        return True, inf
    return bool(goal.beyond(candidate)), -goal.utility(candidate)


def columns_of(region: Region, goal: Goal) -> list[str]:
    """Name the cells of an experiment's line."""
    names = [f"millions of {_COUNTED[region.limits.convention]}", "millions of parameters"]
    if region.limits.units:
        names = [f"FLOPs {HIDDEN_UNIT}", f"parameters {HIDDEN_UNIT}"]
    counted = names if region.space.costed else []
    further = [quantity.label if (quantity := goal.quantity(name)) else name for name in _further(goal)]
    return ["architecture", goal.objective.name, *counted, *further]


@dataclass(frozen=True)
class _Rows:
    """The lines of experiments, as a template takes them."""

    region: Region
    goal: Goal
    forecasts: Forecasting

    def of(self, shown: Sequence[Candidate], best: Candidate | None) -> list[_Words]:
        """Return a line for each candidate; numbers of a column have as many digits as tell them apart."""
        goal, space = self.goal, self.region.space
        counted = self._costs([candidate.cost or Cost() for candidate in shown]) if space.costed else []
        further = [_column(shown, goal, name) for name in _further(goal)]
        values = _values(shown, goal)
        gains = _gains(shown, best, goal.objective)
        lines = zip(shown, values, gains, *counted, *further, strict=True)
        return [self._line(candidate, value, gain, cells, best) for candidate, value, gain, *cells in lines]

    def _costs(self, costs: Sequence[Cost]) -> list[list[str]]:
        """Write the FLOPs and the parameters of each line."""
        limits = self.region.limits
        counts = [cost.counted(limits.convention) for cost in costs], [cost.params for cost in costs]
        if limits.units:
            return [[limits.told(at, count) for count in each] for at, each in enumerate(counts)]
        return [[f"{count} M" for count in many_millions(each, 1 + at)] for at, each in enumerate(counts)]

    def _line(
        self, candidate: Candidate, value: str, gain: str, cells: Sequence[str], best: Candidate | None
    ) -> _Words:
        goal, space, measurement = self.goal, self.region.space, candidate.measurement
        failed = candidate.value is None
        costs = list(candidate.cost.named.items())[:_NAMED] if candidate.cost else []
        counted = cells[:2] if failed and space.costed else [] if failed else cells
        forecast = self.forecasts.of(candidate)
        is_best = best is not None and candidate.iteration == best.iteration
        return {
            "iteration": candidate.iteration,
            "architecture": space.written(candidate.architecture) if candidate.architecture else "",
            "error": candidate.error or "",
            "cells": [value, *counted, *(f"{name} {number:g}" for name, number in costs)],
            "metrics": _metrics(candidate, goal),
            "beyond": " and ".join(goal.beyond(candidate)),
            "repair": candidate.repair.reason if candidate.repair else "",
            "rounded": candidate.rounded,
            "is_best": is_best,
            "changes": "" if is_best or best is None else _changes(space, best, candidate),
            "gain": gain,
            "chosen": _chosen(space, candidate),
            "forecaster": forecast[0] if forecast else "",
            "forecast": _near(goal.objective, *forecast[1:]) if forecast else "",
            "curve": _curve(measurement.curve if measurement else (), goal.objective),
        }


def _chosen(space: SearchSpace, candidate: Candidate) -> str:
    """Say whose proposal was taken among those of several arms, and which one of the model's was not."""
    if not candidate.arm:
        return ""
    if candidate.arm == MODEL:
        return "your proposal"
    whose = _ARMS.get(candidate.arm, f"proposed by {one_line(candidate.arm)}")
    own = next((offer.architecture for offer in candidate.offers if offer.arm == MODEL), None)
    if own is None:
        return whose
    return f"{whose} and by you" if own == candidate.architecture else f"{whose}, not your {space.written(own)}"


def _further(goal: Goal) -> list[str]:
    """Name the quantities of a measurement that are shown besides its value and its costs."""
    return [name for name in goal.others if name not in (*OF_COSTS, goal.objective.name)]


def _values(shown: Sequence[Candidate], goal: Goal) -> list[str]:
    """Write the value of each candidate, with its standard deviation where that is known; or why there is none."""
    found = []
    for candidate, text in zip(shown, _column(shown, goal, goal.objective.name), strict=True):
        sd = candidate.measurement.sd if candidate.measurement else None
        spread = f" ± {goal.objective.near(candidate.value or 0.0, sd).partition(' ± ')[2]}" if sd else ""
        found.append(f"failed: {candidate.error}" if candidate.value is None else text + spread)
    return found


def _column(shown: Sequence[Candidate], goal: Goal, name: str) -> list[str]:
    readings = [goal.reading(candidate, name) for candidate in shown]
    objective = goal.quantity(name)
    known = [reading for reading in readings if reading is not None]
    words = iter(objective.texts(known) if objective else written(known))
    return ["-" if reading is None else next(words) for reading in readings]


def _gains(shown: Sequence[Candidate], best: Candidate | None, objective: Objective) -> list[str]:
    """Write the difference of each value to that of the best; nothing where there is none."""
    if best is None or best.value is None:
        return [""] * len(shown)
    gains = [None if c.value is None else c.value - best.value + 0.0 for c in shown]
    words = iter(objective.numbers([gain for gain in gains if gain is not None]))
    return ["" if gain is None else f"{'+' * (gain >= 0)}{next(words)}" for gain in gains]


def _changes(space: SearchSpace, best: Candidate, candidate: Candidate) -> str:
    """Name the decisions in which a candidate differs from the best: `layer 7: 2→1`; of many, how many they are."""
    if best.architecture is None or candidate.architecture is None:
        return ""
    visible = [space.visible(architecture) for architecture in (best.architecture, candidate.architecture)]
    both = zip(space.decisions, best.architecture, candidate.architecture, *visible, strict=True)
    words = [
        f"{one_line(decision.name)}: {_option(space, at, before, was)}→{_option(space, at, after, now)}"
        for at, (decision, before, after, was, now) in enumerate(both)
        if (was or now) and (before, was) != (after, now)
    ]
    listed = ", ".join(words)
    short = len(words) <= _CHANGED and len(listed) <= _CHANGES_LENGTH
    return listed if short else f"{len(words)} differ"


def _option(space: SearchSpace, at: int, number: int, counts: bool) -> str:
    return one_line(option_in_words(space, space.decisions[at], number)) if counts else "-"


def _near(objective: Objective, value: float, sd: float | None) -> str:
    return objective.numbers([value])[0] if sd is None else objective.near(value, sd)


def _curve(points: Sequence[float], objective: Objective) -> str:
    """Write a learning curve by a few of its points, as in `41.20 → 60.10 → 72.00 in 20 steps`."""
    if len(points) < 2:
        return ""
    places = sorted({round(at * (len(points) - 1) / (_POINTS - 1)) for at in range(_POINTS)})
    return f"{' → '.join(objective.numbers([points[at] for at in places]))} in {len(points)} steps"


def _metrics(candidate: Candidate, goal: Goal) -> str:
    """Write the metrics of a measurement that no objective and no limit names, but for those that are not asked for."""
    metrics = candidate.measurement.metrics if candidate.measurement and candidate.value is not None else {}
    told = {goal.objective.name, *goal.others, *(each.name for each in goal.besides)}
    others = [(name, value) for name, value in sorted(metrics.items()) if name not in told]
    return ", ".join(f"{one_line(name)} {value:.4g}" for name, value in others[:_METRICS])


def _spread_out(front: Sequence[Candidate], count: int) -> list[Candidate]:
    """Return so many of a front, from one end to the other."""
    if len(front) <= count:
        return list(front)
    return [front[round(at * (len(front) - 1) / (count - 1))] for at in range(count)]


def _front(front: Sequence[Candidate], most: int) -> _Words:
    shown = _spread_out(front, most)
    iterations = ", ".join(str(candidate.iteration) for candidate in shown)
    return {"iterations": iterations, "shown": len(shown), "count": len(front)}


def _earlier(history: History, shown: Sequence[Candidate]) -> _Words:
    """Sum up the experiments that are not shown: how many they are, and their values."""
    count = history.finished - len(shown)
    measured = len(history.measured) - sum(candidate.value is not None for candidate in shown)
    lowest, highest, mean = _spread(history, shown, measured) if count and measured else ("", "", "")
    return {"count": count, "failed": count - measured, "lowest": lowest, "highest": highest, "mean": mean}


def _spread(history: History, shown: Sequence[Candidate], measured: int) -> list[str]:
    iterations = {candidate.iteration for candidate in shown}
    mean = (history.total - sum(c.value or 0.0 for c in shown)) / measured
    ends = (
        next(c.value for c in history.best_first(worst_first=worst) if c.iteration not in iterations)
        for worst in (True, False)
    )
    lowest, highest = sorted(value for value in ends if value is not None)
    return [history.goal.objective.text(value) for value in (lowest, highest, mean)]


def _off(latest: Sequence[Candidate], objective: Objective) -> str:
    """Write by how much the proposer's own forecasts were off on average; nothing where it made none."""
    errors = [abs(c.value - c.expected) for c in latest if c.value is not None and c.expected is not None]
    return objective.numbers([sum(errors) / len(errors)])[0] if errors else ""


def _lessons(latest: Sequence[Candidate]) -> list[str]:
    """Return the reasons of the latest refusals that say something of architectures, not of a reply's form alone."""
    reasons = [r.reason.splitlines()[0] for candidate in latest for r in candidate.refusals if r.teaches]
    return list(dict.fromkeys(reasons))[-_LESSONS:]
