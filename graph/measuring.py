"""Who measures in a search: the evaluators that are built in, and the door for one's own."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from inspect import signature
from pathlib import Path
from typing import Any, TypeVar, cast

from ..agents.replay import load_measurements
from ..errors import GeniusError, need_torch
from ..evaluators.command_line import check_program, words_of
from ..evaluators.evaluator import Evaluator, is_evaluator
from ..evaluators.from_recording import recorded_evaluator
from ..evaluators.from_script import here_evaluator, script_evaluator
from ..evaluators.from_table import run_evaluator, table_evaluator
from ..evaluators.from_training import training_evaluator
from ..evaluators.pools import Pool
from ..evaluators.scripts import CommandJob, FunctionJob, ScriptJob
from ..evaluators.told import told
from ..evaluators.watch import TimeLimits
from ..plugins import OWN, Plugins
from ..printable import brief
from ..python_files import split_file
from ..record.confirmation import seed_of
from ..record.settings import COMMAND, TOLD, Settings
from ..spaces import FUNCTION
from ..spaces.space import NoNetwork, SearchSpace
from ..tables.published import Table
from ..training.job import LearningJob
from .meters import NO_MEASURES, EvaluatorOf, Measures, Series, of_meter
from .pool import PLAIN, Workload, common_job, open_pool
from .predictions import region_of

_Script = TypeVar("_Script", bound=ScriptJob)

OpenedEvaluator = tuple[EvaluatorOf, Sequence[str]]
"""The evaluator of each trial, and notes on its data."""


@dataclass(frozen=True)
class Measuring:
    """The task of an evaluator: the search's settings, its space, the table in which values are looked up, if there is
    one, the further measures, and the open pool that the search was lent, if it was."""

    settings: Settings
    space: SearchSpace
    table: Table | None
    downloads: Path
    measures: Measures = NO_MEASURES
    pool: Pool | None = None

    @property
    def told(self) -> tuple[str, ...]:
        """The quantities that an evaluator of one's own has to tell, its own objective first."""
        goal, measured = self.settings.goal, {measure.name for measure in self.measures.by_name.values()}
        own = self.space.measured.name if goal.objective.name in measured else goal.objective.name
        return own, *(name for name in goal.needed if name not in (own, *measured))


OpenEvaluator = Callable[[Measuring], AbstractAsyncContextManager[OpenedEvaluator]]


def evaluator_named(search: Measuring) -> str:
    """Return the name of the evaluator that a search asks for, or that its space and its options lead to.

    Raises: GeniusError where nothing does.
    """
    settings, space = search.settings, search.space
    if settings.command is not None:
        return COMMAND
    if settings.evaluator is not None:
        return settings.evaluator
    if search.table is not None or (space.table is not None and not settings.trains):
        return "table"
    own_or_quick = "space" in settings.run.custom or space.data == "digits"
    if _recording(settings.llm.first) is not None and not settings.trains and not own_or_quick:
        return "recording"
    if settings.trains or own_or_quick or space.data is not None:
        return "train"
    if space.build is None:
        raise GeniusError(f"{space.name} has no network to train: {_who_measures(settings)}")
    data = (
        "images to train on, as in --data imagenet:PATH" if space.context is None else "a text, as in --data text:FILE"
    )
    raise GeniusError(
        f"{space.name} has no table: name {data}, give it one by --table, or an evaluator by --evaluator {OWN}"
    )


def _who_measures(settings: Settings) -> str:
    """Say how to name an evaluator; a script without its function is the likely reason that there is none."""
    if (parts := split_file(settings.space)) is None:
        return f"name an evaluator by --evaluator {OWN}, a command by --command, or a table"
    file = brief(os.path.basename(parts[0]))
    return (
        f"{file} holds no function `{FUNCTION}`: write one that takes the configuration, or name another one, as in "
        f"{file}:NAME, by --evaluator {OWN}, or a table"
    )


@asynccontextmanager
async def _table(search: Measuring) -> AsyncIterator[OpenedEvaluator]:
    """Look accuracies up, in the table of one's own or in the space's published one; ranks are within the limits."""
    table, settings = search.table, search.settings
    assert table is not None
    _check_trainings(table, settings)
    if settings.limits.ranges.limited:
        table = table.part(region_of(settings, search.space).allows(table.architectures))
    first = settings.loop.first_seed
    if settings.training.single_run:
        yield (lambda series: run_evaluator(table, seed_of(first, series.trial), series.repeat)), ()
    else:
        yield _the_same(table_evaluator(table)), ()


