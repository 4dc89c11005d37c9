"""The design principles that a model draws from a search, held against the surrogate's effects."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from ..guide.guide import ADVISER, effects, observe
from ..printable import one_line
from ..record.call import Reply
from ..record.candidate import Message
from ..record.history import History
from ..record.notebook import OptionEffect, Principle
from ..spaces.objective import Objective
from ..spaces.region import Region
from ..spaces.space import SearchSpace
from .beliefs import UnreadableAnswer, json_object, option_named, read_option, schema_of_option, seen
from .experiments import list_experiments
from .prompting import Prompts
from .proposer import Form

PRINCIPLES, _OPTIONS, _LENGTH = 10, 6, 400
"""How many principles are taken from an answer, how many options of each, and how many characters."""
_LINE = re.compile(r"^(?:[\s>*#•\-\d.)`]{0,20}principle\s?\d{0,2}[*`\s]{0,4}:|\s{0,8}\d{1,2}[.)])\s*(.+)$", re.I | re.M)
CLAIMS = ("better", "worse")
"""What a model may say of an option."""
_CLAIMED = re.compile(r"\s*[:,]?\s*\b(better|worse)\W{0,4}$", re.I)
_SHOWN_BEYOND = 1.96
"""Standard deviations from 0 beyond which measurements show an effect: the 95% interval leaves out 0."""
_NAMED = re.compile(r"\[([^\[\]\n]{1,400})\]")


def principles_form(space: SearchSpace) -> Form:
    """Return the form of design principles."""
    text = {"type": "string", "description": "the principle, in one sentence"}
    options = {"type": "array", "description": "the options that it is about", "items": _schema_of_claim(space)}
    one = {
        "type": "object",
        "properties": {"principle": text, "options": options},
        "required": ["principle", "options"],
        "additionalProperties": False,
    }
    return Form(
        "principles",
        {
            "title": "principles",
            "description": "The design principles that the experiments teach, the most certain first.",
            "type": "object",
            "properties": {"principles": {"type": "array", "items": one, "maxItems": PRINCIPLES}},
            "required": ["principles"],
            "additionalProperties": False,
        },
    )


def _schema_of_claim(space: SearchSpace) -> dict[str, object]:
    option: dict[str, Any] = schema_of_option(space)
    words = "whether it makes an architecture better or worse than the other options of the decision"
    claim = {"type": "string", "enum": list(CLAIMS), "description": words}
    return option | {"properties": option["properties"] | {"claim": claim}, "required": [*option["required"], "claim"]}


def ask_principles(prompts: Prompts, region: Region, history: History) -> list[Message]:
    """Write the question for design principles."""
    space = region.space
    words = prompts.render(
        "principles",
        space=space.words,
        objectives="; ".join(objective.words for objective in history.goal.objectives),
        experiments=list_experiments(region, history, "best", prompts),
        notes=history.notebook,
        principles=PRINCIPLES,
        text_form=principles_in_text(prompts, space),
    )
    return [Message(role="user", content=words)]


def principles_in_text(prompts: Prompts, space: SearchSpace) -> str:
    """Describe the form of design principles in plain text."""
    option = "<its value>" if space.by_value else "<number of its option>"
    return prompts.render("principles_text", decision=space.decisions[0].name, option=option)


def read_principles(reply: Reply, space: SearchSpace) -> tuple[Principle, ...]:
    """Read the principles of an answer, with the options that they name; unreadable ones are left out.

    Raises: UnreadableAnswer where there are none.
    """
    text = seen(reply)
    said = json_object(text, ("principles",))
    items = said["principles"] if said and isinstance(said["principles"], list) else [*_of_lines(text)]
    found = [one for item in items[:PRINCIPLES] if (one := _principle(item, space)).text]
    if not found:
        raise UnreadableAnswer("it holds no principle; write one line for each, of the form above")
    return tuple(found)


def _of_lines(text: str) -> Iterator[dict[str, object]]:
    for line in _LINE.finditer(text):
        named = [each for match in _NAMED.finditer(line[1]) for each in re.split(r"[,;&]", match[1])]
        options = [_of_text(*each.partition("=")[::2]) for each in named]
        yield {"principle": _NAMED.sub("", line[1]).strip(" *`"), "options": options}


def _of_text(decision: str, option: str) -> dict[str, object]:
    claimed = _CLAIMED.search(option)
    words = option[: claimed.start()] if claimed else option
    return {"decision": decision.strip(), "option": words.strip(), "claim": claimed and claimed[1].lower()}


def _principle(item: object, space: SearchSpace) -> Principle:
    fields: Mapping[str, Any] = item if isinstance(item, dict) else {"principle": item}
    words, named = fields.get("principle"), fields.get("options")
    text = one_line(words[: 10 * _LENGTH], _LENGTH).strip() if isinstance(words, str) else ""
    options: dict[tuple[int, int], OptionEffect] = {}
    for one in _options(named[: 5 * _OPTIONS] if isinstance(named, list) else [], space):
        options.setdefault((one.decision, one.option), one)
    return Principle(text, tuple(options.values())[:_OPTIONS])


def _options(named: Sequence[object], space: SearchSpace) -> Iterator[OptionEffect]:
    for each in named:
        fields: Mapping[str, Any] = each if isinstance(each, dict) else {}
        claim = fields.get("claim")
        try:
            decision, option = read_option(space, fields.get("decision"), fields.get("option"))
            yield OptionEffect(decision, option, claim=claim if claim in CLAIMS else None)
        except UnreadableAnswer:
            continue  # the principle stays, without an effect beside it


def with_effects(
    principles: Sequence[Principle], region: Region, history: History, seed: Sequence[int]
) -> tuple[Principle, ...]:
    """Put the surrogate's effects beside the options that principles name; it knows nothing of the model's beliefs."""
    if not any(one.options for one in principles):
        return tuple(principles)
    found = {(each.decision, each.option): each for each in measured_effects(region, history, seed)}

    def known(option: OptionEffect) -> OptionEffect:
        effect = found.get((option.decision, option.option))
        return replace(effect, claim=option.claim) if effect else option

    return tuple(Principle(one.text, tuple(map(known, one.options))) for one in principles)


def measured_effects(region: Region, history: History, seed: Sequence[int]) -> list[OptionEffect]:
    """Return the surrogate's effects of all options, without the model's beliefs; none where nothing was measured."""
    goal, observed = history.goal, observe(history)
    if not len(observed):
        return []
    rng = np.random.default_rng([*seed, len(history)])
    found = effects(region, observed, rng, ADVISER.of(goal))
    return [OptionEffect(e.decision, e.option, goal.objective.utility(e.mean), e.sd) for e in found]


Verdict = Literal["agreement", "contradiction", "not shown"]
"""How the measurements stand to a claim: they show the same, the opposite, or neither."""


def is_shown(option: OptionEffect) -> bool:
    """Tell whether the measurements show an effect of an option: beyond 1.96 standard deviations."""
    return option.effect is not None and option.sd is not None and abs(option.effect) > _SHOWN_BEYOND * option.sd


def judge_claim(option: OptionEffect, objective: Objective) -> Verdict:
    """Hold a model's claim on an option against the surrogate's effect."""
    if option.claim is None or option.effect is None or not is_shown(option):
        return "not shown"
    better = objective.utility(option.effect) > 0
    return "agreement" if better == (option.claim == "better") else "contradiction"


def principles_in_words(principles: Sequence[Principle], space: SearchSpace, objective: Objective) -> Iterator[str]:
    """Write principles for a person, a line each, with the surrogate's effects of the options that they name."""
    for number, one in enumerate(principles, start=1):
        told = "; ".join(_effect(space, each, objective) for each in one.options)
        yield f"{number}. {one.text}" + (f" [{told}]" if told else "")


def _effect(space: SearchSpace, option: OptionEffect, objective: Objective) -> str:
    name = option_named(space, option.decision, option.option)
    return name + ("" if option.claim is None else f", said to be {option.claim}") + effect_in_words(option, objective)


def effect_in_words(option: OptionEffect, objective: Objective) -> str:
    """Write the surrogate's effect of an option, as it stands behind its name."""
    if option.effect is None or option.sd is None:
        return ": the surrogate knows no effect"
    return f": {objective.change(option.effect, option.sd)} by the surrogate"
