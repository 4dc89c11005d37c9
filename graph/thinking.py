"""Asking a model for more than proposals: each answer is logged before it is used, and none is asked for twice."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from ..agents.backends import check_price, open_llms
from ..agents.beliefs import UnreadableAnswer
from ..agents.proposer import AGENTS, Form, Thinking
from ..agents.provider import ProviderError
from ..errors import GeniusError
from ..record.call import CallPlace, Reply, received
from ..record.candidate import Candidate, Message
from ..record.history import History
from ..record.notebook import PAGE, Page
from ..record.secrets import errors_cleared
from ..record.settings import Settings
from ..record.settings.llm_settings import Sent
from ..spaces.space import SearchSpace
from .state import Context

_ATTEMPTS = 2
_NO_TEXT = "[no answer]"

_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class Query(Generic[_Answer]):
    """A question to a model: the form, the prompt, and the reading of an answer, which raises UnreadableAnswer."""

    form: Form
    prompt: Sequence[Message]
    read: Callable[[Reply], _Answer]


async def answer_to(
    query: Query[_Answer], thinking: Thinking, context: Context, at: Candidate, history: History, *, first: int = 1
) -> tuple[_Answer | None, Reply] | None:
    """Ask a model before the proposal `at`, and once more where its first answer cannot be read.

    The attempts are counted from `first`; one that is logged is not made again. Returns the answer, None where neither
    can be read, with the last reply; None where the budget is spent. A hybrid search goes on without an answer where
    there is none. Raises: ProviderError.
    """
    messages, form = list(query.prompt), query.form
    found: tuple[None, Reply] | None = None
    for attempt in range(first, first + _ATTEMPTS):
        place: CallPlace = AGENTS[form.name], at.trial, at.iteration, attempt
        reply = context.journal.reply(place)
        if reply is None and context.is_spent_on_models:
            return None
        try:
            reply = reply or await _ask(form, messages, thinking, context, place, history)
        except ProviderError as error:
            if not context.goes_on_without(error, at.trial):
                raise
            context.tell("note", at, f"no answer: {error}; the search goes on without the model's {form.name}")
            return None, Reply("")
        try:
            return await asyncio.to_thread(query.read, reply), reply
        except UnreadableAnswer as error:
            why, found = str(error), (None, reply)
        messages.append(Message(role="assistant", content=reply.text.strip() or _NO_TEXT))
        messages.append(Message(role="user", content=context.prompts.render("refusal", reason=why)))
    context.tell("note", at, f"the model's {form.name} cannot be read, and the search goes on without: {why}")
    return found


async def _ask(
    form: Form, messages: Sequence[Message], thinking: Thinking, context: Context, place: CallPlace, history: History
) -> Reply:
    _, trial, iteration, _ = place
    at = Candidate(trial, iteration)
    context.tell("proposing", at)
    try:
        with errors_cleared():
            answer = await thinking.think(messages, history, form)
    except ProviderError as error:
        context.tell("waiting", at, str(error))
        await asyncio.sleep(error.wait)  # as the server asked, before the backoff
        raise
    reply = received(answer)
    await context.journal.log_reply(place, messages, reply)
    for note in (*reply.passed, *reply.notes):
        context.tell("note", at, note)
    return reply


@asynccontextmanager
async def open_reflectors(
    settings: Settings, space: SearchSpace, downloads: Path
) -> AsyncIterator[tuple[Sequence[Thinking], Callable[[], Sequence[Sent]]]]:
    """Open the language model that writes notebooks and principles, for each trial, where the settings name one.

    Gives the parameters that are sent to it, too. Raises: GeniusError for a model that proposes and nothing else.
    """
    named = settings.llm.reflector_llm
    if named is None or not (settings.reflects_every or settings.asks_principles):
        yield (), list
        return
    asking = replace(settings.asking, base_url=None)
    if settings.loop.max_cost is not None:
        check_price(named, asking)
    async with open_llms([named], space, asking, downloads, taught=settings.run.sent) as opened:
        made = [opened.proposer(trial) for trial in range(1, settings.loop.trials + 1)]
        reflectors = [each for each in made if isinstance(each, Thinking)]
        if len(reflectors) < len(made):
            raise GeniusError(f"{named} proposes and writes no notebook: name a chat model with --reflector-llm")
        yield reflectors, opened.sent


def author_of(reply: Reply) -> str:
    """Name the model that wrote a reply."""
    return reply.llm or reply.model or ""


async def keep_page(context: Context, page: Page) -> dict[str, Any]:
    """Write a page down; without a run folder the state itself keeps it: returns the update of the state."""
    await context.journal.write_page(page)
    return {"pages": [PAGE.plain(page)]} if context.journal.folder is None else {}