def _check_trainings(table: Table, settings: Settings) -> None:
    """Raises GeniusError where the table lacks the single trainings that are asked for."""
    if not settings.training.single_run:
        instead = "add --single-run" if table.trainings else "leave --confirm out"
        _check_varies(settings, "a table's means", instead)
    elif not table.trainings:
        raise GeniusError("the table holds no single trainings of an architecture: leave --single-run out")
    elif settings.loop.confirm and settings.loop.confirm_seeds >= table.trainings:
        raise GeniusError(
            f"the table holds {table.trainings} trainings of each architecture: --confirm-seeds is at most "
            f"{table.trainings - 1}, got {settings.loop.confirm_seeds}"
        )


def _check_varies(settings: Settings, what: str, instead: str = "leave --confirm out") -> None:
    """Raises GeniusError where the best are to be confirmed by further evaluations that would all be the same."""
    if settings.loop.confirm:
        raise GeniusError(f"{what} are the same each time, so that --confirm would learn nothing: {instead}")


@asynccontextmanager
async def _recorded(search: Measuring) -> AsyncIterator[OpenedEvaluator]:
    """Look accuracies up in the recorded conversation that is replayed."""
    settings, space = search.settings, search.space
    if (recording := _recording(settings.llm.first)) is None:
        raise GeniusError("the evaluator recording looks accuracies up in a recording: name one by --llm replay:FILE")
    _check_varies(settings, "the accuracies of a recording")
    yield await asyncio.to_thread(_of_recording, settings, space, recording), ()


@asynccontextmanager
async def _train(search: Measuring) -> AsyncIterator[OpenedEvaluator]:
    """Train on a pool."""
    settings, space = search.settings, search.space
    if "space" in settings.run.custom:
        raise GeniusError(
            f"the space {space.name!r} is your own: pass an evaluator or a table for it, or name it as MODULE:NAME and "
            "its data with --data"
        )
    if space.build is None:
        raise NoNetwork(space)
    if settings.training.on == "local" and search.pool is None:
        need_torch("a training")
    common, workload = await asyncio.to_thread(common_job, settings, space, search.downloads)
    common = replace(common, keep_weights=bool(search.measures.after))
    async with _lent(search, workload) as pool:
        yield _trainers(settings, space, common, pool), common.found.notes if common.found else ()


@asynccontextmanager
async def _lent(search: Measuring, workload: Workload = PLAIN) -> AsyncIterator[Pool]:
    """Yield the pool that a search was lent, else one of its own, which ends with it."""
    if search.pool is not None:
        yield search.pool
        return
    async with await asyncio.to_thread(open_pool, search.settings.training, workload) as pool:
        yield pool


@asynccontextmanager
async def _measure(search: Measuring) -> AsyncIterator[OpenedEvaluator]:
    """Measure networks without training them."""
    if (meter := search.measures.meter) is None:
        raise GeniusError("the evaluator measure trains nothing: name the measured quantity, as in --objective latency")
    _check_varies(search.settings, "the measures of a network, which are kept,")
    yield of_meter(meter, search.settings.goal), ()


@asynccontextmanager
async def _command(search: Measuring) -> AsyncIterator[OpenedEvaluator]:
    """Run a command of the user's on a pool."""
    settings = search.settings
    if settings.command is None:
        raise GeniusError("the evaluator command runs a command: name it, as in --command ./train.sh")
    words, home = words_of(settings.command, search.space.decisions), Path(settings.run.working_folder)
    if settings.training.on == "local":
        check_program(words, home)
    common = CommandJob(command=words, **_shared(search))
    async with _lent(search) as pool:
        yield _scripts(search, common, pool), _unused(settings)


@dataclass(frozen=True)
class OwnEvaluator:
    """An evaluator of one's own: a function of a configuration.

    One that a worker can find by its name runs in workers; an object runs in this process, and so does a function that
    is to.
    """

    evaluate: Evaluator

    @asynccontextmanager
    async def __call__(self, search: Measuring) -> AsyncIterator[OpenedEvaluator]:
        settings, space = search.settings, search.space
        if settings.is_told and settings.loop.confirm:
            raise GeniusError("a search of told values evaluates nothing by itself: leave --confirm out")
        name = EVALUATORS.importable(settings.evaluator) if settings.evaluator else None
        shared = _shared(search)
        if name is None or settings.training.in_process:
            common = FunctionJob(function=brief(repr(self.evaluate)), by_value=space.by_value, **shared)
            yield _here(search, self.evaluate, common), _unused(settings)
            return
        common = FunctionJob(function=name, by_value=space.by_value, space=_space_of_objects(search), **shared)
        async with _lent(search, Workload(name)) as pool:
            yield _scripts(search, common, pool), _unused(settings)


