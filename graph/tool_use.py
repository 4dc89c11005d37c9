"""Calls of tools between proposer and validator: how a model is asked with them, and the node that answers them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from langgraph.prebuilt import ToolNode
from langgraph.runtime import Runtime
from langgraph.types import Command

from ..agents.answer_form import answer_in_text
from ..agents.proposer import PROPOSAL, Form, Thinking
from ..agents.reflector import conversation
from ..agents.tool_messages import calling, langchain_tools, with_words
from ..record.call import CallPlace, Reply
from ..record.candidate import Candidate, Message, ToolUse
from ..record.history import History
from ..tools.candidates import CANDIDATES, call_of_candidates, candidates_schema
from ..tools.toolbox import Toolbox, read_arguments
from .state import Context, SearchState, history_of, in_flight, ready

ROUNDS = 4
"""In how many replies of an iteration a model may call tools."""
_CHARACTERS = 24_000  # of all answers in an iteration
_SHORTLISTED = 3  # architectures of each shortlist in a prompt


@dataclass(frozen=True)
class Inquiry:
    """The messages to a proposer, and the form of its answer; `several` is whether it may name several candidates."""

    messages: list[Message]
    form: Form = PROPOSAL
    several: bool = False


def call_of(candidate: Candidate) -> CallPlace:
    """Return the place of the next call for a proposal."""
    attempt = len(candidate.refusals) + candidate.rounds + 1
    return "proposer", candidate.trial, candidate.iteration, attempt


async def asked_of(
    context: Context, prompt: Sequence[Message], candidate: Candidate, history: History, *, takes_tools: bool
) -> Inquiry:
    """Return the question for the next proposal: with tools, with their answers in the prompt, or without either.

    A model that takes no tools reads three shortlists once something was measured, and may name several candidates.
    """
    offers = context.tools and isinstance(context.proposer, Thinking)
    if offers and takes_tools and _may_call(candidate):
        words = context.prompts.render("tools", rounds=ROUNDS)
        messages = _conversation(context, with_words(prompt, words), candidate, as_text=False)
        return Inquiry(messages, Form(PROPOSAL.name, tools=_toolbox(context, history).tools()))
    if offers and not candidate.rounds and history.measured:
        words = await asyncio.to_thread(_shortlists, context, history)
        messages = _conversation(context, with_words(prompt, words), candidate, as_text=True)
        texts = *text_forms(context), context.prompts.render("candidates_text")
        form = Form(PROPOSAL.name, candidates_schema(context.region.space), texts=texts)
        return Inquiry(messages, form, several=True)
    messages = _conversation(context, prompt, candidate, as_text=True)
    settled = with_words(messages, context.prompts.render("settle")) if candidate.rounds else messages
    return Inquiry(settled, Form(PROPOSAL.name, texts=text_forms(context)))


def text_forms(context: Context) -> tuple[str, ...]:
    """Return the words of a prompt on the form of a proposal in plain text."""
    return (answer_in_text(context.region.space, context.goal.objective, context.prompts),)


def _may_call(candidate: Candidate) -> bool:
    return candidate.rounds < ROUNDS and sum(len(use.answer) for use in candidate.tools) < _CHARACTERS


def _conversation(context: Context, prompt: Sequence[Message], candidate: Candidate, *, as_text: bool) -> list[Message]:
    def text_of(attempt: int) -> str:
        reply = context.journal.reply(("proposer", candidate.trial, candidate.iteration, attempt))
        return reply.text if reply else ""

    return context.room.fitting(conversation(prompt, candidate, context.prompts, text_of, as_text=as_text))


def _shortlists(context: Context, history: History) -> str:
    box = _toolbox(context, history)
    lists = {kind: box.suggested(kind, _SHORTLISTED) for kind in ("exploit", "explore", "test")}
    text = context.prompts.render("candidates_text")
    return context.prompts.render("shortlists", most=CANDIDATES, text_form=text, **lists)


def _toolbox(context: Context, history: History) -> Toolbox:
    return Toolbox(context.region, history, context.seed)


def with_candidates(context: Context, asked: Inquiry, reply: Reply) -> Reply:
    """Have the candidates of a reply forecast, where it may name several."""
    if not asked.several or reply.fault or reply.tool_calls:
        return reply
    return replace(reply, tool_calls=call_of_candidates(reply.text, context.region.space))


def with_reply(candidate: Candidate, reply: Reply) -> Candidate:
    """Return a candidate with a reply, or with the calls of tools in it, whose answers are empty yet."""
    if reply.tool_calls and candidate.rounds < ROUNDS:
        attempt = call_of(candidate)[-1]
        uses = tuple(ToolUse(call.name, call.arguments, attempt=attempt) for call in reply.tool_calls)
        return replace(candidate, tools=(*candidate.tools, *uses), rounds=candidate.rounds + 1)
    fault = "it calls tools, and no further calls are answered" if reply.tool_calls else reply.fault
    return replace(candidate, reply=reply.text, fault=fault, llm=reply.llm if reply.model else None)


async def tools(state: SearchState, runtime: Runtime[Context]) -> Command[Literal["proposer"]]:
    """Answer the calls of tools in the last reply; the proposer is asked again."""
    context, candidate = ready(state, runtime), in_flight(state)
    attempt = candidate.tools[-1].attempt
    pending = [use for use in candidate.tools if use.attempt == attempt]
    answered = await _answered(pending, _toolbox(context, history_of(state, context)))
    earlier = [use for use in candidate.tools if use.attempt != attempt]
    candidate = replace(candidate, tools=(*earlier, *answered))
    return Command(goto="proposer", update={"candidate": candidate.to_json()})


async def _answered(uses: Sequence[ToolUse], box: Toolbox) -> list[ToolUse]:
    """Return calls with their answers; those that name a tool and give it an object are answered by a ToolNode."""
    known = {tool.name: tool for tool in box.tools()}
    answers = [_fault(use, list(known)) for use in uses]
    sound = [at for at, answer in enumerate(answers) if not answer]
    if sound:
        node = ToolNode(langchain_tools(list(known.values())))
        messages = await node.ainvoke([calling([uses[at] for at in sound])])
        for at, message in zip(sound, messages, strict=True):
            answers[at] = str(message.content)
    return [replace(use, answer=answer) for use, answer in zip(uses, answers, strict=True)]


def _fault(use: ToolUse, known: Sequence[str]) -> str:
    """Say why a call cannot be answered; empty where it can."""
    if use.name not in known:
        return f"There is no such tool: they are {', '.join(known)}."
    return "" if read_arguments(use.arguments) is not None else "The arguments are no JSON object: give one."
