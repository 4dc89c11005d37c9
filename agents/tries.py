"""The tries of each option, as a prompt tells them: how many, the mean of their values, and the options never tried."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import inf
from typing import TypeAlias

from ..printable import one_line
from ..record.history import History
from ..record.option_tally import OptionTally, Tried
from ..spaces.decision import Decision
from ..spaces.objective import Objective
from ..spaces.space import SearchSpace
from ..spaces.words import option_in_words
from .prompting import Prompts

FROM = 3
"""How many experiments there are before a prompt tells the tries: of fewer, their list says it all."""

_DECISIONS, _OPTIONS = 30, 6  # that are told at most, and as many of those never tried
_CELLS = 90  # options that are told in all
_BINS = 5  # into which the levels of a range are put
_LENGTH = 40  # characters of a name

_Group: TypeAlias = tuple[str, Tried]
"""The name of an option, or of several levels, and its tries."""


def tries_in_words(space: SearchSpace, history: History, prompts: Prompts) -> str:
    """Write how often each option was tried, and the mean of the values measured with it; nothing of few experiments.

    Of many decisions those are told whose means differ most, and of many options the best and the worst.
    """
    if history.finished < FROM:
        return ""
    tally, objective = history.tally(space), history.goal.objective
    groups = [_groups(space, at, tally) for at in range(len(space.decisions))]
    widest = sorted(range(len(groups)), key=lambda at: -_width(groups[at]))[:_DECISIONS]
    most = max(2, min(_OPTIONS, _CELLS // len(widest)))
    rows = [_row(space.decisions[at], groups[at], objective, most) for at in sorted(widest)]
    return prompts.render("tries", name=objective.name, rows=rows, left_out=len(groups) - len(rows))


def _groups(space: SearchSpace, at: int, tally: OptionTally) -> list[_Group]:
    """Return the tries of a decision's options by their names, the levels of a long range in bins."""
    decision, found = space.decisions[at], tally.of(at)
    size = len(decision.numbers)
    if decision.scale is None or size <= 2 * _BINS:
        return [(_short(option_in_words(space, decision, n)), found.get(n, Tried())) for n in decision.numbers]
    ends = [round(place * size / _BINS) for place in range(_BINS + 1)]
    bins = pairwise(ends)
    return [(f"{decision.names[low]} to {decision.names[high - 1]}", _within(found, low, high)) for low, high in bins]


def _within(found: Mapping[int, Tried], low: int, high: int) -> Tried:
    """Sum up the tries of levels, which are numbered from 0."""
    several = [tried for number, tried in found.items() if low <= number < high]
    tries, measured = (sum(getattr(each, name) for each in several) for name in ("tries", "measured"))
    return Tried(tries, measured, sum(each.total for each in several))


def _width(groups: Sequence[_Group]) -> float:
    """Return how far the means of a decision's options lie apart."""
    means = [tried.mean for _, tried in groups if tried.mean is not None]
    return max(means) - min(means) if means else 0.0


def _row(decision: Decision, groups: Sequence[_Group], objective: Objective, most: int) -> dict[str, object]:
    """Return the line of a decision: its options that were tried, the best mean first, and those that were not."""
    tried = [group for group in groups if group[1].tries]
    untried = [name for name, each in groups if not each.tries]
    ordered = sorted(tried, key=lambda group: _place(group[1], objective))
    told = ordered if len(ordered) <= most else [*ordered[: most - most // 2], *ordered[len(ordered) - most // 2 :]]
    return {
        "decision": _short(decision.name),
        "tried": _options(told, objective),
        "more": len(ordered) - len(told),
        "untried": ", ".join(untried[:most]) + (f", {len(untried) - most} more" * (len(untried) > most)),
    }


def _place(tried: Tried, objective: Objective) -> float:
    return inf if tried.mean is None else -objective.utility(tried.mean)


def _options(told: Sequence[_Group], objective: Objective) -> list[dict[str, object]]:
    numbers = iter(objective.numbers([each.mean for _, each in told if each.mean is not None]))
    return [
        {"name": name, "tries": each.tries, "mean": "" if each.mean is None else next(numbers)} for name, each in told
    ]


def _short(name: str) -> str:
    return one_line(name, _LENGTH)
