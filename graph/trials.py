"""The trials of a run: each goes on from its last checkpoint, one invocation of the graph an iteration."""

import asyncio
import errno
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langgraph.types import Command

from ..agents.provider import ProviderError
from ..agents.trace import TraceCollector, keep_secrets_out
from ..errors import RunFailed
from ..record.candidate import Candidate
from ..record.journal import Journal, drop_torn_lines
from ..record.result import SearchResult, read_result
from ..record.settings import Settings
from ..record.settings.llm_settings import Sent
from ..spaces import short_name
from ..spaces.space import Architecture
from ..training.job import Epoch
from .build import build_graph
from .checkpoints import broken_checkpoints, open_checkpoints, read_state
from .pause import Answers, paused
from .seal import save_sealed
from .setup import Setup
from .slots import Slots
from .state import Context, Progress, ignore
from .trust import resume_command

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.types import Interrupt

    from .build import Graph


@dataclass(frozen=True)
class Calling:
    """A caller's part in a search: `progress` is shown each step, `config` is for every invocation of the graph, and
    `answers` are given where it pauses."""

    progress: Callable[[Progress], None]
    config: "RunnableConfig"
    answers: Answers


async def carry_on(folder: Path, settings: Settings, setup: Setup, journal: Journal, calling: Calling) -> SearchResult:
    """Make all iterations that a run still lacks, and return its result. Call it while the run is held.

    Raises: Paused where nobody answers; RunFailed where it has to stop; all that was done until then is kept.
    """
    async with _saying_why(folder, settings):
        settings = settings.changed({"run.sent": setup.sent()})
        await asyncio.to_thread(save_sealed, settings, folder)
        for note in setup.notes:
            calling.progress(Progress("note", Candidate(0, 0), run=folder, note=note))
        await asyncio.to_thread(drop_torn_lines, folder)
        sent = _Sent(folder, settings, setup.sent)
        keep_secrets_out()
        async with open_checkpoints(folder) as saver:
            graph = build_graph(saver, tries=settings.llm.tries).with_config(calling.config)
            numbers = range(1, settings.loop.trials + 1)
            contexts = {
                trial: context_of(folder, settings, setup, journal, trial, calling.progress) for trial in numbers
            }
            starts = {trial: await _start(graph, settings, trial) for trial in numbers}
            calling.answers.sort([each for start in starts.values() for each in start.interrupts])
            async with asyncio.TaskGroup() as trials:
                for trial, context in contexts.items():
                    trials.create_task(_trial(graph, context, settings, trial, starts[trial], sent, calling.answers))
        return read_result(folder, settings, journal)


def context_of(
    folder: Path,
    settings: Settings,
    setup: Setup,
    journal: Journal,
    trial: int,
    progress: Callable[[Progress], None] = ignore,
) -> Context:
    """Make the context of a trial's invocations; trainings go into the folder."""

    def on_epoch(architecture: Architecture, epoch: Epoch) -> None:
        candidate = Candidate(trial, 0, architecture=architecture)
        progress(Progress("epoch", candidate, run=folder, epoch=epoch))

    return Context(
        region=setup.region,
        proposer=setup.proposers[trial - 1],
        evaluator=setup.evaluator(trial, folder, on_epoch),
        goal=settings.goal,
        journal=journal,
        repair=settings.limits.repair,
        max_replies=settings.loop.max_replies,
        when_done=settings.loop.when_done,
        budget=settings.loop.budget,
        order=settings.loop.order,
        advice=settings.loop.advice,
        seed=(settings.loop.first_seed, trial),
        iterations=settings.loop.iterations,
        approve=settings.loop.approve,
        slots=Slots(ceil(settings.training.workers / settings.loop.trials)),
        progress=progress,
    )


class _Sent:
    """Writes the parameters really sent to the language models into `search.json`, as servers refuse some of them."""

    def __init__(self, folder: Path, settings: Settings, sent: Callable[[], Sequence[Sent]]) -> None:
        self._folder, self._settings, self._sent = folder, settings, sent

    async def note(self) -> None:
        """Write it down where it has changed."""
        if (sent := self._sent()) != self._settings.run.sent:
            self._settings = self._settings.changed({"run.sent": sent})
            await asyncio.to_thread(save_sealed, self._settings, self._folder)


@dataclass(frozen=True)
class _Start:
    """The start of a trial: its last state, and its open questions to a person."""

    state: Mapping[str, Any]
    interrupts: Sequence["Interrupt"]


async def _start(graph: "Graph", settings: Settings, trial: int) -> _Start:
    snapshot = await graph.aget_state({"configurable": {"thread_id": settings.thread(trial)}})
    no_more = snapshot.next == ("approver",) and not settings.loop.approve
    return _Start(read_state(snapshot.values, trial), () if no_more else snapshot.interrupts)


async def _trial(
    graph: "Graph", context: Context, settings: Settings, trial: int, begun: _Start, sent: _Sent, answers: Answers
) -> None:
    state, asked = begun.state, begun.interrupts
    tracer = TraceCollector() if settings.loop.trace else None
    start: Any = {"trial": trial, "candidate": None}  # what was cut off begins anew, from what the journal knows of it
    async with context.slots:
        while asked or state["running"] or _goes_on(state, context, settings):
            if asked:
                start = Command(resume=await answers.to(asked, context.journal.folder or Path()))
            config = invocation_config(settings, trial, state["done"] + 1, tracer, graph.config)
            try:
                state = await graph.ainvoke(start, config, context=context, durability="exit")
            finally:
                await context.journal.trace(tracer.take() if tracer else [])
                await sent.note()
            start, asked = {}, state.get("__interrupt__", ())


def _goes_on(state: Mapping[str, Any], context: Context, settings: Settings) -> bool:
    return state["done"] < settings.loop.iterations and not state["stopped"] and not context.is_spent


def invocation_config(
    settings: Settings,
    trial: int,
    iteration: int,
    tracer: TraceCollector | None,
    called: "RunnableConfig | None" = None,
) -> Any:
    """Configure one iteration: its thread, and the names under which a trace shows it.

    The recursion limit guards the loop between proposer, validator and approver.
    """
    thread = settings.thread(trial)
    named = [*filter(None, [(called or {}).get("run_name")]), f"{short_name(settings.space)} iteration {iteration}"]
    return {
        "run_name": " ".join(named),
        "tags": ["genius", settings.space, settings.proposer],
        "metadata": {
            "space": settings.space,
            "proposer": settings.proposer,
            "llm": settings.llm.first,
            "seed": settings.loop.first_seed,
            "trial": trial,
            "iteration": iteration,
            "session_id": thread,
        },
        "configurable": {"thread_id": thread},
        "recursion_limit": settings.training.workers * (3 * settings.loop.max_replies + 6),
        "callbacks": [tracer] if tracer else None,
    }


@asynccontextmanager
async def _saying_why(folder: Path, settings: Settings) -> AsyncIterator[None]:
    """Convert an error of the machine, or of a model's server, that ends a search into one sentence.

    Raises: RunFailed.
    """
    try:
        yield
    except (BaseExceptionGroup, OSError, sqlite3.Error) as raised:
        kept = f"everything so far is kept: go on with `{resume_command(folder, settings)}`"
        if isinstance(raised, BaseExceptionGroup) and (pause := paused(raised.exceptions)):
            raise pause from None
        error = raised.exceptions[0] if isinstance(raised, BaseExceptionGroup) else raised
        if isinstance(error, ProviderError):
            times = f" after {settings.llm.tries} tries" if error.transient else ""
            raise RunFailed(f"{settings.llm.first} gave no answer{times}: {error}; {kept}") from None
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
