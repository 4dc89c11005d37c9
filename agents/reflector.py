"""The agent that turns what was measured into the next prompt."""

from collections.abc import Sequence
from typing import Literal

from ..spaces.cost import Convention, Cost
from ..spaces.limits import NO_LIMITS, Limits
from ..spaces.space import Architecture, SearchSpace
from ..tools.candidate import NOTHING_LEFT, Candidate, Message
from ..tools.prices import look_up_table
from .advice import Advice, advice_in_words
from .memory import Experiment, Memory, Rest, best_first, kept

Order = Literal["best", "time"]
"""How a prompt lists earlier experiments: the most accurate first, or in the order they were made."""

_ROLE = """\
You design neural networks. You are searching a space of architectures for the one with the highest accuracy: you \
propose an architecture, it is trained and measured, you are told its accuracy, and you propose the next one."""

_COUNTED: dict[Convention, str] = {"macs": "multiply-adds", "thop": "FLOPs as thop counts them"}

_FIRST = """\
Nothing has been measured yet. Weigh what each option can do for the network, then propose the architecture that you \
expect to be the most accurate."""

_NEXT = """\
Learn from these experiments: which choices go along with high accuracy, which with low? Then propose an architecture \
that was not tried before and that you expect to beat the best one above, and say why it should."""

_RANGE = """\
The network must keep a hard limit: {limits}. A proposal outside is not trained."""

_RUNNING = "In training now, without a result yet; do not propose these again:"

_QUESTIONS = """\
Before you answer, think it through step by step:
1. Which options make the strongest layers, and what do they cost here?
2. Which part of the network earns most from stronger layers, and where is computation spent for little?
3. Where does the network need depth, and where do few layers suffice?
4. What do the table's costs of your architecture add up to? Change it until the sum is inside the limit."""

_ANSWER = """\
Give your reason in a few sentences, and then the architecture, a list of {length} numbers. In plain text, end with \
one line of this form:
Architecture: [{example}]"""

_NO_TEXT = "[no answer]"
"""What stands for a reply without text when it is sent back: strict servers refuse an empty message."""

_STOP = f"""\
If you are sure that no untried architecture of this space is better than the best one above, answer with \
{NOTHING_LEFT} alone."""


def write_prompt(
    space: SearchSpace,
    memory: Memory,
    order: Order = "best",
    limits: Limits = NO_LIMITS,
    running: Sequence[Architecture] = (),
    advice: Advice | None = None,
    may_stop: bool = False,
) -> list[Message]:
    """Write the prompt for the next proposal: the space in words, the limits, the experiments so far, the request.

    `running` are architectures in training, which have no result yet; `advice` is what a surrogate makes of it all;
    `may_stop` offers to end the search.
    """
    parts = [space.description, *([space.rule] if space.rule else [])]
    if limits.limited:
        parts += [look_up_table(space, limits.convention), _RANGE.format(limits=limits.words())]
    if memory["latest"]:
        parts.append(_experiments(memory, order, limits.convention))
    parts += ["\n".join([_RUNNING, *(f"- {list(architecture)}" for architecture in running)])] if running else []
    parts += [advice_in_words(space, advice)] if advice else []
    parts += [_NEXT if memory["measured"] else _FIRST]
    parts += [_QUESTIONS] if limits.limited else []
    parts += [_answer_form(space)]
    parts += [_STOP] if memory["measured"] and may_stop else []
    return [Message(role="system", content=_ROLE), Message(role="user", content="\n\n".join(parts))]


def conversation(prompt: list[Message], candidate: Candidate) -> list[Message]:
    """Return the prompt with the replies that were sent back and why: what the proposer is to answer now."""
    messages = list(prompt)
    for refusal in candidate.refusals:
        messages.append(Message(role="assistant", content=refusal.reply.strip() or _NO_TEXT))
        messages.append(Message(role="user", content=f"This cannot be used: {refusal.reason}. Please answer again."))
    return messages


def _answer_form(space: SearchSpace) -> str:
    # Names, not numbers: an example architecture would be a hint, and small models would copy it.
    names = ", ".join(f"<{decision.name}>" for decision in space.decisions)
    return _ANSWER.format(length=len(space.decisions), example=names)


def _experiments(memory: Memory, order: Order, convention: Convention) -> str:
    shown = kept(memory)
    if order == "best":
        shown = best_first(shown)
    columns = f"architecture, accuracy, millions of {_COUNTED[convention]}, millions of parameters"
    title = f"Experiments so far, {'the best first' if order == 'best' else 'in order'} ({columns}):"
    lines = [_line(experiment, convention) for experiment in shown]
    return "\n".join([title, *lines, *_forgotten(memory["rest"]), *_refused(memory)])


def _line(experiment: Experiment, convention: Convention) -> str:
    if experiment["architecture"] is None:
        return f"- iteration {experiment['iteration']}: no architecture ({experiment['error']})"
    result = (
        f"{experiment['accuracy']:.2f}%" if experiment["accuracy"] is not None else f"failed: {experiment['error']}"
    )
    cost = Cost(**experiment["cost"] or {})
    flops, params = f"{cost.counted(convention) / 1e6:.1f} M", f"{cost.params / 1e6:.2f} M"
    repaired = f"; your proposal {experiment['repair']}" if experiment["repair"] else ""
    return f"- iteration {experiment['iteration']}: {experiment['architecture']}, {result}, {flops}, {params}{repaired}"


def _forgotten(rest: Rest) -> list[str]:
    count = rest["measured"] + rest["failed"]
    if not count:
        return []
    failed = f"; {rest['failed']} failed" if rest["failed"] else ""
    mean = f", mean {rest['sum'] / rest['measured']:.2f}%" if rest["measured"] else ""
    spread = f": {rest['lowest']:.2f}% to {rest['highest']:.2f}%{mean}" if rest["measured"] else ""
    return [f"- and {count} earlier ones that were not among the best{spread}{failed}"]


def _refused(memory: Memory) -> list[str]:
    reasons = [reason for experiment in memory["latest"] for reason in experiment["refusals"]]
    return ["Replies that could not be used:", *(f"- {reason}" for reason in reasons[-5:])] if reasons else []
