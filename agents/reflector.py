"""The reflector: the agent that turns the measurements into the next prompt."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil

from ..guide.features import encoder
from ..guide.guide import GUIDE
from ..record.call import shortened
from ..record.candidate import NOTHING_LEFT, Candidate, Message
from ..record.goal import Goal, limit_words
from ..record.history import History
from ..record.settings import Order
from ..spaces.objective import Objective
from ..spaces.region import Region
from .advice import Advice, advice_in_words
from .answer_form import answer_form
from .arms import GUIDES
from .experiments import Forecasting, list_experiments
from .limited import limits_in_words, questions
from .prompting import Prompts
from .strong_beliefs import strongest_beliefs
from .tool_messages import Texts, round_messages, rounds_of
from .tries import tries_in_words

_SHOWN = 60  # decisions, and costs by name, that a form or a line shows

_OPENING = 5  # iterations, after which every arm has offered something

_LAST = 0.3  # of a trial's iterations: in these a model is asked for the best that it can predict

_NOTEBOOK = 6_000
"""How many characters of a notebook a prompt holds at most."""

_NO_TEXT = "[no answer]"
"""The stand-in for a reply without text when it is sent back: strict servers refuse an empty message."""


@dataclass(frozen=True)
class Terms:
    """The terms of a search, which prompts tell besides its history.

    `iterations` is how many a trial makes in all, None where nobody has said; `procedure` says in words how a value is
    measured; `may_stop` offers to end the search; `order` is that of the experiments.
    """

    order: Order = "best"
    iterations: int | None = None
    procedure: str = ""
    may_stop: bool = False
    prompts: Prompts = field(default_factory=Prompts)


def write_prompt(
    region: Region, history: Sequence[Candidate] = (), terms: Terms | None = None, advice: Advice | None = None
) -> list[Message]:
    """Write the prompt for the next proposal: the space in words, the limits, the experiments so far, the request.

    Its length is bounded for every history and every space. It lists the pending evaluations and the surrogate's
    `advice`.
    """
    terms, known = terms or Terms(), History.of(history)
    space, goal, prompts = region.space, known.goal, terms.prompts
    limited = region.limits.limited
    forecasts = Forecasting({f.iteration: (f.expected, f.sd) for f in advice.forecasts}) if advice else None
    objectives = "; ".join(objective.words for objective in goal.objectives)
    user = prompts.render(
        "proposal",
        space=space.words,
        rule=space.rule,
        objectives="" if goal.is_accuracy and len(goal.objectives) == 1 else objectives,
        several=len(goal.objectives) > 1,
        pareto=goal.pareto,
        procedure=terms.procedure,
        sd=_sd(known),
        limits=limits_in_words(region, known, prompts) if limited else "",
        measured_limits=limit_words(goal),
        beliefs=strongest_beliefs(space, known.beliefs),
        experiments=list_experiments(region, known, terms.order, prompts, forecasts) if known.finished else "",
        tries=tries_in_words(space, known, prompts),
        pending=[space.written(candidate.architecture) for candidate in known.running if candidate.architecture],
        notebook=notebook_lines(known),
        advice=advice_in_words(space, advice, prompts) if advice else "",
        task=task_in_words(region, terms, goal, len(known), measured=bool(known.measured)),
        questions=questions(region, prompts) if limited else "",
        answer=answer_form(space, goal.objective, prompts),
        nothing_left=NOTHING_LEFT if known.measured and terms.may_stop else "",
    )
    return [Message(role="system", content=_role(region, known, prompts)), Message(role="user", content=user)]


def task_in_words(region: Region, terms: Terms, goal: Goal, used: int, *, measured: bool) -> str:
    """Describe the purpose of the next proposal, after so many `used` evaluations, those pending included."""
    left = (terms.iterations or 0) - used
    better = goal.objective.better == "higher"
    return terms.prompts.render(
        "task",
        iteration=used + 1,
        iterations=terms.iterations or 0,
        used=used,
        left=left,
        last=terms.iterations is not None and left <= ceil(_LAST * terms.iterations),
        measured=measured,
        networks=region.space.build is not None,
        aim=_best(goal),
        name=goal.objective.name,
        good="high" if better else "low",
        bad="low" if better else "high",
        pareto=goal.pareto,
    )


def _role(region: Region, known: History, prompts: Prompts) -> str:
    goal = known.goal
    objectives = goal.objectives if goal.pareto else goal.objectives[:1]
    ends = " and ".join(f"the {_superlative(objective)} {objective.name}" for objective in objectives)
    return prompts.render(
        "system",
        networks=region.space.build is not None,
        aim=("the front of " if goal.pareto else "the one with ") + ends,
        names=" and ".join(objective.name for objective in goal.objectives),
        shared=bool(known and known[0].arm),
        **_of_guide(region, known),
    )


def _of_guide(region: Region, known: History) -> dict[str, object]:
    """Say whether the guide opened a hybrid search, and after how many measurements it draws an architecture."""
    offered = {offer.arm for candidate in known[:_OPENING] for offer in candidate.offers}
    draws = bool(offered.intersection(GUIDES)) and encoder(region.space).sized
    return {"opened": bool(known and known[0].arm in GUIDES), "doubt": GUIDE.doubt if draws else 0}


def _best(goal: Goal) -> str:
    objective = goal.objective
    return "be the most accurate" if goal.is_accuracy else f"have the {_superlative(objective)} {objective.name}"


def _superlative(objective: Objective) -> str:
    return "highest" if objective.better == "higher" else "lowest"


def notebook_lines(known: History) -> list[str]:
    """Return the lines of the notebook, without the middle of a long one."""
    return shortened(known.notebook, _NOTEBOOK // 2, _NOTEBOOK // 2).splitlines()


def _sd(known: History) -> str:
    """Write the mean standard deviation that evaluators told of their latest measurements; nothing without any."""
    latest = known.measured[-_SHOWN:]
    told = [c.measurement.sd for c in latest if c.measurement and c.measurement.sd]
    return known.goal.objective.near(0.0, sum(told) / len(told)).partition(" ± ")[2] if told else ""


def conversation(
    prompt: Sequence[Message],
    candidate: Candidate,
    prompts: Prompts,
    texts: Texts = lambda attempt: "",
    *,
    as_text: bool = True,
) -> list[Message]:
    """Return the prompt, followed by each reply that was refused or called tools, and its answer: the messages that the
    proposer answers.

    `texts` returns the text of a reply with calls; these are messages of their own unless they are shown `as_text`.
    """
    messages, refusals, rounds = list(prompt), iter(candidate.refusals), rounds_of(candidate)
    for attempt in range(1, len(candidate.refusals) + candidate.rounds + 1):
        if attempt in rounds:
            messages += round_messages(rounds[attempt], texts(attempt), as_text=as_text)
        else:
            refusal = next(refusals)
            messages.append(said(refusal.reply))
            messages.append(Message(role="user", content=prompts.render("refusal", reason=refusal.reason)))
    return messages


def said(reply: str) -> Message:
    """Return a reply as a message of the conversation."""
    return Message(role="assistant", content=reply.strip() or _NO_TEXT)
