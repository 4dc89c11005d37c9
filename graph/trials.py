"""The trials of a run: each goes on from its last checkpoint, one invocation of the graph an iteration."""

import asyncio
import errno
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..agents.advice import advise
from ..agents.options import Sent
from ..agents.provider import ProviderError
from ..agents.trace import TraceCollector, keep_secrets_out
from ..spaces.errors import RunFailed
from ..spaces.space import Architecture
from ..tools.candidate import Candidate
from ..training.job import Epoch
from .build import build_graph
from .checkpoints import broken_checkpoints, open_checkpoints
from .journal import BrokenRun, Journal, drop_torn_lines
from .picture import draw
from .result import SearchResult, read_result
from .run import locked
from .settings import Settings
from .setup import Setup
from .slots import Slots
from .state import Context, Progress, SearchState, first_state, read_state
from .trust import resume_command

if TYPE_CHECKING:
    from .build import Graph


async def carry_on(
    folder: Path, settings: Settings, setup: Setup, progress: Callable[[Progress], None]
) -> SearchResult:
    """Make all iterations that a run still lacks, draw its pictures, and return what it found.

    Raises: RunFailed where it has to stop; what was done until then is kept.
    """
    async with locked(folder), _saying_why(folder, settings):
        settings = replace(settings, sent=setup.sent())
        settings.save(folder)
        drop_torn_lines(folder)
        journal = Journal.load(folder)
        sent = _Sent(folder, settings, setup.sent)
        keep_secrets_out()
        async with open_checkpoints(folder) as saver:
            graph = build_graph(saver, tries=settings.tries)
            async with asyncio.TaskGroup() as trials:
                for trial in range(1, settings.trials + 1):
                    context = _context(folder, settings, setup, journal, trial, progress)
                    trials.create_task(_trial(graph, context, settings, trial, sent))
        result = read_result(folder, settings, journal)
        await asyncio.to_thread(draw, result, folder)
    return result


def _context(
    folder: Path, settings: Settings, setup: Setup, journal: Journal, trial: int, progress: Callable[[Progress], None]
) -> Context:
    def on_epoch(architecture: Architecture, epoch: Epoch) -> None:
        candidate = Candidate(trial, 0, architecture=architecture)
        progress(Progress("epoch", candidate, run=folder, epoch=epoch))

    return Context(
        space=setup.space,
        proposer=setup.proposers[trial - 1],
        evaluator=setup.evaluator(trial, folder, on_epoch),
        journal=journal,
        limits=settings.limits,
        repair=settings.repair,
        max_replies=settings.max_replies,
        when_done=settings.when_done,
        budget=settings.budget,
        order=settings.order,
        advice=settings.advice,
        seed=(settings.seed, trial),
        iterations=settings.iterations,
        slots=Slots(ceil(settings.workers / settings.trials)),
        progress=progress,
    )


class _Sent:
    """Keeps in `search.json` what is really sent to the language models, as their servers refuse some of it."""

    def __init__(self, folder: Path, settings: Settings, sent: Callable[[], Sequence[Sent]]) -> None:
        self._folder, self._settings, self._sent = folder, settings, sent

    def note(self) -> None:
        """Write it down where it has changed."""
        if (sent := self._sent()) != self._settings.sent:
            self._settings = replace(self._settings, sent=sent)
            self._settings.save(self._folder)


async def _trial(graph: "Graph", context: Context, settings: Settings, trial: int, sent: _Sent) -> None:
    state = await _latest(graph, context, settings, trial)
    tracer = TraceCollector() if settings.trace else None
    start: Any = dict(state)
    async with context.slots:
        while state["running"] or _goes_on(state, context, settings):
            config = invocation_config(settings, trial, state["done"] + 1, tracer)
            try:
                start["candidate"] = None  # what was cut off begins anew, from what the journal knows of it
                state = await graph.ainvoke(start, config, context=context, durability="exit")  # type: ignore[assignment]
            finally:
                await context.journal.trace(tracer.take() if tracer else [])
                sent.note()
            start = {}


def _goes_on(state: SearchState, context: Context, settings: Settings) -> bool:
    return state["done"] < settings.iterations and not state["stopped"] and not context.is_spent


async def begin(context: Context, trial: int = 1) -> SearchState:
    """Return the state of a trial that has not begun, with advice where the context asks for it."""
    advice = None
    if context.advice:
        advice = await asyncio.to_thread(advise, context.space, context.limits, [], context.seed)
    return first_state(context.space, trial, context.order, context.limits, advice)


async def _latest(graph: "Graph", context: Context, settings: Settings, trial: int) -> SearchState:
    snapshot = await graph.aget_state({"configurable": {"thread_id": settings.thread(trial)}})
    state = read_state(context.journal.folder, snapshot.values, trial)
    if state is None:
        return await begin(context, trial)
    known, needed = len(context.journal.history(trial)), state["done"]
    if known < needed:
        raise BrokenRun(f"the journal of trial {trial} holds {known} lines, its checkpoint stands on {needed}")
    return state


def invocation_config(settings: Settings, trial: int, iteration: int, tracer: TraceCollector | None) -> Any:
    """Configure one iteration: its thread, and the names under which a trace shows it.

    The recursion limit guards the loop between proposer and validator.
    """
    thread = settings.thread(trial)
    return {
        "run_name": f"{settings.space} iteration {iteration}",
        "tags": ["genius", settings.space, settings.proposer],
        "metadata": {
            "space": settings.space,
            "proposer": settings.proposer,
            "llm": settings.llm,
            "seed": settings.seed,
            "trial": trial,
            "iteration": iteration,
            "session_id": thread,
        },
        "configurable": {"thread_id": thread},
        "recursion_limit": settings.workers * (2 * settings.max_replies + 5),
        "callbacks": [tracer] if tracer else None,
    }


@asynccontextmanager
async def _saying_why(folder: Path, settings: Settings) -> AsyncIterator[None]:
    """Turn what ends a search from outside into one sentence.

    Raises: RunFailed.
    """
    kept = f"everything so far is kept: go on with `{resume_command(folder, settings)}`"
    try:
        yield
    except (BaseExceptionGroup, OSError, sqlite3.Error) as raised:
        error = raised.exceptions[0] if isinstance(raised, BaseExceptionGroup) else raised
        if isinstance(error, ProviderError):
            times = f" after {settings.tries} tries" if error.transient else ""
            raise RunFailed(f"{settings.llm} gave no answer{times}: {error}; {kept}") from None
        if isinstance(error, RunFailed):
            raise RunFailed(f"{error}; {kept}") from error
        if _is_disk_full(error):
            raise RunFailed(f"the disk of {folder} is full: free some space; {kept}") from error
        if isinstance(error, sqlite3.DatabaseError):
            raise broken_checkpoints(folder, error) from error
        raise error from None


def _is_disk_full(error: BaseException) -> bool:
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorname", "") in ("SQLITE_FULL", "SQLITE_IOERR_SHMSIZE")
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