def _shared(search: Measuring) -> dict[str, Any]:
    """Return the fields that the jobs of functions and commands have in common; places and trials fill in others."""
    asked = search.settings.training
    return {
        "config": {},
        "architecture": (),
        "names": search.told,
        "home": Path(search.settings.run.working_folder),
        "folder": Path(),
        "device": asked.device or "cpu",
        "threads": asked.threads or 1,
        "memory_limit": asked.memory_limit,
    }


def _space_of_objects(search: Measuring) -> str | None:
    """Return the name of a space whose options workers have to get from the space itself; None where they are plain.

    Raises: GeniusError where workers cannot find it.
    """
    settings, decisions = search.settings, search.space.decisions
    if all(decision.scalar for decision in decisions):
        return None
    if "space" in settings.run.custom:
        raise GeniusError(
            f"the space {search.space.name!r} is an object, and options of it are objects that workers cannot find: "
            "name the space as MODULE:NAME, or run the function here by in_process=True"
        )
    return settings.space


def _unused(settings: Settings) -> Sequence[str]:
    unused = "the named data is not used: the evaluator is your own"
    return (unused,) if settings.training.is_named else ()


def _read(value: object) -> OpenEvaluator | None:
    """Take a function of a configuration.

    Raises: GeniusError for a function of other arguments.
    """
    if not callable(value):
        return None
    if not is_evaluator(value):
        name = getattr(value, "__name__", type(value).__name__)
        raise GeniusError(
            f"{name} takes {signature(value)}: an evaluator takes a configuration, and perhaps the trial, as in "
            "train(config, trial)"
        )
    return OwnEvaluator(cast("Evaluator", value))


EVALUATORS: Plugins[OpenEvaluator] = Plugins(
    "evaluator",
    {
        "table": _table,
        "train": _train,
        "recording": _recorded,
        COMMAND: _command,
        "measure": _measure,
        TOLD: OwnEvaluator(told),
    },
    _read,
    "a function of a configuration, and perhaps of a trial",
)
"""The evaluators, and the door for one's own."""


def own_evaluator(name: str | None) -> Evaluator | None:
    """Return the evaluator of one's own of this name; None where a built-in one measures.

    Raises: GeniusError.
    """
    found = None if name is None else EVALUATORS.find(name)
    return found.evaluate if isinstance(found, OwnEvaluator) else None


def _the_same(evaluate: Evaluator) -> EvaluatorOf:
    return lambda series: evaluate


def _recording(llm: str | None) -> Path | None:
    kind, _, path = (llm or "").partition(":")
    return Path(path) if kind == "replay" else None


def _of_recording(settings: Settings, space: SearchSpace, recording: Path) -> EvaluatorOf:
    trials = range(1, settings.loop.trials + 1)
    evaluators = [
        recorded_evaluator(space, load_measurements(recording, space, trial), recording.name) for trial in trials
    ]
    return lambda series: evaluators[series.trial - 1]


def _trainers(settings: Settings, space: SearchSpace, common: LearningJob, pool: Pool) -> EvaluatorOf:
    """Train on a shared pool; each series trains with a seed of its own."""

    def of_series(series: Series) -> Evaluator:
        return training_evaluator(
            space,
            replace(common, seed=series.seed, folder=series.place),
            pool,
            queue=series.trial,
            deadline=settings.training.deadline,
            silence=settings.training.silence,
            on_epoch=series.on_epoch,
        )

    return of_series


def _scripts(search: Measuring, common: ScriptJob, pool: Pool) -> EvaluatorOf:
    """Evaluate by a function or a command on a shared pool."""

    def of_series(series: Series) -> Evaluator:
        job, limits = _of_series(common, search, series)
        return script_evaluator(search.space, job, pool, queue=series.trial, limits=limits, on_epoch=series.on_epoch)

    return of_series


def _here(search: Measuring, function: Evaluator, common: FunctionJob) -> EvaluatorOf:
    """Evaluate by a function in this process."""

    def of_series(series: Series) -> Evaluator:
        job, limits = _of_series(common, search, series)
        return here_evaluator(function, search.space, job, limits=limits, on_epoch=series.on_epoch)

    return of_series


def _of_series(common: _Script, search: Measuring, series: Series) -> tuple[_Script, TimeLimits]:
    """Return the job that the evaluations of a series share, and their limits."""
    asked = search.settings.training
    job = replace(common, seed=series.seed, folder=series.place.absolute())
    return job, TimeLimits(asked.deadline, asked.silence, job.noun)
