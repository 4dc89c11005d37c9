"""Advice of the surrogate to a language model: estimated effects, a shortlist, and the accuracy of its predictions."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from ..guide.guide import GUIDE, Effect, Forecast, effects, forecasts, observe
from ..guide.shortlists import exploit
from ..record.candidate import Candidate, Message, Suggestion
from ..record.history import History
from ..spaces.objective import ACCURACY, Objective
from ..spaces.region import Region
from ..spaces.space import Architecture, SearchSpace
from ..spaces.words import option_in_words
from ..tools.refused import refused_architectures
from ..tools.replies import read_reply
from ..tools.toolbox import forecast_in_words

SHORTLISTED = 5
"""How many architectures a shortlist has."""

_TITLE = """\
A statistical model was fitted to these experiments. It knows numbers alone; what networks are made for, you know. \
{values}, ± is one standard deviation."""

_FIRST = "Nothing is measured yet, so it goes by the size of the networks alone."

_FIRST_UNCOSTED = "Nothing is measured yet, so these are drawn at random."

_SHORTLIST = """\
Untried architectures{near}, the highest expected value first{chances}. Begin your answer with `I take S1.`, say, and \
give its numbers; or with `I take none of these.`, say why yours should be better, and give your own:"""

_NEAR = " within two changes of the best (further away where fewer are left)"

_CHANCES = ", each with the probability that it improves on the best so far"

_ITEM = re.compile(r"^S\d+: (?:\[([\d, ]+)\]|(\{.*\})(?= |$))", re.MULTILINE)


@dataclass(frozen=True)
class Advice:
    """The knowledge about an objective after some measurements: the effect of every option, what to try, and earlier
    forecasts."""

    shortlist: tuple[Suggestion, ...]
    effects: tuple[Effect, ...] = ()
    forecasts: tuple[Forecast, ...] = ()
    objective: Objective = ACCURACY


def advise(
    region: Region,
    history: Sequence[Candidate],
    seed: Sequence[int],
    count: int = SHORTLISTED,
) -> Advice:
    """Make the surrogate's advice from a trial's history: its shortlist is by expected value."""
    rng = np.random.default_rng([*seed, len(history)])
    shortlist = tuple(exploit(region, history, seed, count, refused_architectures(region.space, (), history)))
    observed, objective = observe(history), History.of(history).goal.objective
    if not len(observed):
        return Advice(shortlist, objective=objective)
    guide = GUIDE.of(History.of(history).goal)
    found = (
        tuple(effects(region, observed, rng, guide, beliefs=History.of(history).beliefs)),
        tuple(forecasts(region, history, seed)),
    )
    return Advice(shortlist, *found, objective)


def advice_in_words(space: SearchSpace, advice: Advice) -> str:
    """Write advice as a part of a prompt."""
    objective = advice.objective
    title = _TITLE.format(values="Accuracies are in percent" if objective == ACCURACY else f"Values: {objective.words}")
    lines = [title, *_effects(space, advice.effects, objective), *_record(advice.forecasts, objective)]
    lines += [] if advice.effects else [_FIRST if space.costed else _FIRST_UNCOSTED]
    items = [_item(space, at, suggestion, objective) for at, suggestion in enumerate(advice.shortlist, start=1)]
    shown = any(suggestion.improvement is not None for suggestion in advice.shortlist)
    asked = _SHORTLIST.format(near=_NEAR * shown, chances=_CHANCES * shown)
    lines += [asked, *items] if items else []
    return "\n".join(lines)


def shortlist_of(prompt: Sequence[Message], space: SearchSpace) -> list[Architecture]:
    """Read the shortlist back from a prompt; empty where it holds none."""
    users = [message["content"] for message in prompt if message["role"] == "user"][:1]
    found = [match[1] or match[2] for text in users for match in _ITEM.finditer(text)]
    if not space.by_value:
        return [tuple(map(int, numbers.split(","))) for numbers in found]
    return [a for values in found if (a := read_reply(f"Architecture: {values}", space.without_rule).architecture)]


def _item(space: SearchSpace, place: int, suggestion: Suggestion, objective: Objective) -> str:
    told = forecast_in_words(suggestion, objective)
    return f"S{place}: {space.declared(suggestion.architecture)}{told and f' {told}'}"


def _effects(space: SearchSpace, found: Sequence[Effect], objective: Objective) -> Iterator[str]:
    """Name the best and the worst option of every decision: a line each, however many options there are."""
    if not found:
        return
    yield "Effect of each decision's best and worst option, over the mean of the space:"
    for at, of_decision in groupby(found, key=lambda effect: effect.decision):
        ordered = sorted(of_decision, key=lambda effect: -effect.mean)
        decision = space.decisions[at]
        ends = [(effect.option, objective.utility(effect.mean), effect.sd) for effect in (ordered[0], ordered[-1])]
        words = [
            f"{option_in_words(space, decision, option)} ({objective.change(mean, sd)})" for option, mean, sd in ends
        ]
        yield f"- {decision.name}: best {words[0]}, worst {words[1]}"


def _record(found: Sequence[Forecast], objective: Objective) -> Iterator[str]:
    if not found:
        return
    last, error = found[-1], float(np.mean([abs(forecast.measured - forecast.expected) for forecast in found]))
    off, measured = objective.numbers([error])[0], objective.numbers([last.measured])[0]
    yield (
        f"Its forecasts of the last {len(found)} measurements were off by {off} on average; of iteration "
        f"{last.iteration} it expected {objective.near(last.expected, last.sd)}, and {measured} was measured."
    )
