"""Who measures in a search: the evaluators that are built in, and the door for one's own."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from ..agents.replay import load_measurements
from ..errors import GeniusError
from ..evaluators.evaluator import Evaluator
from ..evaluators.from_recording import recorded_evaluator
from ..evaluators.from_table import table_evaluator
from ..evaluators.from_training import OnEpochOf, training_evaluator
from ..evaluators.pools import Pool
from ..plugins import OWN, Plugins, signature_refusing
from ..printable import brief
from ..python_files import split_file
from ..record.settings import Settings
from ..spaces import FUNCTION
from ..spaces.space import NoNetwork, SearchSpace
from ..tables.published import Table, load_table
from ..training.job import TrainingJob
from .pool import common_job, open_pool

EvaluatorOfTrial = Callable[[int, Path, OnEpochOf], Evaluator]
"""Makes a trial's evaluator; what it writes goes into the run folder, and epochs are told as they end."""

OpenedEvaluator = tuple[EvaluatorOfTrial, Sequence[str]]
"""The evaluator of each trial, and notes on what it trains on."""


@dataclass(frozen=True)
class Measuring:
    """The task of an evaluator: the search's settings, its space, and a table of one's own, if there is one."""

    settings: Settings
    space: SearchSpace
    table: Table | None
    downloads: Path


OpenEvaluator = Callable[[Measuring], AbstractAsyncContextManager[OpenedEvaluator]]


def evaluator_named(search: Measuring) -> str:
    """Return the name of the evaluator that a search asks for, or that its space and its options lead to.

    Raises: GeniusError where nothing does.
    """
    settings, space = search.settings, search.space
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
    raise GeniusError(
        f"{space.name} has no table: name images to train on, as in --data imagenet:PATH, give it one by --table, or "
        f"an evaluator by --evaluator {OWN}"
    )


def _who_measures(settings: Settings) -> str:
    """Say how to name an evaluator; a script without its function is the likely reason that there is none."""
    if (parts := split_file(settings.space)) is None:
        return f"name an evaluator by --evaluator {OWN}, or a table"
    file = brief(os.path.basename(parts[0]))
    return (
        f"{file} holds no function `{FUNCTION}`: write one that takes the configuration, or name another one, as in "
        f"{file}:NAME, by --evaluator {OWN}, or a table"
    )


@asynccontextmanager
async def _table(search: Measuring) -> AsyncIterator[OpenedEvaluator]:
    """Look accuracies up, in the table of one's own or in the space's published one."""
    table = search.table
    if table is None:
        table = await asyncio.to_thread(load_table, search.space, search.downloads)
    yield _the_same(table_evaluator(table)), ()


@asynccontextmanager
async def _recorded(search: Measuring) -> AsyncIterator[OpenedEvaluator]:
    """Look accuracies up in the recorded conversation that is replayed."""
    settings, space = search.settings, search.space
    if (recording := _recording(settings.llm.first)) is None:
        raise GeniusError("the evaluator recording looks accuracies up in a recording: name one by --llm replay:FILE")
    yield await asyncio.to_thread(_of_recording, settings, space, recording), ()


@asynccontextmanager
async def _train(search: Measuring) -> AsyncIterator[OpenedEvaluator]:
    """Train on a pool."""
    settings, space = search.settings, search.space
    if "space" in settings.run.custom:
        raise GeniusError(
            f"the space {space.name!r} is your own: pass an evaluator or a table for it, or name it as MODULE:NAME and "
            "what to train it on"
        )
    if space.build is None:
        raise NoNetwork(space)
    common, workload = await asyncio.to_thread(common_job, settings, space, search.downloads)
    async with await asyncio.to_thread(open_pool, settings.training, workload) as pool:
        yield _trainers(settings, space, common, pool), common.found.notes if common.found else ()


@dataclass(frozen=True)
class OwnEvaluator:
    """An evaluator of one's own: a function of an architecture."""

    evaluate: Evaluator

    @asynccontextmanager
    async def __call__(self, search: Measuring) -> AsyncIterator[OpenedEvaluator]:
        unused = "what is named to train on is not used: the evaluator is your own"
        yield _the_same(search.space.handing(self.evaluate)), (unused,) if search.settings.training.is_named else ()


def _read(value: object) -> OpenEvaluator | None:
    """Take a function of an architecture."""
    if not callable(value):
        return None
    if takes := signature_refusing(value, 1):
        name = getattr(value, "__name__", type(value).__name__)
        raise GeniusError(f"{name} takes {takes}: an evaluator takes the architecture, or the dict of its values")
    return OwnEvaluator(cast("Evaluator", value))


EVALUATORS: Plugins[OpenEvaluator] = Plugins(
    "evaluator",
    {"table": _table, "train": _train, "recording": _recorded},
    _read,
    "a function of an architecture",
)
"""The evaluators, and the door for one's own."""


def own_evaluator(name: str | None) -> Evaluator | None:
    """Return the evaluator of one's own of this name; None where a built-in one measures.

    Raises: GeniusError.
    """
    found = None if name is None else EVALUATORS.find(name)
    return found.evaluate if isinstance(found, OwnEvaluator) else None


def _the_same(evaluate: Evaluator) -> EvaluatorOfTrial:
    return lambda trial, folder, on_epoch: evaluate


def _recording(llm: str | None) -> Path | None:
    kind, _, path = (llm or "").partition(":")
    return Path(path) if kind == "replay" else None


def _of_recording(settings: Settings, space: SearchSpace, recording: Path) -> EvaluatorOfTrial:
    trials = range(1, settings.loop.trials + 1)
    evaluators = [
        recorded_evaluator(space, load_measurements(recording, space, trial), recording.name) for trial in trials
    ]
    return lambda trial, folder, on_epoch: evaluators[trial - 1]


def _trainers(settings: Settings, space: SearchSpace, common: TrainingJob, pool: Pool) -> EvaluatorOfTrial:
    """Train on a shared pool; each trial trains with a seed of its own."""

    def of_trial(trial: int, folder: Path, on_epoch: OnEpochOf) -> Evaluator:
        place = folder / "evaluations" / f"trial-{trial}"
        return training_evaluator(
            space,
            replace(common, seed=settings.loop.first_seed + trial - 1, folder=place),
            pool,
            queue=trial,
            deadline=settings.training.deadline,
            silence=settings.training.silence,
            on_epoch=on_epoch,
        )

    return of_trial
