"""Advice of the surrogate to a language model: estimated effects, a shortlist, and the accuracy of its predictions."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from ..guide.guide import ADVISER, Effect, Forecast, effects, forecasts, observe
from ..guide.shortlists import shortlist
from ..record.candidate import Candidate, Message, Suggestion
from ..record.history import History
from ..spaces.objective import ACCURACY, Objective
from ..spaces.region import Region
from ..spaces.space import Architecture, SearchSpace
from ..spaces.words import option_in_words
from ..tools.refused import refused_architectures
from ..tools.replies import read_reply
from ..tools.toolbox import forecast_in_words
from .prompting import Prompts

SHORTLISTED = 5
"""How many architectures a shortlist has."""

_ITEM = re.compile(r"^S\d+: (?:\[([\d, ]+)\]|(\{.*\})(?= |$))", re.MULTILINE)


@dataclass(frozen=True)
class Advice:
    """The knowledge about an objective after some measurements: the effect of every option, a shortlist, and earlier
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
    refused = refused_architectures(region.space, (), history)
    listed = tuple(shortlist("exploit", region, history, seed, count, refused))
    observed, objective = observe(history), History.of(history).goal.objective
    if not len(observed):
        return Advice(listed, objective=objective)
    guide = ADVISER.of(History.of(history).goal)
    found = (
        tuple(effects(region, observed, rng, guide, beliefs=History.of(history).beliefs)),
        tuple(forecasts(region, history, seed)),
    )
    return Advice(listed, *found, objective)


def advice_in_words(space: SearchSpace, advice: Advice, prompts: Prompts) -> str:
    """Write advice as a part of a prompt."""
    objective = advice.objective
    return prompts.render(
        "advice",
        accuracy=objective == ACCURACY,
        objective=objective.words,
        effects=list(_effects(space, advice.effects, objective)),
        record=_record(advice.forecasts, objective),
        costed=space.costed,
        shortlist=[_item(space, suggestion, objective) for suggestion in advice.shortlist],
    )


def shortlist_of(prompt: Sequence[Message], space: SearchSpace) -> list[Architecture]:
    """Read the shortlist back from a prompt; empty where it holds none."""
    users = (message["content"] for message in reversed(prompt) if message["role"] == "user")
    items = next((matches for text in users if (matches := list(_ITEM.finditer(text)))), [])
    found = [match[1] or match[2] for match in items]
    if not space.by_value:
        return [tuple(map(int, numbers.split(","))) for numbers in found]
    return [a for values in found if (a := read_reply(f"Architecture: {values}", space.without_rule).architecture)]


def _item(space: SearchSpace, suggestion: Suggestion, objective: Objective) -> dict[str, str]:
    return {"architecture": space.declared(suggestion.architecture), "value": forecast_in_words(suggestion, objective)}


def _effects(space: SearchSpace, found: Sequence[Effect], objective: Objective) -> Iterator[dict[str, str]]:
    """Name the best and the worst option of every decision: a line each, however many options there are."""
    for at, of_decision in groupby(found, key=lambda effect: effect.decision):
        ordered, decision = sorted(of_decision, key=lambda effect: -effect.mean), space.decisions[at]
        best, worst = (option_in_words(space, decision, effect.option) for effect in (ordered[0], ordered[-1]))
        gain, loss = (
            objective.change(objective.utility(effect.mean), effect.sd) for effect in (ordered[0], ordered[-1])
        )
        yield {"decision": decision.name, "best": best, "gain": gain, "worst": worst, "loss": loss}


def _record(found: Sequence[Forecast], objective: Objective) -> dict[str, str | int]:
    """Say how good the surrogate's forecasts were."""
    if not found:
        return {"checked": 0}
    last, error = found[-1], float(np.mean([abs(forecast.measured - forecast.expected) for forecast in found]))
    return {
        "checked": len(found),
        "off": objective.numbers([error])[0],
        "iteration": last.iteration,
        "expected": objective.near(last.expected, last.sd),
        "measured": objective.numbers([last.measured])[0],
    }
