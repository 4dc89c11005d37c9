"""Ask and tell: a search that hands out its candidates and is told their values, for a scheduler of one's own.

Between two calls a process holds nothing but candidates: each call locks the run, reads the new lines of other
processes, and lets go. So any number of processes may ask and tell at the same run.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, SupportsFloat, Unpack, cast

from ..agents.calling import caller_config
from ..agents.proposer import Proposer
from ..errors import GeniusError
from ..evaluators.outcome import measurement_of
from ..python_files import refuse_while_importing
from ..record.candidate import Candidate
from ..record.measurement import Measurement
from ..record.plain import BadValue
from ..record.result import SearchResult, check_journal, read_result
from ..record.settings import SETTINGS_FILE, TOLD, Options, Settings
from ..schema import Scalar
from ..spaces.objective import Objective
from ..spaces.space import Architecture
from ..tools.trainer import train
from .concluder import concludes
from .holds import Holds
from .pause import Answers, Ask
from .progress import Progress, ignore
from .request import Aim, Arguments, Opening, as_path
from .run_folder import begun_once, new_run_folder
from .search import Show
from .setup import AnySpace, Given, Setup, open_setup
from .shared_run import WAIT, SharedRun
from .state import Context, InFlight
from .trials import Calling, Start, Steps, context_of, open_steps, saying_why

if TYPE_CHECKING:
    from langchain_core.callbacks import Callbacks
    from langchain_core.runnables import RunnableConfig

    from .proposers import Llm

Told = SupportsFloat | Mapping[str, SupportsFloat] | Measurement
"""The outcome of an evaluation: the value of the objective, a dict of it and of metrics by name, or a Measurement."""


@dataclass(frozen=True)
class Asked:
    """A candidate that was handed out.

    `id` is its iteration, and where a run has several trials its trial before that, as in `2.7`. `config` holds the
    options by the names of their decisions, without those that do not count; `plain` is the same in plain JSON types,
    with the names of objects. `architecture` holds the option numbers.
    """

    id: str
    config: Mapping[str, Any] = field(hash=False)
    architecture: Architecture
    plain: Mapping[str, Scalar] = field(hash=False, repr=False)


class AllPending(GeniusError):
    """As many candidates pend as the search has workers: the next one is handed out after one of them was told."""


class AskTell:
    """A search whose candidates are evaluated elsewhere; `genius.open` makes it, and nothing is opened before the first
    call.

    `run` is the run folder; None where it is a new one in `runs/` that is not made yet. Close it at the end, or use it
    as an asynchronous context manager. Candidates that were not told until then, or until the process dies, are handed
    out again.
    """

    def __init__(self, run: Path | None, opening: Opening, calling: Calling) -> None:
        self.run = run
        self._opening, self._calling = opening, calling
        self._holds: Holds | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __aenter__(self) -> Self:
        async with self._locked() as run:
            await self._parts(run)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of all candidates, models and servers; a later call opens them again."""
        self._renew()
        if self._holds is not None:
            self._holds.close()
        await self._close_parts()

    async def ask(self) -> Asked | None:
        """Return the next candidate to evaluate; None where the search hands none out any more.

        Pending candidates whose process has ended are handed out again first.
        Raises: AllPending where no further one may pend; Paused, RunFailed and GeniusError as a search does.
        """
        async with self._locked() as run, run.proposing:
            setup = await self._parts(run)
            async with saying_why(run.folder, run.settings):
                async with open_steps(run.folder, run.settings, setup, self._calling) as steps:
                    starts = {trial: await steps.start(trial) for trial in run.trials}
                    candidate = self._unheld(run, starts.values()) or await self._proposed(run, steps, setup, starts)
                if candidate is None:
                    return None
                self._held(run).take(
                    run.id_of(candidate)
                )  # nothing is awaited behind it: a cancelled call holds nothing
                return _asked(run, candidate, setup)

    async def tell(self, asked: Asked | str | int, value: Told | None = None, *, error: str | None = None) -> None:
        """Record the outcome of a candidate's evaluation: its value, or the `error` because of which it has none.

        It is in the journal when this returns. A value that is NaN or infinite is a failure of the candidate.
        Raises: GeniusError for a candidate that does not pend, and for a value that is none, after which the candidate
        still pends; RunFailed where the journal cannot be written.
        """
        async with self._locked() as run, run.telling, saying_why(run.folder, run.settings):
            candidate = await run.find(_id_of(asked))
            told = _read(run, candidate, value, error, await self._readings(run, candidate))
            finished = await train(candidate, lambda _: told, run.settings.goal)
            took = max(0.0, time.time() - candidate.started)
            since_asked = max(0.0, took - candidate.seconds)
            await run.journal.add(replace(finished, seconds=took, evaluation_seconds=since_asked))
            self._held(run).end(run.id_of(candidate))

    async def leave(self, asked: Asked | str | int) -> None:
        """Leave a candidate to others: it pends until somebody tells it, and is not handed out again.

        Raises: GeniusError for a candidate that does not pend.
        """
        async with self._locked() as run:
            self._held(run).leave(run.id_of(await run.find(_id_of(asked))))

    async def pending(self) -> list[Asked]:
        """Return the candidates that were handed out and not told, by this process and all others."""
        async with self._locked() as run:
            setup = await self._parts(run)
            return [_asked(run, candidate, setup) for candidate in await run.all_pending()]

    async def result(self) -> SearchResult:
        """Return the result of the search so far."""
        async with self._locked() as run:
            return read_result(run.folder, run.settings, run.journal)

    # --- the run and the parts of the search, which belong to an event loop

    def _renew(self) -> None:
        """Forget the objects of an earlier event loop: the locks between tasks, models and servers."""
        if self._loop is not (loop := asyncio.get_running_loop()):
            self._loop, self._beginning = loop, asyncio.Lock()
            self._shared: SharedRun | None = None
            self._setup: Setup | None = None
            self._opened = AsyncExitStack()

    @asynccontextmanager
    async def _locked(self) -> AsyncIterator[SharedRun]:
        """Lock the run, which is made where there is none."""
        self._renew()
        async with self._beginning:
            if self._shared is None:
                if not _is_run(self.run):
                    await self._begin()
                self._shared = SharedRun(self.run or Path())
        run = self._shared
        async with run.locked():
            yield run

    async def _begin(self) -> None:
        """Make the run, after its parts were found, unless another process does so at the same moment."""
        settings, given = await asyncio.to_thread(self._opening.begin)
        await self._open_parts(settings, given)
        begun = False
        try:
            self.run = await asyncio.to_thread(new_run_folder, settings, self.run)
            async with begun_once(self.run, settings, WAIT) as begun:
                pass
        except GeniusError:
            if not _is_run(self.run):
                raise
        if not begun:
            await self._close_parts()

    async def _parts(self, run: SharedRun) -> Setup:
        """Return the parts of the search; the first call opens them, with the settings that differ from now on."""
        async with self._beginning:
            if self._setup is not None:
                return self._setup
            settings, given = await asyncio.to_thread(self._opening.go_on, run.folder, run.settings)
            setup = await self._open_parts(settings, given)
            check_journal(run.journal, settings, setup.region.space)
            await run.save(settings)
            return setup

    async def _open_parts(self, settings: Settings, given: Given) -> Setup:
        setup = await self._opened.enter_async_context(open_setup(settings, given))
        self._setup = setup
        for note in setup.notes:
            self._calling.progress(Progress("note", Candidate(0, 0), run=self.run, note=note))
        return setup

    async def _close_parts(self) -> None:
        self._setup = None
        await self._opened.aclose()

    async def _readings(self, run: SharedRun, candidate: Candidate) -> Mapping[str, float]:
        """Return this machine's measurements of a candidate's network, beside the told value."""
        if not run.settings.measures.names or candidate.architecture is None:
            return {}
        context = self._context(run, await self._parts(run), candidate.trial)
        return {} if context.weigh is None else (await context.weigh(candidate.architecture)).metrics

    def _held(self, run: SharedRun) -> Holds:
        self._holds = self._holds or Holds(run.folder)
        return self._holds

    # --- candidates

    def _unheld(self, run: SharedRun, starts: Iterable[Start]) -> Candidate | None:
        """Return a pending candidate that nobody holds."""
        pending = [candidate for start in starts for candidate in run.pending(start.state)]
        return next((candidate for candidate in pending if self._held(run).is_free(run.id_of(candidate))), None)

    async def _proposed(self, run: SharedRun, steps: Steps, setup: Setup, starts: dict[int, Start]) -> Candidate | None:
        """Have the trial that has handed out least propose a candidate.

        Raises: AllPending.
        """
        contexts = {trial: self._context(run, setup, trial) for trial in starts}
        while going := [trial for trial in starts if _hands_out(starts[trial], contexts[trial])]:
            free = [at for at in going if len(run.pending(starts[at].state)) < contexts[at].slots.count]
            if not free:
                raise AllPending(_all_pend(run, [each for at in starts for each in run.pending(starts[at].state)]))
            trial = min(free, key=lambda at: _handed_out(starts[at]))
            async with contexts[trial].slots:
                starts[trial] = await steps.make(contexts[trial], trial, starts[trial])
            run.settings = steps.settings
            if new := self._unheld(run, [starts[trial]]):
                return new
        await self._conclude(run, steps, contexts, starts)
        return None

    async def _conclude(
        self, run: SharedRun, steps: Steps, contexts: Mapping[int, Context], starts: Mapping[int, Start]
    ) -> None:
        """Have each trial whose candidates are all told conclude: its model is asked for its design principles."""
        for trial, context in contexts.items():
            told = run.journal.finished(trial)
            state = {**starts[trial].state, "done": len(told), "running": run.pending(starts[trial].state)}
            if concludes(cast("InFlight", state), context):
                async with context.slots:
                    await steps.make(context, trial, starts[trial])
                run.settings = steps.settings

    def _context(self, run: SharedRun, setup: Setup, trial: int) -> Context:
        context = context_of(run.folder, run.settings, setup, run.journal, trial, self._calling.progress)
        return replace(context, whole=True, told=True)


