"""The agent that turns what was measured into the next prompt."""

import json
from collections.abc import Sequence
from itertools import islice

from ..record.candidate import NOTHING_LEFT, Candidate, Message
from ..record.history import History
from ..record.settings import Order
from ..spaces.cost import Convention, Cost
from ..spaces.region import Region
from ..spaces.space import SearchSpace
from ..tools.prices import look_up_table
from .advice import Advice, advice_in_words

BEST, LATEST = 15, 15
"""How many experiments a prompt lists at most: of the most accurate, and of the latest."""

_REASONS, _REASONS_EACH = 5, 3  # why replies were sent back: in all, and of an iteration

_ROLE = """\
You design neural networks. You are searching a space of architectures for the one with the highest accuracy: you \
propose an architecture, it is trained and measured, you are told its accuracy, and you propose the next one."""

_ROLE_OF_VALUES = """\
You tune the decisions of a system. You are searching their values for those with the highest accuracy: you propose \
an architecture, which is a value of each decision, it is measured, you are told its accuracy, and you propose the \
next one."""

_COUNTED: dict[Convention, str] = {"macs": "multiply-adds", "thop": "FLOPs as thop counts them"}

_FIRST = """\
Nothing has been measured yet. Weigh what each option can do for the network, then propose the architecture that you \
expect to be the most accurate."""

_FIRST_OF_VALUES = """\
Nothing has been measured yet. Weigh what each value can do, then propose the architecture that you expect to be the \
best."""

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

_VALUES = """\
Give your reason in a few sentences, and then the architecture, a JSON object with the value of each decision that \
counts; a number between the levels of a range is taken to the nearest one. In plain text, end with one line of this \
form:
Architecture: {example}"""

_SHOWN = 60  # decisions, and costs by name, that a form or a line shows

_NO_TEXT = "[no answer]"
"""What stands for a reply without text when it is sent back: strict servers refuse an empty message."""

_STOP = f"""\
If you are sure that no untried architecture of this space is better than the best one above, answer with \
{NOTHING_LEFT} alone."""


def write_prompt(
    region: Region,
    history: Sequence[Candidate] = (),
    order: Order = "best",
    advice: Advice | None = None,
    may_stop: bool = False,
) -> list[Message]:
    """Write the prompt for the next proposal: the space in words, the limits, the experiments so far, the request.

    It is bounded, however long the history is, and names what is in flight. `advice` is what a surrogate makes of it
    all; `may_stop` offers to end the search.
    """
    space, limits = region.space, region.limits
    known = History.of(history)
    running = [space.written(candidate.architecture) for candidate in known.running if candidate.architecture]
    parts = [space.words, *([space.rule] if space.rule else [])]
    if limits.limited:
        parts += [look_up_table(region), _RANGE.format(limits=limits.words())]
    if known.finished:
        parts.append(_experiments(space, known, order, limits.convention))
    parts += ["\n".join([_RUNNING, *(f"- {architecture}" for architecture in running)])] if running else []
    parts += [advice_in_words(space, advice)] if advice else []
    parts += [_NEXT if known.measured else _FIRST if space.build else _FIRST_OF_VALUES]
    parts += [_QUESTIONS] if limits.limited else []
    parts += [_answer_form(space)]
    parts += [_STOP] if known.measured and may_stop else []
    return [
        Message(role="system", content=_ROLE if space.build else _ROLE_OF_VALUES),
        Message(role="user", content="\n\n".join(parts)),
    ]


def conversation(prompt: list[Message], candidate: Candidate) -> list[Message]:
    """Return the prompt with the replies that were sent back and why: what the proposer is to answer now."""
    messages = list(prompt)
    for refusal in candidate.refusals:
        messages.append(Message(role="assistant", content=refusal.reply.strip() or _NO_TEXT))
        messages.append(Message(role="user", content=f"This cannot be used: {refusal.reason}. Please answer again."))
    return messages


