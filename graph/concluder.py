"""The node that asks a model for its design principles when a trial has ended."""

import asyncio
from dataclasses import replace
from functools import partial
from typing import Any, Literal

from langgraph.runtime import Runtime
from langgraph.types import Command

from ..agents.backends import HUMAN, LOCAL
from ..agents.principles import (
    ask_principles,
    principles_form,
    principles_in_text,
    principles_in_words,
    read_principles,
    with_effects,
)
from ..agents.proposer import Thinking
from ..record.candidate import Candidate
from ..record.history import History
from ..record.journal import Journal
from ..record.notebook import Page
from ..record.settings import Settings
from .state import Context, InFlight, SearchState, filled, history_of, ready
from .thinking import Query, answer_to, author_of, keep_page


def concludes(state: InFlight, context: Context) -> bool:
    """Tell whether a trial has ended, and its design principles are still to be asked for."""
    made, trial = state["done"], state["trial"]
    ended = bool(state["stopped"]) or (context.iterations is not None and made >= context.iterations)
    asked = (
        context.principles and context.writer is not None and not state["running"] and not context.is_spent_on_models
    )
    return asked and ended and lacks_principles(context.journal, trial)


def lacks_principles(journal: Journal, trial: int) -> bool:
    """Tell whether there are measurements of a trial to draw principles from, and none were drawn from all of them."""
    finished = journal.finished(trial)
    measured = any(candidate.value is not None for candidate in finished)
    return measured and journal.page(trial, len(finished) + 1, "principles") is None


def unconcluded(settings: Settings, journal: Journal) -> bool:
    """Tell whether a run that made all its iterations has still to be asked for its design principles."""
    models = [settings.llm.reflector_llm] if settings.llm.reflector_llm else settings.llm.models
    can_think = any(model not in (LOCAL, HUMAN) for model in models) or bool(settings.run.custom)
    asked = settings.asks_principles and can_think and settings.loop.budget.reached(journal.spent) is None
    return asked and any(lacks_principles(journal, trial) for trial in range(1, settings.loop.trials + 1))


async def concluder(state: SearchState, runtime: Runtime[Context], tries: int = 1) -> Command[Literal["__end__"]]:
    """Ask the model for the design principles that the trial teaches, and hold them against the surrogate's effects."""
    context = ready(state, runtime, tries)
    known = filled(state, context.region.space)
    assert context.writer is not None
    at = Candidate(known["trial"], known["done"] + 1)
    page = await state_principles(at, context.writer, context, history_of(known, context))
    update: dict[str, Any] = {} if page is None else await keep_page(context, page)
    return Command(goto="__end__", update=update)


async def state_principles(
    at: Candidate, thinking: Thinking, context: Context, history: History, *, first: int = 1
) -> Page | None:
    """Ask a model for the principles that a history teaches, before the iteration `at`; `first` is the attempt.

    An answer that cannot be read stands for none. None where the budget is spent. Raises: ProviderError.
    """
    region = context.region
    form = await asyncio.to_thread(principles_form, region.space)
    query = Query(
        replace(form, texts=[principles_in_text(context.prompts, region.space)]),
        await asyncio.to_thread(ask_principles, context.prompts, region, history),
        partial(read_principles, space=region.space),
    )
    found = await answer_to(query, thinking, context, at, history, first=first)
    if found is None:
        return None
    stated = await asyncio.to_thread(with_effects, found[0] or (), region, history, context.seed)
    words = "\n".join(principles_in_words(stated, region.space, context.goal.objective))
    return Page(at.trial, at.iteration, "principles", words, author=author_of(found[1]), principles=stated)
