"""The reflector: the agent that turns the measurements into the next prompt."""

import json
from collections.abc import Sequence

from ..record.candidate import NOTHING_LEFT, Candidate, Message
from ..record.goal import Goal, limit_words
from ..record.history import History
from ..record.settings import Order
from ..spaces.objective import Objective
from ..spaces.region import Region
from ..spaces.space import SearchSpace
from .advice import Advice, advice_in_words
from .experiments import list_experiments
from .limited import limits_in_words, questions
from .tool_messages import Said, round_messages, rounds_of

_ROLE = """\
You design neural networks. You are searching a space of architectures for {aim}: you propose an architecture, it is \
trained and measured, you are told its {names}, and you propose the next one."""

_ROLE_OF_VALUES = """\
You tune the decisions of a system. You are searching a space of architectures, each a value of every decision, for \
{aim}: you propose an architecture, it is measured, you are told its {names}, and you propose the next one."""

_AIM = "Objective of this search: {words}."
_AIMS = "Objectives of this search: {words}. The first one counts; the others are told."
_FRONT_AIM = """\
Objectives of this search: {words}. It looks for the front: architectures of which none is beaten in one objective \
without being better in another."""

_FIRST = """\
Nothing has been measured yet. Weigh what each option can do for the network, then propose the architecture that you \
expect to {best}."""

_FIRST_OF_VALUES = """\
Nothing has been measured yet. Weigh what each value can do, then propose the architecture that you expect to \
{best}."""

_NEXT = """\
Learn from these experiments: which choices go along with {good} {name}, which with {bad}? Then propose an \
architecture that was not tried before and that you expect to {beat}, and say why it should."""

_BEAT, _BEAT_FRONT = "beat the best one above", "add to the front above"

_MEASURED_LIMITS = """\
A network that is measured beyond these limits is not feasible, and does not count: {limits}."""

_NOTES = "The notebook of this search:"

_RUNNING = "In training now, without a result yet; do not propose these again:"

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

    Its length is bounded for every history. It lists the pending evaluations and the surrogate's `advice`; `may_stop`
    offers to end the search.
    """
    space, limits = region.space, region.limits
    known = History.of(history)
    goal = known.goal
    running = [space.written(candidate.architecture) for candidate in known.running if candidate.architecture]
    parts = [space.words, *([space.rule] if space.rule else []), *_aim(goal)]
    parts += limits_in_words(region, known) if limits.limited else []
    parts += [_MEASURED_LIMITS.format(limits=limit_words(goal))] if goal.limits else []
    if known.finished:
        parts.append(list_experiments(space, known, order, limits.convention))
    parts += [f"{_NOTES}\n{known.notebook}"] if known.notebook else []
    parts += ["\n".join([_RUNNING, *(f"- {architecture}" for architecture in running)])] if running else []
    parts += [advice_in_words(space, advice)] if advice else []
    parts += [_next(goal) if known.measured else (_FIRST if space.build else _FIRST_OF_VALUES).format(best=_best(goal))]
    parts += [questions(region)] if limits.limited else []
    parts += [_answer_form(space)]
    parts += [_STOP] if known.measured and may_stop else []
    return [
        Message(role="system", content=_role(goal, networks=space.build is not None)),
        Message(role="user", content="\n\n".join(parts)),
    ]


def _role(goal: Goal, *, networks: bool) -> str:
    objectives = goal.objectives if goal.pareto else goal.objectives[:1]
    aim = "the front of " if goal.pareto else "the one with "
    ends = " and ".join(f"the {_superlative(objective)} {objective.name}" for objective in objectives)
    role = _ROLE if networks else _ROLE_OF_VALUES
    return role.format(aim=aim + ends, names=" and ".join(objective.name for objective in goal.objectives))


def _aim(goal: Goal) -> list[str]:
    """Describe the measured quantities; nothing where accuracy is the only one."""
    words = "; ".join(objective.words for objective in goal.objectives)
    if len(goal.objectives) > 1:
        return [(_FRONT_AIM if goal.pareto else _AIMS).format(words=words)]
    return [] if goal.is_accuracy else [_AIM.format(words=words)]


def _best(goal: Goal) -> str:
    objective = goal.objective
    return "be the most accurate" if goal.is_accuracy else f"have the {_superlative(objective)} {objective.name}"


def _next(goal: Goal) -> str:
    good, bad = ("high", "low") if goal.objective.better == "higher" else ("low", "high")
    beat = _BEAT_FRONT if goal.pareto else _BEAT
    return _NEXT.format(good=good, bad=bad, name=goal.objective.name, beat=beat)


def _superlative(objective: Objective) -> str:
    return "highest" if objective.better == "higher" else "lowest"


def conversation(
    prompt: Sequence[Message], candidate: Candidate, said: Said = lambda attempt: "", *, as_text: bool = True
) -> list[Message]:
    """Return the prompt, followed by each reply that was refused or called tools, and its answer: the messages that the
    proposer answers.

    `said` returns the text of a reply with calls; these are messages of their own unless they are shown `as_text`.
    """
    messages, refusals, rounds = list(prompt), iter(candidate.refusals), rounds_of(candidate)
    for attempt in range(1, len(candidate.refusals) + candidate.rounds + 1):
        if attempt in rounds:
            messages += round_messages(rounds[attempt], said, as_text=as_text)
            continue
        refusal = next(refusals)
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
