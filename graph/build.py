"""The state machine: (starter →) reflector → proposer ⇄ tools, → validator → (approver →) trainer.

An invocation is one iteration. When the iterations are made, the node confirmer has the best evaluated again, where
that is asked for: one invocation a further evaluation.

With several slots there is no barrier: an invocation fills the free slots, then ends with the first evaluation that
finishes; the others go on between the invocations. Where values are told, an invocation takes in those that the journal
holds by now, hands one more candidate out, and ends.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, cast, get_args, get_type_hints

from langgraph.graph import START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command, RetryPolicy

from ..agents.advice import advise
from ..agents.conversation import write_conversation
from ..agents.proposer import ToolsRefused, asked
from ..agents.provider import ProviderError, is_transient
from ..agents.reflector import Terms, write_prompt
from ..record.call import Reply, received
from ..record.candidate import ENDINGS, Candidate, Message, Suggestion
from ..record.history import History
from ..record.secrets import errors_cleared
from ..record.settings import MODEL
from ..tools.measured_limits import check_limits
from ..tools.trainer import check_evaluator, train
from ..tools.validator import validate
from .chooser import NO_ANSWER, chooser, not_asked, opener, says_anew
from .concluder import concluder, concludes
from .confirming import confirmer, may_confirm
from .noting import notes
from .questions import answered, approver, asker, before_training, weighed
from .starter import may_start, starter
from .state import (
    Context,
    InFlight,
    Kept,
    SearchState,
    answers_of,
    candidate_of,
    filled,
    history_of,
    in_flight,
    ready,
    running_of,
)
from .tool_use import asked_of, call_of, tools, with_candidates, with_reply

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.graph.state import CompiledStateGraph

    Graph = CompiledStateGraph[SearchState, Context, SearchState, Kept]

Update = dict[str, Any]
TRIES = 6
_FORGETS = "the conversation is longer than the model's context: its oldest exchanges are left out from now on"
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
    for node in (starter, reflector, proposer, chooser, concluder):  # those that ask language models
        ends = get_args(*get_args(get_type_hints(node)["return"]))
        asking: Any = partial(node, tries=tries)
        builder.add_node(node.__name__, asking, retry_policy=retry, destinations=ends)
    builder.add_node("tools", tools)
    builder.add_node("validator", validator)
    builder.add_node("approver", approver)
    builder.add_node("trainer", trainer)
    builder.add_node("confirmer", confirmer)
    builder.add_node("asker", asker)
    builder.add_edge(START, "reflector")
    return builder.compile(checkpointer=checkpointer, name="genius")


async def reflector(
    state: SearchState, runtime: Runtime[Context], tries: int = 1
) -> Command[Literal["starter", "proposer", "chooser", "validator", "approver", "trainer", "confirmer"]]:
    """Reflect on the measurements, and write the prompt for the next proposal, where the proposer reads one.

    An interrupted iteration continues where it was.
    """
    context = ready(state, runtime, tries)
    known = filled(state, context.region.space)
    if may_start(known, context):
        return Command(goto="starter", update=known)
    noted: Update = {}
    candidate = candidate_of(known)
    if candidate is None:
        if may_confirm(known, context):
            return Command(goto="confirmer", update=known)
        if not _may_propose(known, context, running_of(known)):
            return Command(goto="trainer", update=known)
        iteration = known["done"] + len(known["running"]) + 1
        candidate = context.journal.find(known["trial"], iteration) or Candidate(
            known["trial"], iteration, started=time.time()
        )
        noted = await notes(known, context, candidate)
    known["candidate"] = candidate.to_json()
    update = {**known, **noted}
    if candidate.architecture or candidate.error:
        return Command(goto=before_training(candidate, context), update=update)
    if candidate.reply or candidate.fault:
        return Command(goto="chooser" if context.arms and candidate.arm is None else "validator", update=update)
    prompt, shortlist = await _write(context, history_of(known, context))
    update["candidate"] = replace(candidate, shortlist=shortlist).to_json()
    return Command(goto="proposer", update={**update, "prompt": prompt})


async def _write(context: Context, history: History) -> tuple[list[Message], tuple[Suggestion, ...]]:
    """Write the prompt, with the shortlist in it; advice takes tens of milliseconds of arithmetic: it has a thread."""
    if not context.reads_prompts:
        return [], ()
    advice = None
    if context.advice:
        advice = await asyncio.to_thread(advise, context.region, history, context.seed)
    late = context.iterations is not None and history.finished >= _LATE * context.iterations
    may_stop = late and context.when_done == "stop" and not context.arms
    terms = Terms(context.order, context.iterations, context.procedure, may_stop, context.prompts)
    write = write_conversation if context.memory == "conversation" else write_prompt
    prompt = write(context.region, history, terms, advice)
    return prompt, advice.shortlist if advice else ()


def _may_propose(state: InFlight, context: Context, running: Sequence[Candidate]) -> bool:
    if context.told and _is_behind(state, context, running):
        return False
    left = context.iterations is None or state["done"] + len(running) < context.iterations
    return left and not state["stopped"] and len(running) < context.slots.count and not context.is_spent


def _is_behind(state: InFlight, context: Context, running: Sequence[Candidate]) -> bool:
    """Tell whether a running candidate has failed, or its value was told, and that is not taken in yet."""
    failed = any(pending.error is not None and not _is_finished(pending, context) for pending in running)
    told = _next_finished(state, context)
    return failed or (told is not None and told.iteration in [pending.iteration for pending in running])


async def proposer(
    state: SearchState, runtime: Runtime[Context], tries: int = 1
) -> Command[Literal["tools", "validator", "chooser", "trainer"]]:
    """Ask for an architecture, as long as the budget lasts.

    A reply that was logged by an earlier try of this iteration is not asked for again.
    """
    context, candidate = ready(state, runtime, tries), in_flight(state)
    if context.is_spent:
        return Command(goto="trainer", update={"candidate": None})
    if context.arms:
        candidate = replace(candidate, arm=None, offers=(), belief=None)
    reply = context.journal.reply(call_of(candidate))
    if reply is None and context.arms:
        reply = await _offer_of_model(context, state, candidate)
    elif reply is None:
        reply = await _ask(context, state, candidate)
    replied = with_reply(candidate, reply)
    settled: Literal["chooser", "validator"] = "chooser" if context.arms else "validator"
    goto = "tools" if replied.rounds > candidate.rounds else settled
    return Command(goto=goto, update={"candidate": replied.to_json()})


async def _offer_of_model(context: Context, state: SearchState, candidate: Candidate) -> Reply:
    """Return the language model's offer in a hybrid search; an empty one where it is no arm, or another opens.

    Where it is not to be asked, or could not be reached, the fault says why, and the other arms go on.
    Raises: ProviderError where there are no others, and where the call may be tried again.
    """
    history = history_of(state, context)
    if MODEL not in context.arms or opener(context, candidate, history) is not None:
        return Reply("")
    if fault := not_asked(context, history):
        reply = Reply("", fault=fault)
    else:
        try:
            reply = await _ask(context, state, candidate)
        except ProviderError as error:
            if not context.goes_on_without(error, candidate.trial):
                raise
            fault = f"{NO_ANSWER}{error}"
            reply = Reply("", fault=fault)
    if fault and says_anew(fault, context, history):
        context.tell("note", candidate, f"{fault}; the other arms go on without the language model")
    return reply


async def _ask(context: Context, state: SearchState, candidate: Candidate, *, takes_tools: bool = True) -> Reply:
    """Ask the proposer, and again without tools where it takes none, or with less where it could not read as much."""
    context.tell("proposing", candidate)
    history = history_of(state, context)
    prompt = state.get("prompt") or (await _write(context, history))[0]  # which a pause does not keep
    question = await asked_of(context, prompt, candidate, history, takes_tools=takes_tools)
    try:
        with errors_cleared():
            answer = await asked(context.proposer, question.messages, history, question.form)
    except ToolsRefused:
        if not question.form.tools:
            raise
        return await _ask(context, state, candidate, takes_tools=False)
    except ProviderError as error:
        known = context.room.refused
        if error.is_too_long and context.room.shrink(question.messages):
            if known is None:
                context.tell("note", candidate, _FORGETS)
            return await _ask(context, state, candidate, takes_tools=takes_tools)
        context.tell("waiting", candidate, str(error))
        await asyncio.sleep(error.wait)  # as the server asked, before the backoff
        raise
    reply = with_candidates(context, question, received(answer))
    await context.journal.log_reply(call_of(candidate), question.messages, reply)
    for note in (*reply.passed, *reply.notes):
        context.tell("note", candidate, note)
    return reply


async def validator(
    state: SearchState, runtime: Runtime[Context]
) -> Command[Literal["proposer", "approver", "trainer"]]:
    """Judge the reply, and measure its network where limits are held against that; after a refusal ask for another.

    Counting FLOPs may build the network, so it runs in a thread.
    """
    context = ready(state, runtime)
    judged = await asyncio.to_thread(
        validate,
        in_flight(state),
        context.region,
        history_of(state, context),
        repair=context.repair,
        max_replies=context.max_replies,
        when_done=context.when_done,
    )
    judged = await weighed(judged, context)
    update = {"candidate": judged.to_json()}
    # valid candidates, and failed ones, are passed on
    if judged.architecture or judged.error:
        return Command(goto=before_training(judged, context), update=update)
    return Command(goto="proposer", update=update)


async def trainer(
    state: SearchState, runtime: Runtime[Context]
) -> Command[Literal["reflector", "asker", "concluder", "__end__"]]:
    """Start the candidate's evaluation; where no further one may start beside it, wait until one has finished.

    Without any pending evaluation the invocation ends at once, and so it does with a candidate whose value is to be
    told. Where an evaluation asks a person, the graph pauses.

    Finished candidates are lines of the journal, and are taken in their order: also those that finished while the
    graph was at something else, or just before a crash.
    """
    context, running, candidate = ready(state, runtime), running_of(state), candidate_of(state)
    context.slots.check()
    if candidate is not None and not (context.is_spent_on_training and candidate.error is None):
        running.append(replace(candidate, seconds=time.time() - candidate.started))
    here = [pending for pending in running if not _is_handed_out(pending, context)]
    for pending in here:
        if not context.slots.holds(pending.iteration) and not _is_finished(pending, context):
            answers = answers_of(state, pending.iteration)
            context.slots.start(_measure(pending, context, answers), pending.iteration)
    update: Update = {"candidate": None, "running": [pending.to_json() for pending in running]}
    if candidate is not None and _is_handed_out(candidate, context):
        return Command(goto="__end__", update=update)
    if _may_propose(state, context, running):
        return Command(goto="reflector", update=update)
    while (finished := _next_finished(state, context)) is None and here:
        if question := context.slots.question:
            return Command(goto="asker", update=update | {"question": question})
        await context.slots.wait()
    if finished is not None:
        update = _taken_in(state, context, running, finished)
    if concludes(cast("InFlight", {**state, **update}), context):
        return Command(goto="concluder", update=update)
    return Command(goto="reflector" if context.whole and finished is not None else "__end__", update=update)


def _taken_in(state: SearchState, context: Context, running: Sequence[Candidate], finished: Candidate) -> Update:
    """Count a finished candidate; without a run folder the state itself keeps it."""
    context.tell("finished", finished)
    update: Update = {
        "candidate": None,
        "running": [pending.to_json() for pending in running if pending.iteration != finished.iteration],
        "done": state["done"] + 1,
    }
    if finished.error in ENDINGS:
        update["stopped"] = finished.error
    if answered := state.get("answers"):
        update["answers"] = {at: given for at, given in answered.items() if at != str(finished.iteration)}
    if context.journal.folder is None:
        update["history"] = [finished.to_json()]
    return update


def _is_handed_out(candidate: Candidate, context: Context) -> bool:
    """Tell whether a candidate's value is to be told, rather than measured here."""
    return context.told and candidate.error is None and candidate.measurement is None


def _is_finished(candidate: Candidate, context: Context) -> bool:
    return context.journal.find(candidate.trial, candidate.iteration) is not None


def _next_finished(state: InFlight, context: Context) -> Candidate | None:
    finished = context.journal.finished(state["trial"])
    return finished[state["done"]] if state["done"] < len(finished) else None


async def _measure(candidate: Candidate, context: Context, answers: Sequence[object]) -> None:
    """Have a candidate measured, unless it has failed, and write it into the journal.

    `answers` are those of a person to its evaluation's earlier questions.
    """
    if candidate.error is None:
        context.tell("training", candidate)
        started = time.monotonic()
        candidate = await train(candidate, answered(context.evaluator, answers), context.goal)
        candidate = replace(candidate, evaluation_seconds=time.monotonic() - started)
    candidate = replace(candidate, seconds=time.time() - candidate.started)
    await context.journal.add(candidate)
    if candidate.measurement and candidate.measurement.failure == "raised":
        check_evaluator(candidate, context.journal.finished(candidate.trial))
    if candidate.architecture is None:
        check_limits(candidate, context.journal.finished(candidate.trial), context.goal)
