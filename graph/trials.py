"""The trials of a run: each goes on from its last checkpoint, one invocation of the graph an iteration."""

import asyncio
import errno
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from langgraph.types import Command

from ..agents.provider import ProviderError
from ..agents.trace import TraceCollector, keep_secrets_out
from ..errors import RunFailed
from ..evaluators.evaluator import Evaluator
from ..record.candidate import Candidate
from ..record.confirmation import seed_of
from ..record.journal import Journal, drop_torn_lines
from ..record.result import SearchResult, read_result
from ..record.settings import Settings
from ..spaces import short_name
from ..spaces.space import Architecture, SearchSpace
from ..training.job import Epoch
from .build import build_graph
from .checkpoints import broken_checkpoints, open_checkpoints, read_state
from .concluder import concludes
from .confirming import may_confirm
from .meters import Series
from .pause import Answers, Paused, paused
from .progress import BegunSearch, Progress, ignore
from .seal import save_sealed
from .setup import Setup
from .slots import Slots
from .state import Context, InFlight
from .tool_use import ROUNDS
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
    async with saying_why(folder, settings):
        settings = settings.changed(setup.facts)
        await asyncio.to_thread(save_sealed, settings, folder)
        calling.progress(begun(folder, settings, lambda: setup.region.space, journal))
        for note in setup.notes:
            calling.progress(Progress("note", Candidate(0, 0), run=folder, note=note))
        await asyncio.to_thread(drop_torn_lines, folder)
        async with open_steps(folder, settings, setup, calling) as steps:
            numbers = range(1, settings.loop.trials + 1)
            place = await asyncio.to_thread(folder.absolute)  # asking for the current folder may block
            contexts = {
                trial: context_of(place, settings, setup, journal, trial, calling.progress) for trial in numbers
            }
            starts = {trial: await steps.start(trial) for trial in numbers}
            calling.answers.sort([each for start in starts.values() for each in start.interrupts])
            async with asyncio.TaskGroup() as trials:
                for trial, context in contexts.items():
                    trials.create_task(_trial(steps, context, settings, trial, starts[trial]))
        return read_result(folder, settings, journal)


def begun(folder: Path, settings: Settings, space: Callable[[], SearchSpace], journal: Journal) -> Progress:
    """Tell that a search of a space begins, or goes on."""
    trials = range(1, settings.loop.trials + 1)
    finished = [candidate for trial in trials for candidate in journal.finished(trial)]
    confirmed = [
        (replace(candidate, measurement=each.measurement), each.repeat)
        for trial in trials
        for each in journal.confirmations(trial)
        if (candidate := journal.find(trial, each.iteration)) is not None
    ]
    beginning = BegunSearch(settings, space, finished, confirmed)
    tokens = sum(map(journal.tokens, trials))
    first = Candidate(0, 0)
    return Progress(
        "begun", first, tokens, journal.spent, settings.loop.budget, run=folder, goal=settings.goal, begun=beginning
    )


def context_of(
    folder: Path,
    settings: Settings,
    setup: Setup,
    journal: Journal,
    trial: int,
    progress: Callable[[Progress], None] = ignore,
) -> Context:
    """Make the context of a trial's invocations; trainings go into the folder, progress names that of the journal."""

    def show(step: Progress) -> None:
        progress(replace(step, run=journal.folder))

    evaluator_of = _evaluators(folder, settings, setup, trial, show)
    context = Context(
        setup.region,
        setup.proposers.of_trial[trial - 1],
        evaluator_of(0),
        journal,
        settings.goal,
        setup.proposers.arms[trial - 1],
        prompts=setup.prompts,
        procedure=setup.procedure,
        seed=(settings.loop.first_seed, trial),
        weigh=setup.weigh,
        again=evaluator_of,
        reflector=setup.reflectors[trial - 1] if setup.reflectors else None,
        progress=progress,
    )
    return _with_settings(context, settings)


def _evaluators(
    folder: Path, settings: Settings, setup: Setup, trial: int, progress: Callable[[Progress], None]
) -> Callable[[int], Evaluator]:
    """Return the function that makes the evaluator of a trial's repeats of a number, 0 for its first evaluations."""

    def on_epoch(repeat: int, architecture: Architecture, epoch: Epoch) -> None:
        candidate = Candidate(trial, 0, architecture=architecture)
        progress(Progress("epoch", candidate, run=folder, epoch=epoch, goal=settings.goal, repeat=repeat))

    def of_repeat(repeat: int) -> Evaluator:
        seed = seed_of(settings.loop.first_seed, trial, repeat)
        return setup.evaluator(Series(trial, seed, folder, partial(on_epoch, repeat), repeat))

    return of_repeat


def _with_settings(context: Context, settings: Settings) -> Context:
    """Return a context that goes by settings."""
    loop = settings.loop
    return replace(
        context,
        repair=settings.limits.repair,
        max_replies=loop.max_replies,
        when_done=loop.when_done,
        budget=loop.budget,
        order=loop.order,
        advice=loop.advice,
        tools=settings.uses_tools,
        memory=loop.memory,
        iterations=loop.iterations,
        approve=loop.approve,
        confirming=loop.confirming,
        beliefs=settings.asks_beliefs,
        reflect_every=settings.reflects_every,
        principles=settings.asks_principles,
        slots=Slots(ceil(settings.training.workers / loop.trials)),
    )


