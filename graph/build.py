"""The state machine: reflector → proposer → validator → trainer, one invocation an iteration.

With several slots there is no barrier: an invocation fills the free slots, then ends with the first evaluation that
finishes; the others go on between the invocations.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from langgraph.graph import START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command, RetryPolicy

from ..agents.advice import advise
from ..agents.proposer import Reply, Unprompted, received
from ..agents.provider import ProviderError, is_transient
from ..agents.reflector import conversation, write_prompt
from ..agents.trainer import check_evaluator, train
from ..agents.validator import ENDINGS, validate
from ..tools.candidate import Candidate, Message, Suggestion
from ..tools.history import History
from .journal import BrokenRun
from .state import FIRST, Asking, Context, InFlight, Kept, SearchState

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.graph.state import CompiledStateGraph

    Graph = CompiledStateGraph[SearchState, Context, SearchState, Kept]

Update = dict[str, Any]
TRIES = 6
_LATE = 0.75  # of a trial's iterations, after which a model may be offered to stop


def build_graph(
    checkpointer: "BaseCheckpointSaver[str] | None" = None, *, tries: int = TRIES, first_wait: float = 1.0
) -> "Graph":
    """Compile the graph; each invocation makes one iteration and ends with `candidate` None.

    A call to a language model that fails in passing (rate limit, server error, time-out) is tried `tries` times in
    all, after `first_wait` seconds and then after twice as long each time, a minute at most.
    """
    retry = RetryPolicy(max_attempts=tries, initial_interval=first_wait, max_interval=60.0, retry_on=is_transient)
    builder = StateGraph(SearchState, context_schema=Context, output_schema=Kept)
    builder.add_node("reflector", reflector)
    builder.add_node("proposer", proposer, retry_policy=retry)
    builder.add_node("validator", validator)
    builder.add_node("trainer", trainer)
    builder.add_edge(START, "reflector")
    return builder.compile(checkpointer=checkpointer, name="genius")


async def reflector(
    state: SearchState, runtime: Runtime[Context]
) -> Command[Literal["proposer", "validator", "trainer"]]:
    """Write the prompt for the next proposal from what was measured, where there is to be one.

    An iteration that was cut off goes on where it was.
    """
    context, known = runtime.context, _filled(state)
    _restore(state, context)
    candidate = _candidate(known)
    if candidate is None:
        if not _may_propose(known, context, len(known["running"])):
            return Command(goto="trainer", update=known)
        iteration = known["done"] + len(known["running"]) + 1
        candidate = context.journal.find(known["trial"], iteration) or Candidate(
            known["trial"], iteration, started=time.time()
        )
    known["candidate"] = candidate.to_json()
    if candidate.architecture or candidate.error:
        return Command(goto="trainer", update=known)
    if candidate.reply or candidate.fault:
        return Command(goto="validator", update=known)
    prompt, shortlist = await _write(context, _history(known, context))
    known["candidate"] = replace(candidate, shortlist=shortlist).to_json()
    return Command(goto="proposer", update={**known, "prompt": prompt})


def _filled(state: SearchState) -> InFlight:
    """Return the state with what a trial begins with in place of what is missing."""
    return {name: state.get(name, value) for name, value in FIRST.items()}  # type: ignore[return-value]


def _restore(state: SearchState, context: Context) -> None:
    """Take into the journal what only the checkpoints of an earlier process hold.

    Raises: BrokenRun where finished candidates are missing.
    """
    trial, done = state.get("trial", 1), state.get("done", 0)
    if len(context.journal.finished(trial)) < done:
        context.journal.restore(map(Candidate.from_json, state.get("history", [])))
    if (known := len(context.journal.finished(trial))) < done:
        raise BrokenRun(f"the journal of trial {trial} holds {known} lines, its checkpoint stands on {done}")


async def _write(context: Context, history: History) -> tuple[list[Message], tuple[Suggestion, ...]]:
    """Write the prompt, with the shortlist in it; advice takes tens of milliseconds of arithmetic: it has a thread."""
    if isinstance(context.proposer, Unprompted):
        return [], ()
    advice = None
    if context.advice:
        advice = await asyncio.to_thread(advise, context.space, context.limits, history, context.seed)
    late = context.iterations is not None and history.finished >= _LATE * context.iterations
    may_stop = late and context.when_done == "stop"
    prompt = write_prompt(context.space, history, context.order, context.limits, advice, may_stop)
    return prompt, advice.shortlist if advice else ()


def _may_propose(state: InFlight, context: Context, running: int) -> bool:
    left = context.iterations is None or state["done"] + running < context.iterations
    return left and not state["stopped"] and running < context.slots.count and not context.is_spent


async def proposer(state: Asking, runtime: Runtime[Context]) -> Command[Literal["validator", "trainer"]]:
    """Ask for an architecture, as long as the budget lasts.

    A reply that was logged by an earlier try of this iteration is not asked for again.
    """
    context, candidate = runtime.context, _in_flight(state)
    if context.is_spent:
        return Command(goto="trainer", update={"candidate": None})
    call = (candidate.trial, candidate.iteration, len(candidate.refusals) + 1)
    reply = context.journal.reply(call) or await _ask(context, state, candidate)
    candidate = replace(candidate, reply=reply.text, fault=reply.fault, llm=reply.llm if reply.model else None)
    return Command(goto="validator", update={"candidate": candidate.to_json()})


async def _ask(context: Context, state: Asking, candidate: Candidate) -> Reply:
    context.tell("proposing", candidate)
    history = _history(state, context)
    prompt = state.get("prompt") or (await _write(context, history))[0]  # which a pause does not keep
    messages = conversation(prompt, candidate)
    try:
        answer = await context.proposer(messages, history)
    except ProviderError as error:
        context.tell("waiting", candidate, str(error))
        await asyncio.sleep(error.wait)  # as the server asked, before the backoff
        raise
    reply = received(answer)
    call = (candidate.trial, candidate.iteration, len(candidate.refusals) + 1)
    await context.journal.log_reply(call, messages, reply)
    for note in (*reply.passed, *reply.notes):
        context.tell("note", candidate, note)
    return reply


def _candidate(state: InFlight) -> Candidate | None:
    return None if state["candidate"] is None else Candidate.from_json(state["candidate"])


def _in_flight(state: InFlight) -> Candidate:
    assert state["candidate"] is not None
    return Candidate.from_json(state["candidate"])


def _running(state: InFlight) -> list[Candidate]:
    return [Candidate.from_json(candidate) for candidate in state["running"]]


def _history(state: InFlight, context: Context) -> History:
    """Return the trial's finished candidates, and those in flight: neither may be proposed again.

    A line that was written just before a crash is not in the state's history yet: the iteration is made again.
    """
    return context.journal.history(state["trial"], state["done"], _running(state))


async def validator(state: InFlight, runtime: Runtime[Context]) -> Command[Literal["proposer", "trainer"]]:
    """Judge the reply; after a refusal another is asked for.

    Counting FLOPs may build the network, so it runs in a thread.
    """
    context = runtime.context
    judged = await asyncio.to_thread(
        validate,
        _in_flight(state),
        context.space,
        _history(state, context),
        limits=context.limits,
        repair=context.repair,
        max_replies=context.max_replies,
        when_done=context.when_done,
    )
    # what is valid, and what came to nothing, is passed on
    goto: Literal["proposer", "trainer"] = "trainer" if judged.architecture or judged.error else "proposer"
    return Command(goto=goto, update={"candidate": judged.to_json()})


async def trainer(state: InFlight, runtime: Runtime[Context]) -> Command[Literal["reflector", "__end__"]]:
    """Start the candidate's evaluation; where no further one may start beside it, wait until one has finished.

    Without any pending evaluation the invocation ends at once.

    Finished candidates are lines of the journal, and are taken in their order: also those that finished while the
    graph was at something else, or just before a crash.
    """
    context, running, candidate = runtime.context, _running(state), _candidate(state)
    context.slots.check()
    if candidate is not None and not (context.is_spent_on_training and candidate.error is None):
        running.append(candidate)
    for pending in running:
        if not context.slots.holds(pending.iteration) and not _is_finished(pending, context):
            context.slots.start(pending.iteration, _measure(pending, context))
    update: Update = {"candidate": None, "running": [pending.to_json() for pending in running]}
    if _may_propose(state, context, len(running)):
        return Command(goto="reflector", update=update)
    while (finished := _next_finished(state, context)) is None and running:
        await context.slots.wait()
    return Command(goto="__end__", update=update if finished is None else _taken_in(state, context, running, finished))


def _taken_in(state: InFlight, context: Context, running: Sequence[Candidate], finished: Candidate) -> Update:
    """Count a finished candidate; without a run folder the state itself keeps it."""
    context.tell("finished", finished)
    update: Update = {
        "candidate": None,
        "running": [pending.to_json() for pending in running if pending.iteration != finished.iteration],
        "done": state["done"] + 1,
    }
    if finished.error in ENDINGS:
        update["stopped"] = finished.error
    if context.journal.folder is None:
        update["history"] = [finished.to_json()]
    return update


def _is_finished(candidate: Candidate, context: Context) -> bool:
    return context.journal.find(candidate.trial, candidate.iteration) is not None


def _next_finished(state: InFlight, context: Context) -> Candidate | None:
    finished = context.journal.finished(state["trial"])
    return finished[state["done"]] if state["done"] < len(finished) else None


async def _measure(candidate: Candidate, context: Context) -> None:
    """Have a candidate measured, unless it came to nothing, and write it into the journal."""
    if candidate.error is None:
        context.tell("training", candidate)
        started = time.monotonic()
        candidate = await train(candidate, context.evaluator)
        candidate = replace(candidate, evaluation_seconds=time.monotonic() - started)
    candidate = replace(candidate, seconds=time.time() - candidate.started)
    line = asyncio.create_task(context.journal.add(candidate))
    try:
        await asyncio.shield(line)
    except asyncio.CancelledError:
        await line  # what is measured is paid for: it is written down, whatever ends the search
        raise
    if candidate.measurement and candidate.measurement.failure == "raised":
        check_evaluator(candidate, context.journal.finished(candidate.trial))
