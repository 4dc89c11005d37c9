"""The goal of a search: its objectives, limits on measured quantities, and whether the whole front is searched."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf
from operator import attrgetter
from typing import Annotated

import numpy as np
from pydantic import Field

from ..errors import GeniusError
from ..printable import brief
from ..schema import CLOSED, Flag, Schema
from ..spaces.cost import Cost
from ..spaces.objective import ACCURACY, FLOPS, LATENCY, MEMORY, PARAMS, TOP5, Objective
from ..spaces.space import SearchSpace
from .candidate import Candidate, measured
from .front import hypervolume, nondominated
from .measurement import Measurement
from .plain import BadValue
from .ranges import NamedRanges, check_ranges
from .statistics import weigh

MOST = 3
"""How many objectives a search can have: the volume of a front is exact and fast up to three."""

_METRICS = 20  # that are told besides

OF_COSTS: dict[str, Callable[[Cost], int]] = {FLOPS.name: attrgetter("flops"), PARAMS.name: attrgetter("params")}
"""Objectives that need no measurement: FLOPs, in multiply-adds, and parameters."""


MEASURED = (LATENCY.name, MEMORY.name)
"""Quantities of a network that are measured without an evaluator."""

_WAYS = {name: f", or have it measured by --measure {name}" for name in MEASURED} | {
    TOP5.name: ", or train on a data set of more than five classes, of which trainings tell it"
}


@dataclass(frozen=True)
class Goal:
    """The goal of a search.

    The first of the `objectives` is a measurement's value and steers the search; the others are metrics of that name,
    or costs. `limits` are the lowest and the highest value of metrics, None where that end is open: a measurement
    beyond is not feasible. With `pareto` the search is after the front of all objectives. `metrics` are further
    quantities that are measured and told.

    Raises: GeniusError for objectives and limits that make no goal.
    """

    __pydantic_config__ = CLOSED

    objectives: Annotated[tuple[Objective, ...], Field(min_length=1, max_length=MOST)] = (ACCURACY,)
    limits: NamedRanges = field(default_factory=dict)
    pareto: Flag = False
    metrics: Annotated[tuple[Objective, ...], Field(max_length=_METRICS)] = ()

    def __post_init__(self) -> None:
        names = [objective.name for objective in self.objectives]
        if not 1 <= len(names) <= MOST:
            raise GeniusError(f"a search has 1 to {MOST} objectives, got {len(names)}")
        if len(set(names)) < len(names):
            raise GeniusError(f"the objectives of a search have names of their own, got {', '.join(names)}")
        if self.pareto and len(names) < 2:
            raise GeniusError(f"a front has at least two objectives, and {names[0]} is the only one: name another")
        check_ranges(self.limits)

    @property
    def objective(self) -> Objective:
        """The objective that steers."""
        return self.objectives[0]

    @property
    def is_accuracy(self) -> bool:
        """Whether the value of measurements is accuracy in percent."""
        return self.objective == ACCURACY

    @property
    def others(self) -> list[str]:
        """The quantities that a measurement needs besides its value: further objectives, limited ones, and metrics."""
        named = [objective.name for objective in (*self.objectives[1:], *self.metrics)]
        return list(dict.fromkeys([*named, *self.limits]))

    def quantity(self, name: str) -> Objective | None:
        """Return an objective or a metric by its name; None for another quantity, of which no unit is known."""
        return next((each for each in (*self.objectives, *self.metrics, *self.besides) if each.name == name), None)

    def suffix(self, name: str) -> str:
        """Return the unit of a quantity as it stands behind a number."""
        quantity = self.quantity(name)
        return quantity.suffix if quantity else ""

    def told(self, candidate: Candidate) -> list[str]:
        """Return the quantities that are told of a candidate besides its value: those needed, and top-5 accuracy."""
        known = candidate.measurement.metrics if candidate.measurement else {}
        return list(dict.fromkeys([*self.others, *(each.name for each in self.besides if each.name in known)]))

    @property
    def besides(self) -> tuple[Objective, ...]:
        """The quantities that reports tell wherever they are measured; prompts tell them where they are asked for."""
        return (TOP5,) if self.is_accuracy else ()

    @property
    def needed(self) -> list[str]:
        """The quantities that an evaluation has to tell, that of the first objective first."""
        return [self.objective.name, *(name for name in self.others if name not in OF_COSTS)]

    def reading(self, candidate: Candidate, name: str) -> float | None:
        """Return the value of an objective, a metric or a cost; None where nothing was measured."""
        measurement, cost = candidate.measurement, candidate.cost
        if measurement is None or measurement.value is None:
            return None
        if name == self.objective.name:
            return measurement.value
        if name in measurement.metrics or name not in OF_COSTS or cost is None:
            return measurement.metrics.get(name)
        return float(OF_COSTS[name](cost))

    def utilities(self, candidate: Candidate) -> tuple[float, ...]:
        """Return the utilities of all objectives of a measured candidate: higher is better."""
        readings = ((objective, self.reading(candidate, objective.name)) for objective in self.objectives)
        return tuple(-inf if reading is None else objective.utility(reading) for objective, reading in readings)

    def utility(self, candidate: Candidate) -> float:
        """Return the utility of the first objective of a measured candidate."""
        return self.utilities(candidate)[0]

    def beyond(self, candidate: Candidate) -> list[str]:
        """Say which limits a measured candidate does not keep; none for one that is feasible."""
        readings = ((name, self.reading(candidate, name)) for name in self.limits)
        return [
            f"{name} is {value:g}{self.suffix(name)}"
            for name, value in readings
            if value is not None and self.forbids(name, value)
        ]

    def forbids(self, name: str, value: float) -> bool:
        """Tell whether a value is beyond the limits of its metric."""
        low, high = self.limits.get(name, (None, None))
        return (low is not None and value < low) or (high is not None and value > high)

    def feasible(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Return the measured candidates that keep the limits."""
        known = measured(candidates)
        return [candidate for candidate in known if not self.beyond(candidate)] if self.limits else known

    def improving(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Return the feasible candidates of a trial that are better than all before them, in their order."""
        found: list[Candidate] = []
        for candidate in self.feasible(candidates):
            if not found or self.utility(candidate) > self.utility(found[-1]):
                found.append(candidate)
        return found

    def check(self, candidate: Candidate, measurement: Measurement) -> None:
        """Make sure that a measurement tells all that is asked for, within the bounds of the objectives.

        Raises: BadValue.
        """
        if measurement.value is None:
            return
        found = Candidate(candidate.trial, candidate.iteration, cost=candidate.cost, measurement=measurement)
        for name in self.others:
            if self.reading(found, name) is None:
                raise BadValue(
                    f"the evaluator gave no {name}: return it as in Measurement(…, metrics={{{name!r}: …}})"
                    f"{_WAYS.get(name, '')}"
                )
        for objective in self.objectives:
            reading = self.reading(found, objective.name)
            if reading is not None and (words := objective.outside(reading)):
                raise BadValue(words)

    def best(self, candidates: Sequence[Candidate]) -> Candidate | None:
        """Return the best feasible candidate by the first objective; of equals the one measured first.

        Where evaluators tell the errors of their measurements, a lucky measurement with a large error counts for less.
        """
        return next(iter(self.ranked(candidates)), None)

    def ranked(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Return the feasible candidates, the best by the first objective first; of equals the one measured first."""
        found = self.feasible(candidates)
        errors = [(candidate.measurement and candidate.measurement.sd) or 0.0 for candidate in found]
        weighed = weigh([self.utility(candidate) for candidate in found], errors) if found else np.empty(0)
        return [found[at] for at in np.argsort(-weighed, kind="stable")]

    def front(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Return the feasible candidates that no other one dominates, the best of the first objective first."""
        found = self.feasible(candidates)
        points = np.array([self.utilities(candidate) for candidate in found]).reshape(-1, len(self.objectives))
        kept = [candidate for candidate, stays in zip(found, nondominated(points), strict=True) if stays]
        return sorted(kept, key=lambda candidate: -self.utility(candidate))

    def reference(self, candidates: Sequence[Candidate]) -> list[float]:
        """Return the worst value of each objective among the measured candidates."""
        points = np.array([self.utilities(candidate) for candidate in measured(candidates)])
        return [o.utility(worst) for o, worst in zip(self.objectives, points.min(axis=0).tolist(), strict=True)]

    def volume(self, candidates: Sequence[Candidate], reference: Sequence[float]) -> float:
        """Return the hypervolume of the front, in the product of the units, above a value of each objective."""
        points = np.array([self.utilities(candidate) for candidate in self.feasible(candidates)])
        least = [o.utility(value) for o, value in zip(self.objectives, reference, strict=True)]
        return hypervolume(points, least)


GOAL = Goal()
"""Accuracy, without limits."""
UNNAMED = Goal()
"""Stands for a goal that nobody has named: see `default_goal`."""


def limit_words(goal: Goal) -> str:
    """Write the limits on measured quantities, as in `latency_ms at most 5`."""
    words = []
    for name, (low, high) in goal.limits.items():
        unit = goal.suffix(name)
        ends = [f"at least {low:g}{unit}"] if low is not None else []
        ends += [f"at most {high:g}{unit}"] if high is not None else []
        words.append(f"{name} {' and '.join(ends)}")
    return "; ".join(words)


GOAL_SCHEMA = Schema[Goal](Goal)


def default_goal(space: SearchSpace, evaluator: object) -> Goal:
    """Return the goal where nobody names one: the objective of the evaluator, else that of the space.

    Raises: GeniusError where the evaluator's objective is none.
    """
    found = getattr(evaluator, "objective", None) or space.measured
    if not isinstance(found, Objective):
        raise GeniusError(f"an evaluator's objective is a genius.Objective, got {brief(repr(found))}")
    return Goal((found,))