@dataclass(frozen=True)
class Start:
    """The start of a trial: its last state, and its open questions to a person."""

    state: Mapping[str, Any]
    interrupts: Sequence["Interrupt"]


class Steps:
    """The invocations of a run's graph; each is named, traced and checkpointed."""

    def __init__(self, graph: "Graph", folder: Path, settings: Settings, setup: Setup, answers: Answers) -> None:
        self.settings = settings
        self._graph, self._folder, self._setup, self._answers = graph, folder, setup, answers

    async def start(self, trial: int) -> Start:
        """Read the last checkpoint of a trial.

        Raises: BrokenRun.
        """
        snapshot = await self._graph.aget_state({"configurable": {"thread_id": self.settings.thread(trial)}})
        no_more = snapshot.next == ("approver",) and not self.settings.loop.approve
        return Start(read_state(snapshot.values, trial), () if no_more else snapshot.interrupts)

    async def make(self, context: Context, trial: int, begun: Start, *, anew: bool = True) -> Start:
        """Invoke the graph from where a trial stands, `anew` or behind an invocation of this process, and return where
        it stands then.

        Raises: Paused where a person's answer is missing, and the graph's own exceptions.
        """
        given: Any = {"trial": trial, "candidate": None} if anew else {}  # a cut-off one begins anew, by the journal
        if begun.interrupts:
            given = Command(resume=await self._answers.to(begun.interrupts, self._folder))
        tracer = TraceCollector() if self.settings.loop.trace else None
        iteration, confirms = begun.state["done"] + 1, may_confirm(cast("InFlight", begun.state), context)
        step = "confirmation" if confirms else f"iteration {iteration}"
        config = invocation_config(self.settings, trial, iteration, step, tracer, self._graph.config)
        if context.whole:
            config["recursion_limit"] *= self.settings.loop.iterations
        try:
            state = await self._graph.ainvoke(given, config, context=context, durability="exit")
        finally:
            await context.journal.trace(tracer.take() if tracer else [])
            await self._note_facts()
        return Start(state, state.get("__interrupt__", ()))

    async def _note_facts(self) -> None:
        """Write new facts into `search.json`, such as the parameters really sent: servers refuse some of them."""
        if (settings := self.settings.changed(self._setup.facts)) != self.settings:
            self.settings = settings
            await asyncio.to_thread(save_sealed, self.settings, self._folder)


@asynccontextmanager
async def open_steps(folder: Path, settings: Settings, setup: Setup, calling: Calling) -> AsyncIterator[Steps]:
    """Open the checkpoints of a run, and the graph that goes on from them.

    Raises: BrokenRun.
    """
    keep_secrets_out()
    async with open_checkpoints(folder) as saver:
        graph = build_graph(saver, tries=settings.llm.tries).with_config(calling.config)
        yield Steps(graph, folder, settings, setup, calling.answers)


async def _trial(steps: Steps, context: Context, settings: Settings, trial: int, at: Start) -> None:
    anew = True
    async with context.slots:
        while at.interrupts or at.state["running"] or goes_on(at.state, context, settings):
            at, anew = await steps.make(context, trial, at, anew=anew), False


def goes_on(state: Mapping[str, Any], context: Context, settings: Settings) -> bool:
    """Tell whether a trial lacks iterations, the confirmation of its best or its conclusion, and may make them."""
    lacks = state["done"] < settings.loop.iterations and not state["stopped"] and not context.is_spent
    known = cast("InFlight", state)
    return lacks or may_confirm(known, context) or concludes(known, context)


def most_steps(settings: Settings) -> int:
    """Return the most steps of the graph in an iteration: four for a reply, two for a round of calls, and others."""
    return 4 * settings.loop.max_replies + 2 * ROUNDS + 6


def invocation_config(
    settings: Settings,
    trial: int,
    iteration: int,
    step: str,
    tracer: TraceCollector | None,
    called: "RunnableConfig | None" = None,
) -> Any:
    """Configure one invocation: its thread, and the names under which a trace shows it.

    The recursion limit guards the loop between proposer, validator and approver.
    """
    thread = settings.thread(trial)
    named = [*filter(None, [(called or {}).get("run_name")]), f"{short_name(settings.space)} {step}"]
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
        "recursion_limit": settings.training.workers * most_steps(settings),
        "callbacks": [tracer] if tracer else None,
    }


@asynccontextmanager
async def saying_why(folder: Path, settings: Settings) -> AsyncIterator[None]:
    """Convert an error of the machine, or of a model's server, that ends a search into one sentence.

    Raises: RunFailed; Paused as it is.
    """
    try:
        yield
    except (BaseExceptionGroup, OSError, sqlite3.Error, ProviderError, RunFailed) as raised:
        lent = "pool" in settings.run.custom  # by a command that makes several searches, and goes on with them
        how = "the same call" if lent else f"`{resume_command(folder, settings)}`"
        kept = f"everything so far is kept: go on with {how}"
        if isinstance(raised, BaseExceptionGroup) and (pause := paused(raised.exceptions)):
            raise pause from None
        error = raised.exceptions[0] if isinstance(raised, BaseExceptionGroup) else raised
        if isinstance(error, Paused):
            raise error from None
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
