"""The agent that turns what was measured into the next prompt."""

from typing import Literal

from ..spaces.space import SearchSpace
from ..tools.candidate import NOTHING_LEFT, Candidate, Message
from .memory import Experiment, Memory, best_first, kept

Order = Literal["best", "time"]
"""How a prompt lists earlier experiments: the most accurate first, or in the order they were made."""

_ROLE = """\
You design neural networks. You are searching a space of architectures for the one with the highest accuracy: you \
propose an architecture, it is trained and measured, you are told its accuracy, and you propose the next one."""

_COLUMNS = "architecture, accuracy, millions of multiply-adds, millions of parameters"

_FIRST = """\
Nothing has been measured yet. Weigh what each option can do for the network, then propose the architecture that you \
expect to be the most accurate."""

_NEXT = """\
Learn from these experiments: which choices go along with high accuracy, which with low? Then propose an architecture \
that was not tried before and that you expect to beat the best one above, and say why it should."""

_ANSWER = """\
Give your reason in a few sentences. Then end with one line of this form, with {length} numbers:
Architecture: [{example}]"""

_STOP = f"""\
If you are sure that no untried architecture of this space is better than the best one above, answer with \
{NOTHING_LEFT} alone."""


def write_prompt(space: SearchSpace, memory: Memory, order: Order) -> list[Message]:
    """Write the prompt for the next proposal: the space in words, the experiments so far, the request."""
    parts = [space.description, _NEXT if memory["measured"] else _FIRST, _answer_form(space)]
    if memory["latest"]:
        parts.insert(1, _experiments(memory, order))
    if memory["measured"]:
        parts.append(_STOP)
    return [Message(role="system", content=_ROLE), Message(role="user", content="\n\n".join(parts))]


def conversation(prompt: list[Message], candidate: Candidate) -> list[Message]:
    """Return the prompt with the replies that were sent back and why: what the proposer is to answer now."""
    messages = list(prompt)
    for refusal in candidate.refusals:
        messages.append(Message(role="assistant", content=refusal.reply))
        messages.append(Message(role="user", content=f"This cannot be used: {refusal.reason}. Please answer again."))
    return messages


def _answer_form(space: SearchSpace) -> str:
    # Names, not numbers: an example architecture would be a hint, and small models would copy it.
    names = ", ".join(f"<{decision.name}>" for decision in space.decisions)
    return _ANSWER.format(length=len(space.decisions), example=names)


def _experiments(memory: Memory, order: Order) -> str:
    shown = kept(memory)
    if order == "best":
        shown = best_first(shown)
    title = f"Experiments so far, {'the best first' if order == 'best' else 'in order'} ({_COLUMNS}):"
    lines = [_line(experiment) for experiment in shown]
    forgotten = memory["measured"] + memory["failed"] - len(shown)
    if forgotten:
        lines.append(f"- and {forgotten} earlier ones that were not among the best")
    return "\n".join([title, *lines, *_refused(memory)])


def _line(experiment: Experiment) -> str:
    if experiment["architecture"] is None:
        return f"- iteration {experiment['iteration']}: no architecture ({experiment['error']})"
    result = (
        f"{experiment['accuracy']:.2f}%" if experiment["accuracy"] is not None else f"failed: {experiment['error']}"
    )
    flops, params = (experiment["flops"] or 0) / 1e6, (experiment["params"] or 0) / 1e6
    return (
        f"- iteration {experiment['iteration']}: {experiment['architecture']}, {result}, {flops:.1f} M, {params:.2f} M"
    )


def _refused(memory: Memory) -> list[str]:
    reasons = [reason for experiment in memory["latest"] for reason in experiment["refusals"]]
    return ["Replies that could not be used:", *(f"- {reason}" for reason in reasons[-5:])] if reasons else []
