"""The state machine: proposer → validator → trainer → reflector, one invocation an iteration.

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
from ..agents.memory import Memory, remember
from ..agents.proposer import Reply, received
from ..agents.provider import ProviderError, is_transient
from ..agents.reflector import conversation, write_prompt
from ..agents.secrets import errors_cleared
from ..agents.trainer import check_evaluator, train
from ..agents.validator import ENDINGS, validate
from ..tools.candidate import Candidate
from .state import Asking, Context, InFlight, Remembering, SearchState, read_shortlist, shortlisted

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.graph.state import CompiledStateGraph

    Graph = CompiledStateGraph[SearchState, Context, SearchState, SearchState]

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
    builder = StateGraph(SearchState, context_schema=Context)
    builder.add_node("proposer", proposer, retry_policy=retry)
    builder.add_node("validator", validator)
    builder.add_node("trainer", trainer)
    builder.add_node("reflector", reflector)
    builder.add_edge(START, "proposer")
    builder.add_conditional_edges("validator", after_validator)
    builder.add_edge("trainer", "reflector")
    return builder.compile(checkpointer=checkpointer, name="genius")


def _may_propose(state: InFlight, context: Context, running: int) -> bool:
    left = context.iterations is None or state["done"] + running < context.iterations
    return left and not state["stopped"] and running < context.slots.count and not context.is_spent


async def proposer(state: Asking, runtime: Runtime[Context]) -> Command[Literal["validator", "trainer", "__end__"]]:
    """Ask for an architecture; a reply that was logged by an earlier try of this iteration is not asked for again.

    Where nothing more may be proposed, pending evaluations are waited for. Without any the invocation ends.
    """
    context = runtime.context
    if not _may_propose(state, context, len(state["running"])):
        return Command(goto="trainer" if state["running"] else "__end__", update={"candidate": None})
    candidate = replace(_in_flight(state), shortlist=read_shortlist(state["shortlist"]))
    call = (candidate.trial, candidate.iteration, len(candidate.refusals) + 1)
    reply = context.journal.reply(call) or await _ask(context, state, candidate)
    candidate = replace(candidate, reply=reply.text, fault=reply.fault, llm=reply.llm if reply.model else None)
    return Command(goto="validator", update={"candidate": candidate.to_json()})


async def _ask(context: Context, state: Asking, candidate: Candidate) -> Reply:
    context.tell("proposing", candidate)
    messages = conversation(state["prompt"], candidate)
    try:
        with errors_cleared():
            answer = await context.proposer(messages, _history(state, context))
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


def _in_flight(state: InFlight) -> Candidate:
    if state["candidate"] is not None:
        return Candidate.from_json(state["candidate"])
    return Candidate(state["trial"], state["done"] + len(state["running"]) + 1, started=time.time())


def _running(state: InFlight) -> list[Candidate]:
    return [Candidate.from_json(candidate) for candidate in state["running"]]


def _history(state: InFlight, context: Context) -> list[Candidate]:
    """Return the trial's finished candidates, and those in flight: neither may be proposed again.

    A line that was written just before a crash is not in the state's history yet: the iteration is made again.
    """
    return [*context.journal.history(state["trial"], state["done"]), *_running(state)]


async def validator(state: InFlight, runtime: Runtime[Context]) -> Update:
    """Judge the reply; counting FLOPs may build the network, so it runs in a thread."""
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
    return {"candidate": judged.to_json()}


def after_validator(state: InFlight) -> Literal["proposer", "trainer"]:
    """Ask again after a refusal; pass on what is valid, and what came to nothing."""
    candidate = _in_flight(state)
    return "trainer" if candidate.architecture or candidate.error else "proposer"


async def trainer(state: InFlight, runtime: Runtime[Context]) -> Update:
    """Start the candidate's evaluation; where no further one may start beside it, wait until one has finished.

    Finished candidates are lines of the journal, and are passed on in their order: also those that finished while the
    graph was at something else, or just before a crash.
    """
    context, running = runtime.context, _running(state)
    context.slots.check()
    if state["candidate"] is not None and not (context.is_spent_on_training and _in_flight(state).error is None):
        running.append(_in_flight(state))
    for candidate in running:
        if not context.slots.holds(candidate.iteration) and not _is_finished(candidate, context):
            context.slots.start(candidate.iteration, _measure(candidate, context))
    finished = None
    if not _may_propose(state, context, len(running)):
        while (finished := _next_finished(state, context)) is None and running:
            await context.slots.wait()
    # the finished one stays among the running until the reflector has taken it in
    return {
        "candidate": finished.to_json() if finished else None,
        "running": [candidate.to_json() for candidate in running],
    }


def _is_finished(candidate: Candidate, context: Context) -> bool:
    return context.journal.find(candidate.trial, candidate.iteration) is not None


def _next_finished(state: InFlight, context: Context) -> Candidate | None:
    return next(iter(context.journal.history(state["trial"])[state["done"] :]), None)


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
        check_evaluator(candidate, context.journal.history(candidate.trial))


async def reflector(state: Remembering, runtime: Runtime[Context]) -> Command[Literal["proposer", "__end__"]]:
    """Take the finished candidate into the memory, and write the next prompt from the memory.

    Where none is finished, a slot is free: the prompt tells what was started since.
    """
    context, memory, running = runtime.context, state["memory"], _running(state)
    if state["candidate"] is None:
        return Command(goto="proposer", update=await _next_prompt(context, state["trial"], memory, running))
    finished = _in_flight(state)
    context.tell("finished", finished)
    memory = remember(memory, finished)
    others = [other for other in running if other.iteration != finished.iteration]
    update: Update = {
        "candidate": None,
        "running": [other.to_json() for other in others],
        "done": state["done"] + 1,
        "memory": memory,
    }
    update |= await _next_prompt(context, state["trial"], memory, others)
    if finished.error in ENDINGS:
        update["stopped"] = finished.error
    return Command(goto="__end__", update=update)


async def _next_prompt(context: Context, trial: int, memory: Memory, running: Sequence[Candidate]) -> dict[str, object]:
    """Write the next prompt; advice takes tens of milliseconds of arithmetic, so it runs in a thread."""
    advice = None
    if context.advice:
        done = memory["measured"] + memory["failed"]
        history = [*context.journal.history(trial, done), *running]
        advice = await asyncio.to_thread(advise, context.space, context.limits, history, context.seed)
    architectures = [candidate.architecture for candidate in running if candidate.architecture]
    prompt = write_prompt(
        context.space, memory, context.order, context.limits, architectures, advice, _may_stop(context, memory)
    )
    return {"prompt": prompt, "shortlist": shortlisted(advice)}


def _may_stop(context: Context, memory: Memory) -> bool:
    """Tell whether the proposer is offered to end the search: where it may, and only late in its budget."""
    done = memory["measured"] + memory["failed"]
    return context.when_done == "stop" and context.iterations is not None and done >= _LATE * context.iterations
