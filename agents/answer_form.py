"""The form of a proposal's answer, in the words of a prompt."""

import json

from ..printable import one_line
from ..spaces.objective import Objective
from ..spaces.space import SearchSpace
from .prompting import Prompts

_SHOWN = 60  # decisions that a form shows


def answer_form(space: SearchSpace, objective: Objective, prompts: Prompts) -> str:
    """Say what an answer holds, and its form in plain text."""
    text = answer_in_text(space, objective, prompts)
    length = len(space.decisions)
    return prompts.render("answer", by_value=space.by_value, length=length, name=objective.name, text_form=text)


def answer_in_text(space: SearchSpace, objective: Objective, prompts: Prompts) -> str:
    """Describe the form of an answer in plain text."""
    # Names, not numbers: an example architecture would be a hint, and small models would copy it.
    names = [f"<{one_line(decision.name)}>" for decision in space.decisions]
    example = _example(space) if space.by_value else f"[{', '.join(names)}]"
    return prompts.render("answer_text", example=example, name=objective.name)


def _example(space: SearchSpace) -> str:
    shown = [f"{json.dumps(d.name, ensure_ascii=False)}: <{d.name}>" for d in space.decisions[:_SHOWN]]
    more = ["…"] if len(space.decisions) > _SHOWN else []
    return "{" + ", ".join([*shown, *more]) + "}"
