"""The notes of the reflector before a proposal: a person's new hints, and the notebook that the model rewrites."""

import asyncio
from typing import Any

from ..agents.reflection import NOTEBOOK, ask_notebook, read_notebook, surprise
from ..record.candidate import Candidate
from ..record.hints import HINTS_FILE, MOST_HINTS, read_hints
from ..record.history import History
from ..record.notebook import Page
from .state import Context, InFlight, history_of
from .thinking import Query, answer_to, author_of, keep_page

_LOOKED_AT = 5  # of the latest finished candidates, for surprises


async def notes(known: InFlight, context: Context, at: Candidate) -> dict[str, Any]:
    """Take in hints and reflect, where that is due, and return the update of the state.

    An iteration that is made again, by the journal, takes the notes of then.
    """
    pages: list[dict[str, Any]] = []
    is_new = context.journal.find(at.trial, at.iteration) is None
    hint = context.journal.page(at.trial, at.iteration, "hint")
    if hint is None and is_new:
        hint = await _hint(known, context, at)
    if hint is not None:
        pages += (await keep_page(context, hint)).get("pages", [])
        known["hints"] = [*known["hints"], *hint.text.splitlines()][:MOST_HINTS]
    page = context.journal.page(at.trial, at.iteration, "notebook")
    if page is None and is_new:
        page = await _reflection(known, context, at)
    if page is not None:
        pages += (await keep_page(context, page)).get("pages", [])
        known["notebook"] = page.text
    known["considered"] = known["done"]
    return {"pages": pages} if pages else {}


async def _hint(known: InFlight, context: Context, at: Candidate) -> Page | None:
    """Return a page of the hints that a person wrote since the last proposal; None where there are none."""
    folder = context.journal.folder
    if folder is None or not (folder / HINTS_FILE).exists():
        return None
    new = (await asyncio.to_thread(read_hints, folder))[len(known["hints"]) :]
    for words in new:
        context.tell("note", at, f"a person's hint is told to the model: {words}")
    return Page(at.trial, at.iteration, "hint", "\n".join(new), author="person") if new else None


async def _reflection(known: InFlight, context: Context, at: Candidate) -> Page | None:
    """Have the notebook rewritten, every few iterations and after a surprise; None where it stays as it is."""
    if (writer := context.writer) is None or not context.reflect_every:
        return None
    history = history_of(known, context)
    if next(history.best_first(), None) is None:
        return None
    surprises = await asyncio.to_thread(_surprises, known, context, history)
    if (at.iteration - 1) % context.reflect_every and not surprises:
        return None
    prompt = await asyncio.to_thread(
        ask_notebook, context.prompts, context.region, history, context.iterations, surprises
    )
    found = await answer_to(Query(NOTEBOOK, prompt, read_notebook), writer, context, at, history)
    if found is None or found[0] is None:
        return None
    return Page(at.trial, at.iteration, "notebook", found[0], author=author_of(found[1]))


def _surprises(known: InFlight, context: Context, history: History) -> list[str]:
    """Describe the surprises among the candidates that finished since the last proposal."""
    first = max(known["considered"], known["done"] - _LOOKED_AT)
    told = (surprise(context.region, history, place, context.seed) for place in range(first, known["done"]))
    return [words for words in told if words]
