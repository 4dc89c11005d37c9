"""The state machine: proposer → validator → trainer → reflector, one invocation an iteration."""

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import RetryPolicy

from ..agents.memory import remember
from ..agents.proposer import Reply
from ..agents.provider import ProviderError, is_transient
from ..agents.reflector import conversation, write_prompt
from ..agents.trainer import train
from ..agents.validator import SAYS_NOTHING_LEFT, validate
from ..tools.candidate import Candidate
from .state import Asking, Context, InFlight, Remembering, SearchState

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.graph.state import CompiledStateGraph

    Graph = CompiledStateGraph[SearchState, Context, SearchState, SearchState]

Update = dict[str, Any]
TRIES = 6


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
    builder.add_edge("proposer", "validator")
    builder.add_conditional_edges("validator", after_validator)
    builder.add_edge("trainer", "reflector")
    builder.add_edge("reflector", END)
    return builder.compile(checkpointer=checkpointer, name="genius")


async def proposer(state: Asking, runtime: Runtime[Context]) -> Update:
    """Ask for an architecture; a reply that was logged by an earlier try of this iteration is not asked for again."""
    context, candidate = runtime.context, _in_flight(state)
    call = (candidate.trial, candidate.iteration, len(candidate.refusals) + 1)
    reply = context.journal.reply(call) or await _ask(context, state, candidate)
    return {"candidate": replace(candidate, reply=reply.text).to_json()}


async def _ask(context: Context, state: Asking, candidate: Candidate) -> Reply:
    context.tell("proposing", candidate)
    messages = conversation(state["prompt"], candidate)
    try:
        answer = await context.proposer(messages, context.journal.history(candidate.trial, candidate.iteration))
    except ProviderError as error:
        context.tell("waiting", candidate, str(error))
        await asyncio.sleep(error.wait)  # as the server asked, before the backoff
        raise
    reply = Reply(answer) if isinstance(answer, str) else answer
    call = (candidate.trial, candidate.iteration, len(candidate.refusals) + 1)
    await context.journal.log_reply(call, messages, reply)
    return reply


def _in_flight(state: InFlight) -> Candidate:
    if state["candidate"] is not None:
        return Candidate.from_json(state["candidate"])
    return Candidate(state["trial"], state["done"] + 1, started=time.time())


async def validator(state: InFlight, runtime: Runtime[Context]) -> Update:
    """Judge the reply; counting FLOPs may build the network, so it runs in a thread."""
    context, candidate = runtime.context, _in_flight(state)
    history = context.journal.history(candidate.trial, candidate.iteration)
    judged = await asyncio.to_thread(
        validate,
        candidate,
        context.space,
        history,
        limits=context.limits,
        repair=context.repair,
        max_replies=context.max_replies,
        when_done=context.when_done,
    )
    return {"candidate": judged.to_json()}


def after_validator(state: InFlight) -> Literal["proposer", "trainer", "reflector"]:
    """Train what is valid, ask again after a refusal, end the iteration where there is nothing to train."""
    candidate = _in_flight(state)
    if candidate.error:
        return "reflector"
    return "trainer" if candidate.architecture else "proposer"


async def trainer(state: InFlight, runtime: Runtime[Context]) -> Update:
    """Measure the architecture, unless the journal has its measurement from before a crash."""
    context, candidate = runtime.context, _in_flight(state)
    if known := context.journal.find(candidate.trial, candidate.iteration):
        return {"candidate": known.to_json()}
    context.tell("training", candidate)
    return {"candidate": (await train(candidate, context.evaluator)).to_json()}


async def reflector(state: Remembering, runtime: Runtime[Context]) -> Update:
    """Write the finished candidate into the journal and the memory, and the next prompt from the memory."""
    context, candidate = runtime.context, _in_flight(state)
    finished = replace(candidate, seconds=candidate.seconds or time.time() - candidate.started)
    await context.journal.add(finished)
    context.tell("finished", finished)
    memory = remember(state["memory"], finished)
    return {
        "candidate": None,
        "done": finished.iteration,
        "memory": memory,
        "prompt": write_prompt(context.space, memory, context.order, context.limits),
        "stopped": SAYS_NOTHING_LEFT if finished.error == SAYS_NOTHING_LEFT else None,
        "journal_lines": len(context.journal.history(candidate.trial)),
    }
