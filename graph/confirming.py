"""The node that confirms: it has the best candidates of a trial evaluated again, when its iterations are made."""

import time
from collections.abc import Sequence
from typing import Any, Literal

from langgraph.runtime import Runtime
from langgraph.types import Command

from ..record.candidate import Candidate
from ..record.confirmation import CONFIRMATION, Confirmation, not_confirmed, seed_of, to_confirm
from ..tools.trainer import train
from .questions import answered
from .state import Context, InFlight, SearchState, answers_of, ready


def may_confirm(state: InFlight, context: Context) -> bool:
    """Tell whether a trial has further evaluations to make, or to wait for: none before its iterations are made."""
    if not context.confirming.count or not _is_over(state, context):
        return False
    return context.slots.held > 0 or bool(_missing(state, context))


def _is_over(state: InFlight, context: Context) -> bool:
    """Tell whether a trial proposes nothing more, and nothing that it has proposed is pending."""
    if context.told or context.iterations is None or state["candidate"] or state["running"]:
        return False
    return state["done"] >= context.iterations or bool(state["stopped"]) or context.is_spent


def _missing(state: InFlight, context: Context) -> list[tuple[Candidate, int]]:
    """Return the further evaluations that may be started; none where the budget is spent."""
    if context.is_spent_on_training:
        return []
    trial, goal = state["trial"], context.goal
    finished = context.journal.finished(trial)[: state["done"]]
    return not_confirmed(goal, finished, context.journal.confirmations(trial), context.confirming)


async def confirmer(state: SearchState, runtime: Runtime[Context]) -> Command[Literal["confirmer", "asker", "__end__"]]:
    """Start further evaluations in the free slots, and wait until one has finished; the others go on.

    A recorded evaluation is never made again, and one that a crash cut off is started again.
    """
    context, trial, slots = ready(state, runtime), state["trial"], runtime.context.slots
    slots.check()
    made = len(context.journal.confirmations(trial))
    for candidate, repeat in _missing(state, context):
        if slots.held < slots.count and not slots.holds(candidate.iteration, repeat):
            answers = answers_of(state, candidate.iteration, repeat)
            slots.start(_evaluate(candidate, repeat, context, answers), candidate.iteration, repeat)
    while slots.held and len(context.journal.confirmations(trial)) == made:
        if question := slots.question:
            return Command(goto="asker", update={"question": question})
        await slots.wait()
    update: dict[str, Any] = {}
    if context.journal.folder is None:
        update = {"confirmed": [CONFIRMATION.plain(each) for each in context.journal.confirmations(trial)]}
    again = context.whole and may_confirm(state, context)
    return Command(goto="confirmer" if again else "__end__", update=update)


async def _evaluate(candidate: Candidate, repeat: int, context: Context, answers: Sequence[object]) -> None:
    """Have a candidate's architecture evaluated once more, and write it into the journal; a failure is recorded too."""
    trial, started, clock = candidate.trial, time.time(), time.monotonic()
    context.tell("confirming", candidate, confirmed=_progress(context, trial), repeat=repeat)
    evaluate = context.again(repeat) if context.again else context.evaluator
    found = await train(candidate, answered(evaluate, answers), context.goal)
    assert found.measurement is not None
    seed, took = seed_of(context.seed[0], trial, repeat), time.monotonic() - clock
    await context.journal.confirm(
        Confirmation(trial, candidate.iteration, repeat, seed, found.measurement, started, took)
    )
    context.tell("confirmed", found, confirmed=_progress(context, trial), repeat=repeat)


def _progress(context: Context, trial: int) -> tuple[int, int]:
    """Return how many of a trial's further evaluations have ended, and how many there are in all."""
    finished, confirmations = context.journal.finished(trial), context.journal.confirmations(trial)
    wanted = len(to_confirm(context.goal, finished, context.confirming)) * context.confirming.repeats
    return wanted - len(not_confirmed(context.goal, finished, confirmations, context.confirming)), wanted
