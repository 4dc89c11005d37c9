"""The experiments of a trial, as a prompt lists them: the best, the latest, the front, and a summary of the others."""

from collections.abc import Sequence
from itertools import islice
from math import inf

from ..record.candidate import Candidate
from ..record.goal import OF_COSTS, Goal
from ..record.history import History
from ..record.settings import Order
from ..spaces.cost import Convention, Cost
from ..spaces.figures import many_millions, written
from ..spaces.space import SearchSpace

BEST, LATEST, FRONT = 15, 15, 20
"""How many experiments a prompt lists at most: of the best, of the latest, and of the front."""

_REASONS, _REASONS_EACH = 5, 3  # why replies were sent back: in all, and of an iteration

_COUNTED: dict[Convention, str] = {"macs": "multiply-adds", "thop": "FLOPs as thop counts them"}


_NAMED = 20  # costs by name that a line tells


def list_experiments(space: SearchSpace, history: History, order: Order, convention: Convention) -> str:
    """List the best and the latest experiments, and sum up the others; of several objectives the front, too."""
    latest = history[max(0, history.finished - LATEST) : history.finished]
    front = history.goal.front(history.measured) if history.goal.pareto else []
    best = [*islice(history.feasible_first(), BEST), *_spread_out(front, FRONT)]
    shown = sorted({c.iteration: c for c in (*best, *latest)}.values(), key=_iteration)
    others = _others(history, shown)
    if order == "best":
        shown.sort(key=lambda candidate: _place(candidate, history.goal))
    how = "the best first" if order == "best" else "in order"
    title = f"Experiments so far, {how} ({_columns(space, history.goal, convention)}):"
    lines = [title, *_lines(space, shown, history.goal, convention), *others, *_front(front), *_refused(latest)]
    return "\n".join(lines)


def _iteration(candidate: Candidate) -> int:
    return candidate.iteration


def _place(candidate: Candidate, goal: Goal) -> tuple[bool, float]:
    """Put the best first, then the infeasible candidates, then the failures."""
    if candidate.value is None:
        return True, inf
    return bool(goal.beyond(candidate)), -goal.utility(candidate)


def _columns(space: SearchSpace, goal: Goal, convention: Convention) -> str:
    measured = [objective.name for objective in goal.objectives[:1]]
    counted = [f"millions of {_COUNTED[convention]}", "millions of parameters"] if space.costed else []
    further = [quantity.label if (quantity := goal.quantity(name)) else name for name in _further(goal)]
    return ", ".join(["architecture", *measured, *counted, *further])


def _further(goal: Goal) -> list[str]:
    """Name the quantities of a measurement that are shown besides its value and its costs."""
    return [name for name in goal.others if name not in (*OF_COSTS, goal.objective.name)]


def _lines(space: SearchSpace, shown: Sequence[Candidate], goal: Goal, convention: Convention) -> list[str]:
    """Write a line for each candidate; numbers of a column have as many digits as tell them apart."""
    costs = [candidate.cost or Cost() for candidate in shown]
    flops = many_millions([cost.counted(convention) for cost in costs], 1)
    params = many_millions([cost.params for cost in costs], 2)
    counted = [[f"{cost} M" for cost in each] for each in (flops, params)] if space.costed else []
    columns = [_column(shown, goal, goal.objective.name), *counted]
    columns += [_column(shown, goal, name) for name in _further(goal)]
    return [_line(space, candidate, cells, goal) for candidate, *cells in zip(shown, *columns, strict=True)]


def _column(shown: Sequence[Candidate], goal: Goal, name: str) -> list[str]:
    readings = [goal.reading(candidate, name) for candidate in shown]
    objective = goal.quantity(name)
    known = [reading for reading in readings if reading is not None]
    words = iter(objective.texts(known) if objective else written(known))
    return ["-" if reading is None else next(words) for reading in readings]


def _line(space: SearchSpace, candidate: Candidate, cells: Sequence[str], goal: Goal) -> str:
    if candidate.architecture is None:
        return f"- iteration {candidate.iteration}: no architecture ({candidate.error})"
    if candidate.value is None:
        cells = [f"failed: {candidate.error}", *cells[1:3]]
    beyond = goal.beyond(candidate)
    notes = [f"not feasible: {' and '.join(beyond)}"] if beyond else []
    notes += [f"your proposal {candidate.repair.reason}"] if candidate.repair else []
    notes += [f"taken to the nearest level: {candidate.rounded}"] if candidate.rounded else []
    named = candidate.cost.named if candidate.cost else {}
    cells = [*cells, *(f"{name} {number:g}" for name, number in list(named.items())[:_NAMED])]
    words = ", ".join([space.written(candidate.architecture), *cells])
    return "; ".join([f"- iteration {candidate.iteration}: {words}", *notes])


def _spread_out(front: Sequence[Candidate], count: int) -> list[Candidate]:
    """Return so many of a front, from one end to the other."""
    if len(front) <= count:
        return list(front)
    return [front[round(at * (len(front) - 1) / (count - 1))] for at in range(count)]


def _front(front: Sequence[Candidate]) -> list[str]:
    if not front:
        return []
    named = ", ".join(str(candidate.iteration) for candidate in _spread_out(front, FRONT))
    of = f"{FRONT} of its {len(front)} architectures" if len(front) > FRONT else "its architectures"
    return [f"The front so far, {of}, by iteration: {named}"]


def _others(history: History, shown: Sequence[Candidate]) -> list[str]:
    """Sum up the experiments that are not shown: how many they are, and their values."""
    count = history.finished - len(shown)
    if not count:
        return []
    measured = len(history.measured) - sum(candidate.value is not None for candidate in shown)
    failed = f"; {count - measured} failed" if count > measured else ""
    return [f"- and {count} earlier ones that were not among the best{_spread(history, shown, measured)}{failed}"]


def _spread(history: History, shown: Sequence[Candidate], measured: int) -> str:
    if not measured:
        return ""
    iterations = {candidate.iteration for candidate in shown}
    mean = (history.total - sum(c.value or 0.0 for c in shown)) / measured
    ends = (
        next(c.value for c in history.best_first(worst_first=worst) if c.iteration not in iterations)
        for worst in (True, False)
    )
    lowest, highest = sorted(value for value in ends if value is not None)
    texts = [history.goal.objective.text(value) for value in (lowest, highest, mean)]
    return f": {texts[0]} to {texts[1]}, mean {texts[2]}"


def _refused(latest: Sequence[Candidate]) -> list[str]:
    reasons = [r.reason.splitlines()[0] for candidate in latest for r in candidate.refusals[-_REASONS_EACH:]]
    return ["Replies that could not be used:", *(f"- {reason}" for reason in reasons[-_REASONS:])] if reasons else []