def _is_run(folder: Path | None) -> bool:
    return folder is not None and (folder / SETTINGS_FILE).exists()


def _id_of(asked: Asked | str | int) -> str:
    return asked.id if isinstance(asked, Asked) else str(asked)


def _asked(run: SharedRun, candidate: Candidate, setup: Setup) -> Asked:
    shown = candidate.architecture or ()
    real = disguise.reveal(shown) if (disguise := run.settings.disguise) else shown
    return Asked(run.id_of(candidate), setup.space.values(real), real, setup.space.plain_values(real))


def _handed_out(start: Start) -> int:
    done: int = start.state["done"]
    return done + len(start.state["running"])


def _hands_out(start: Start, context: Context) -> bool:
    """Tell whether a trial will hand out a further candidate."""
    left = context.iterations is None or _handed_out(start) < context.iterations
    return bool(start.interrupts) or (left and not start.state["stopped"] and not context.is_spent)


def _all_pend(run: SharedRun, pending: Sequence[Candidate]) -> str:
    workers = run.settings.training.workers
    return f"{run.words(pending)}, as many as there are workers ({workers}): tell one of them, or name more workers"


def _read(
    run: SharedRun, candidate: Candidate, value: Told | None, error: str | None, readings: Mapping[str, float]
) -> Measurement:
    """Read the outcome that is told; the `readings` of its network join it.

    Raises: GeniusError where it cannot be one.
    """
    goal, id = run.settings.goal, run.id_of(candidate)
    if (value is None) == (error is None):
        raise GeniusError(f"{id} still pends: tell either its value, or by error= why there is none")
    if error is not None:
        return Measurement(error=error or "it failed")
    try:
        first, *others = goal.needed
        told = measurement_of(value, [first, *(name for name in others if name not in readings)])
        told = replace(told, metrics={**readings, **told.metrics}) if told.error is None else told
        goal.check(candidate, told)
    except BadValue as bad:
        raise GeniusError(f"{id} still pends, since this is no outcome of it: {bad}") from None
    return told


