"""The node that asks a model for its starts and beliefs, once in a trial, before anything is measured."""

import asyncio
from dataclasses import replace
from functools import partial
from typing import Literal

from langgraph.runtime import Runtime
from langgraph.types import Command

from ..agents.beliefs import Stated, ask_beliefs, beliefs_form, beliefs_in_text, beliefs_in_words, read_beliefs
from ..agents.proposer import Thinking
from ..record.candidate import Candidate
from ..record.notebook import BELIEFS, Beliefs, Page
from .state import Context, InFlight, SearchState, filled, history_of, ready
from .thinking import Query, answer_to, author_of, keep_page


def may_start(state: InFlight, context: Context) -> bool:
    """Tell whether the model is to be asked for its starts: nothing is under way, and it was not asked yet."""
    begun = state.get("beliefs") is not None or any(state.get(name) for name in ("done", "running", "candidate"))
    return context.beliefs and isinstance(context.proposer, Thinking) and not begun


async def starter(
    state: SearchState, runtime: Runtime[Context], tries: int = 1
) -> Command[Literal["reflector", "trainer"]]:
    """Ask the model for its starts and beliefs, unless they were written down by an earlier try.

    Where the budget is spent the invocation ends. A trial that has begun without beliefs goes on without any.
    """
    context = ready(state, runtime, tries)
    known = filled(state, context.region.space)
    trial = known["trial"]
    page = context.journal.page(trial, 1, "beliefs")
    if page is None and context.journal.find(trial, 1) is None:
        page = await _stated(known, context)
        if page is None:
            return Command(goto="trainer")
    beliefs = page.beliefs if page and page.beliefs else Beliefs()
    kept = await keep_page(context, page) if page else {}
    return Command(goto="reflector", update={"beliefs": BELIEFS.plain(beliefs)} | kept)


async def _stated(known: InFlight, context: Context) -> Page | None:
    """Ask for beliefs; an answer that cannot be read stands for none. None where the budget is spent."""
    assert isinstance(context.proposer, Thinking)
    region, at = context.region, Candidate(known["trial"], 1)
    form = await asyncio.to_thread(beliefs_form, region.space)
    query = Query(
        replace(form, texts=[beliefs_in_text(context.prompts, region.space)]),
        await asyncio.to_thread(ask_beliefs, context.prompts, region, context.goal, context.iterations),
        partial(read_beliefs, region=region),
    )
    found = await answer_to(query, context.proposer, context, at, history_of(known, context))
    if found is None:
        return None
    stated, author = found[0] or Stated(Beliefs()), author_of(found[1])
    for note in stated.notes:
        context.tell("note", at, f"of the model's beliefs, {note}")
    words = "\n".join([*beliefs_in_words(region.space, stated.beliefs), *stated.notes])
    return Page(at.trial, at.iteration, "beliefs", words, stated.beliefs, author)
