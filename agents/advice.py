"""What the surrogate tells a language model: the effects that it sees, what it would try, and how far to trust it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from ..guide.guide import Effect, Forecast, effects, forecasts, observe, suggest
from ..record.candidate import Candidate, Message, Suggestion
from ..spaces.region import Region
from ..spaces.space import Architecture, SearchSpace
from ..tools.prices import option_in_words
from ..tools.refused import refused_architectures
from ..tools.replies import read_reply

SHORTLISTED = 5
"""How many architectures a shortlist has."""

_TITLE = """\
A statistical model was fitted to these experiments. It knows numbers alone; what networks are made for, you know. \
Accuracies are in percent, ± is one standard deviation."""

_FIRST = "Nothing is measured yet, so it goes by the size of the networks alone."

_FIRST_UNCOSTED = "Nothing is measured yet, so these are drawn at random."

_SHORTLIST = """\
Untried architectures that it would try, the most promising first. Begin your answer with `I take S1.`, say, and give \
its numbers; or with `I take none of these.`, say why yours should be better, and give your own:"""

_ITEM = re.compile(r"^S\d+: (?:\[([\d, ]+)\]|(\{.*\})(?= |$))", re.MULTILINE)


@dataclass(frozen=True)
class Advice:
    """What is known after some measurements: the effect of every option, what to try, and earlier forecasts."""

    shortlist: tuple[Suggestion, ...]
    effects: tuple[Effect, ...] = ()
    forecasts: tuple[Forecast, ...] = ()


def advise(
    region: Region,
    history: Sequence[Candidate],
    seed: Sequence[int],
    count: int = SHORTLISTED,
) -> Advice:
    """Ask the surrogate what it makes of a trial's history."""
    rng = np.random.default_rng([*seed, len(history)])
    shortlist = tuple(
        suggest(region, history, rng, count=count, refused=refused_architectures(region.space, (), history))
    )
    observed = observe(history)
    if not len(observed):
        return Advice(shortlist)
    return Advice(shortlist, tuple(effects(region, observed, rng)), tuple(forecasts(region, history, seed)))


def advice_in_words(space: SearchSpace, advice: Advice) -> str:
    """Write advice as a part of a prompt."""
    lines = [_TITLE, *_effects(space, advice.effects), *_record(advice.forecasts)]
    lines += [] if advice.effects else [_FIRST if space.costed else _FIRST_UNCOSTED]
    items = [_item(space, at, suggestion) for at, suggestion in enumerate(advice.shortlist, start=1)]
    lines += [_SHORTLIST, *items] if items else []
    return "\n".join(lines)


def shortlist_of(prompt: Sequence[Message], space: SearchSpace) -> list[Architecture]:
    """Read the shortlist back from a prompt; empty where it holds none."""
    users = [message["content"] for message in prompt if message["role"] == "user"][:1]
    found = [match[1] or match[2] for text in users for match in _ITEM.finditer(text)]
    if not space.by_value:
        return [tuple(map(int, numbers.split(","))) for numbers in found]
    return [a for values in found if (a := read_reply(f"Architecture: {values}", space.without_rule).architecture)]


def _item(space: SearchSpace, place: int, suggestion: Suggestion) -> str:
    expected = f" {suggestion.accuracy:.2f} ± {suggestion.sd:.2f}" if suggestion.accuracy is not None else ""
    return f"S{place}: {space.declared(suggestion.architecture)}{expected}"


def _effects(space: SearchSpace, found: Sequence[Effect]) -> Iterator[str]:
    """Name the best and the worst option of every decision: a line each, however many options there are."""
    if not found:
        return
    yield "Effect of each decision's best and worst option, over the mean of the space:"
    for at, of_decision in groupby(found, key=lambda effect: effect.decision):
        ordered = sorted(of_decision, key=lambda effect: -effect.mean)
        decision = space.decisions[at]
        words = [
            f"{option_in_words(space, decision, effect.option)} ({effect.mean:+.2f} ± {effect.sd:.2f})"
            for effect in (ordered[0], ordered[-1])
        ]
        yield f"- {decision.name}: best {words[0]}, worst {words[1]}"


def _record(found: Sequence[Forecast]) -> Iterator[str]:
    if not found:
        return
    error = float(np.mean([abs(forecast.measured - forecast.expected) for forecast in found]))
    last = found[-1]
    yield (
        f"Its forecasts of the last {len(found)} measurements were off by {error:.2f} on average; of iteration "
        f"{last.iteration} it expected {last.expected:.2f} ± {last.sd:.2f}, and {last.measured:.2f} was measured."
    )
