"""The tries of each option, as a prompt tells them: how many, their effect, and the options never tried.

The effect is the mean difference of pairs of experiments that are alike but for the option. The mean of an option's
values depends on what it was tried beside: it stands where there are no such pairs.
"""

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
    """Write how often each option was tried, and its effect on the value; nothing of few experiments.

    Of many decisions those are told whose effects differ most, and of many options the best and the worst.
    """
    if history.finished < FROM:
        return ""
    tally, objective = history.tally(space), history.goal.objective
    groups = [_groups(space, at, tally) for at in range(len(space.decisions))]
    mean = history.total / max(1, len(history.measured))
    widest = sorted(range(len(groups)), key=lambda at: -_width(groups[at], mean))[:_DECISIONS]
    most = max(2, min(_OPTIONS, _CELLS // len(widest)))
    rows = [_row(space.decisions[at], groups[at], objective, most, mean) for at in sorted(widest)]
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
    """Sum up the tries of levels, which are numbered from 0; pairs of levels that lie close tell little."""
    several = [tried for number, tried in found.items() if low <= number < high]
    tries, measured = (sum(getattr(each, name) for each in several) for name in ("tries", "measured"))
    return Tried(tries, measured, sum(each.total for each in several))


def _width(groups: Sequence[_Group], mean: float) -> float:
    """Return how far the effects of a decision's options lie apart."""
    effects = [effect for _, tried in groups if (effect := _effect(tried, mean)) is not None]
    return max(effects) - min(effects) if effects else 0.0


def _effect(tried: Tried, mean: float) -> float | None:
    """Return the effect of an option by its pairs, else by the mean of its values less that of all."""
    if tried.paired:
        return tried.paired.mean
    return None if tried.mean is None else tried.mean - mean


def _row(
    decision: Decision, groups: Sequence[_Group], objective: Objective, most: int, mean: float
) -> dict[str, object]:
    """Return the line of a decision: its options that were tried, the best effect first, and those that were not."""
    tried = [group for group in groups if group[1].tries]
    untried = [name for name, each in groups if not each.tries]
    ordered = sorted(tried, key=lambda group: _place(_effect(group[1], mean), objective))
    told = ordered if len(ordered) <= most else [*ordered[: most - most // 2], *ordered[len(ordered) - most // 2 :]]
    return {
        "decision": _short(decision.name),
        "tried": _options(told, objective),
        "more": len(ordered) - len(told),
        "untried": ", ".join(untried[:most]) + (f", {len(untried) - most} more" * (len(untried) > most)),
    }


def _place(effect: float | None, objective: Objective) -> float:
    return inf if effect is None else -objective.utility(effect)


def _options(told: Sequence[_Group], objective: Objective) -> list[dict[str, object]]:
    numbers = iter(objective.numbers([number for _, each in told if (number := _number(each)) is not None]))
    return [_option(name, tried, "" if _number(tried) is None else next(numbers)) for name, tried in told]


def _number(tried: Tried) -> float | None:
    return tried.paired.mean + 0.0 if tried.paired else tried.mean


def _option(name: str, tried: Tried, number: str) -> dict[str, object]:
    """Return the values of an option, as a template takes them."""
    paired = tried.paired
    sign = "+" * (paired is not None and paired.mean >= 0)
    return {
        "name": name,
        "tries": tried.tries,
        "number": sign + number,
        "pairs": paired.count if paired else 0,
        "alone": paired is tried.alone,
    }


def _short(name: str) -> str:
    return one_line(name, _LENGTH)
