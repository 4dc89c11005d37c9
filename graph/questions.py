"""The nodes that pause the graph for a person: to approve a training, and to answer an evaluation's question."""

import asyncio
from collections.abc import Sequence
from typing import Any, Literal

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import GraphInterrupt
from langgraph.graph import START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict

from ..agents.approver import BadAnswer, decide, question
from ..evaluators.evaluator import Evaluator
from ..evaluators.in_process import evaluated
from ..record.candidate import Candidate
from ..spaces.space import Architecture
from ..tools.measured_limits import doubts, held_to_measures
from .state import Context, SearchState, answers_key, answers_of, history_of, in_flight, ready


async def weighed(candidate: Candidate, context: Context) -> Candidate:
    """Measure the network of a candidate that is to be trained, where one is to be, and hold it to the limits."""
    if candidate.architecture is None or context.weigh is None:
        return candidate
    found = await context.weigh(candidate.architecture)
    for words in doubts(found, context.goal):
        context.tell("note", candidate, words)
    return held_to_measures(candidate, found, context.goal, context.region.space, context.max_replies)


def before_training(candidate: Candidate, context: Context) -> Literal["approver", "trainer"]:
    """Name the next node of a candidate: the approver where a training is to be approved, else the trainer."""
    settled = candidate.error is not None or candidate.measurement is not None
    return "approver" if context.approve and not settled else "trainer"


async def approver(state: SearchState, runtime: Runtime[Context]) -> Command[Literal["proposer", "trainer"]]:
    """Ask a person whether to train the candidate; after an invalid answer, ask again and name the fault."""
    context, candidate = ready(state, runtime), in_flight(state)
    asked = question(candidate, context.region.space)
    while True:
        answer = interrupt(asked)
        try:
            decided = await asyncio.to_thread(
                decide,
                answer,
                candidate,
                context.region,
                history_of(state, context),
                context.max_replies,
            )
        except BadAnswer as bad:
            asked = {**asked, "error": str(bad)}
            continue
        break
    decided = await weighed(decided, context)
    update = {"candidate": decided.to_json()}
    return Command(goto="trainer" if decided.architecture or decided.error else "proposer", update=update)


async def asker(state: SearchState, runtime: Runtime[Context]) -> Command[Literal["trainer", "confirmer"]]:
    """Pass an evaluation's question on, in a node of its own, so that the answer reaches no other evaluation."""
    context, asked = ready(state, runtime), state["question"]
    assert asked is not None
    answer, place = interrupt(asked["value"]), (asked["iteration"], asked["repeat"])
    context.slots.answered(*place)
    answers = {**state.get("answers", {}), answers_key(*place): [*answers_of(state, *place), answer]}
    goto: Literal["trainer", "confirmer"] = "confirmer" if asked["repeat"] else "trainer"
    return Command(goto=goto, update={"question": None, "answers": answers})


class _Evaluation(TypedDict):
    architecture: list[int]


def answered(evaluate: Evaluator, answers: Sequence[object]) -> Evaluator:
    """Make an evaluator whose calls of `interrupt` return these answers in turn, and pause when there is none left."""
    if not answers:
        return evaluate

    async def again(architecture: Architecture) -> Any:
        found: list[Any] = []
        taken_in: list[object] = []

        async def evaluation(state: _Evaluation) -> None:
            if len(taken_in) < len(answers):
                for _ in (*taken_in, None):
                    interrupt(None)  # LangGraph takes the answers one by one; only then the evaluation starts
            found.append(await evaluated(evaluate, architecture))

        graph = StateGraph(_Evaluation).add_node(evaluation).add_edge(START, "evaluation").compile(InMemorySaver())
        config: Any = {"configurable": {"thread_id": "evaluation"}}
        state: Any = await graph.ainvoke({"architecture": list(architecture)}, config)
        for answer in answers:
            taken_in.append(answer)
            state = await graph.ainvoke(Command(resume=answer), config)
        if pending := state.get("__interrupt__"):
            raise GraphInterrupt(pending)
        return found[-1]

    return again