def open(
    space: AnySpace | None = None,
    *,
    settings: Settings | Path | str | None = None,
    llm: "Llm | None" = None,
    proposer: str | Proposer | None = None,
    objectives: Sequence[str | Objective] | str | Objective = (),
    limits: Mapping[str, Sequence[float | None]] | None = None,
    pareto: bool = False,
    run: Path | str | None = None,
    downloads: Path | str | None = None,
    trust: bool = False,
    progress: Show = ignore,
    callbacks: "Callbacks" = None,
    config: "RunnableConfig | None" = None,
    ask: Ask | None = None,
    set: Sequence[str] = (),
    **options: Unpack[Options],
) -> AskTell:
    """Open a search that hands out its candidates by `ask`, and is told their values by `tell`.

    The arguments are those of `search`, without an evaluator. Where `run` holds such a search already it goes on, with
    the options that are named here from now on; its space, objectives and limits stay. As many candidates may pend as
    the search has `workers`. Without `objectives`, values are those of the space's objective.
    Nothing is read or written before the first call. Raises: GeniusError.
    """
    refuse_while_importing()
    arguments = Arguments(space, llm, proposer, TOLD, downloads, set, options)
    calling = Calling(progress, caller_config(callbacks, config), Answers(ask=ask))
    return AskTell(as_path(run), Opening(arguments, settings, Aim(objectives, limits, pareto), trust), calling)