def _answer_form(space: SearchSpace) -> str:
    # Names, not numbers: an example architecture would be a hint, and small models would copy it.
    if space.by_value:
        return _VALUES.format(example=_example(space))
    names = ", ".join(f"<{decision.name}>" for decision in space.decisions)
    return _ANSWER.format(length=len(space.decisions), example=names)


def _example(space: SearchSpace) -> str:
    shown = [f"{json.dumps(d.name, ensure_ascii=False)}: <{d.name}>" for d in space.decisions[:_SHOWN]]
    more = ["…"] if len(space.decisions) > _SHOWN else []
    return "{" + ", ".join([*shown, *more]) + "}"


def _experiments(space: SearchSpace, history: History, order: Order, convention: Convention) -> str:
    """List the best and the latest experiments, and sum up the others."""
    latest = history[max(0, history.finished - LATEST) : history.finished]
    best = list(islice(history.best_first(), BEST))
    shown = sorted({c.iteration: c for c in (*best, *latest)}.values(), key=_iteration)
    others = _others(history, shown)
    if order == "best":
        shown.sort(key=_by_accuracy)
    counted = f", millions of {_COUNTED[convention]}, millions of parameters" if space.costed else ""
    columns = f"architecture, accuracy{counted}"
    title = f"Experiments so far, {'the best first' if order == 'best' else 'in order'} ({columns}):"
    return "\n".join([title, *(_line(space, candidate, convention) for candidate in shown), *others, *_refused(latest)])


def _iteration(candidate: Candidate) -> int:
    return candidate.iteration


def _by_accuracy(candidate: Candidate) -> float:
    return -candidate.accuracy if candidate.accuracy is not None else float("inf")


def _line(space: SearchSpace, candidate: Candidate, convention: Convention) -> str:
    if candidate.architecture is None:
        return f"- iteration {candidate.iteration}: no architecture ({candidate.error})"
    result = f"{candidate.accuracy:.2f}%" if candidate.accuracy is not None else f"failed: {candidate.error}"
    words = [space.written(candidate.architecture), result, *_costs(candidate.cost, convention)]
    remarks = [f"; your proposal {candidate.repair.reason}"] if candidate.repair else []
    remarks += [f"; taken to the nearest level: {candidate.rounded}"] if candidate.rounded else []
    return f"- iteration {candidate.iteration}: {', '.join(words)}{''.join(remarks)}"


def _costs(cost: Cost | None, convention: Convention) -> list[str]:
    if cost is None:
        return []
    named = [f"{name} {number:g}" for name, number in list(cost.named.items())[:_SHOWN]]
    return [f"{cost.counted(convention) / 1e6:.1f} M", f"{cost.params / 1e6:.2f} M", *named]


def _others(history: History, shown: Sequence[Candidate]) -> list[str]:
    """Sum up the experiments that are not shown: how many they are, and their accuracies."""
    count = history.finished - len(shown)
    if not count:
        return []
    accuracies = [c.accuracy for c in shown if c.accuracy is not None]
    measured = len(history.measured) - len(accuracies)
    failed = f"; {count - measured} failed" if count > measured else ""
    return [f"- and {count} earlier ones that were not among the best{_spread(history, shown, measured)}{failed}"]


def _spread(history: History, shown: Sequence[Candidate], measured: int) -> str:
    if not measured:
        return ""
    iterations = {candidate.iteration for candidate in shown}
    mean = (history.total - sum(c.accuracy or 0.0 for c in shown)) / measured
    lowest, highest = (
        next(c.accuracy for c in history.best_first(worst_first=worst) if c.iteration not in iterations)
        for worst in (True, False)
    )
    return f": {lowest:.2f}% to {highest:.2f}%, mean {mean:.2f}%"


def _refused(latest: Sequence[Candidate]) -> list[str]:
    reasons = [r.reason.splitlines()[0] for candidate in latest for r in candidate.refusals[-_REASONS_EACH:]]
    return ["Replies that could not be used:", *(f"- {reason}" for reason in reasons[-_REASONS:])] if reasons else []
