"""The measures of a search: which there are, who measures them, and how they join an evaluator's measurements."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from inspect import isawaitable
from pathlib import Path
from typing import get_args

from ..errors import GeniusError, need_torch
from ..evaluators.evaluator import Evaluator
from ..evaluators.from_training import OnEpochOf, folder_name
from ..evaluators.measures import MEASURES, FinishedJob, Measure, NetworkJob, find_measures, sd_of
from ..evaluators.meter import DoJob, Meter, Weigh, in_workers
from ..evaluators.pools import Pool
from ..evaluators.workers import LocalWorkers, Place, count_gpus
from ..plugins import import_object
from ..record.goal import OF_COSTS, Goal
from ..record.measurement import Measurement
from ..record.settings import Settings
from ..spaces.disguise import Disguise
from ..spaces.objective import Better, Objective, get_objective
from ..spaces.space import Architecture, NoNetwork, SearchSpace
from ..training.data import find_data
from ..training.dataset import channels_taken
from ..training.recipes import RECIPES, override, task_of
from ..training.text import load_text


@dataclass(frozen=True)
class Series:
    """The evaluations of a trial: its first ones or, with a `repeat` from 1, those that confirm; all with one `seed`.

    Their files go into the run's `folder`, and `on_epoch` is told of epochs as they end.
    """

    trial: int
    seed: int
    folder: Path
    on_epoch: OnEpochOf
    repeat: int = 0

    @property
    def place(self) -> Path:
        """The folder of the trial's evaluations; each has one of its own in it, named after architecture and seed."""
        return self.folder / "evaluations" / f"trial-{self.trial}"


EvaluatorOf = Callable[[Series], Evaluator]
"""Makes the evaluator of a series."""

_AFTER = 3600.0  # seconds that the measures of a finished training may take


@dataclass(frozen=True)
class Measures:
    """The measures of a search by the names that they were asked for, and the meter of those of networks, if any."""

    by_name: Mapping[str, Measure]
    meter: Meter | None = None
    pool: Pool | None = None

    @property
    def after(self) -> list[str]:
        """The names of those that are measured after a training."""
        return [name for name, measure in self.by_name.items() if measure.after_training]


NO_MEASURES = Measures({})


def objective_of(named: str | Objective) -> tuple[Objective, str | None]:
    """Return the objective of a name, and the name of the measure that measures it, None where an evaluator does.

    A function that `MODULE:NAME` names is a measure. Raises: GeniusError.
    """
    if isinstance(named, str):
        if (measure := MEASURES.known(named)) is not None:
            return measure.objective, named
        own = ":" in named and named.rpartition(":")[2] not in get_args(Better)
        if own and not isinstance(found := import_object(named, "objective"), Objective) and callable(found):
            return MEASURES.take(found, named).objective, named
    objective = get_objective(named)
    known = MEASURES.get(objective.name)
    return objective, objective.name if known is not None and known.objective == objective else None


def names_of_measures(
    settings: Settings, asked: Sequence[str | None], limits: Collection[str], *, own: bool
) -> tuple[str, ...]:
    """Return the names of the measures of a search: those of its settings, of objectives, and of limits.

    Where the evaluator is one's `own`, it tells latency and memory, unless `--measure` names them.
    """
    implied = [name for name in (*filter(None, asked), *limits) if name in MEASURES or ":" in name]
    found = [name for name in implied if not (own and name in MEASURES)]
    return tuple(dict.fromkeys([*settings.measures.names, *found]))


def choose_evaluator(settings: Settings, goal: Goal, measures: Collection[str], *, given: bool) -> str | None:
    """Return the name of the evaluator of a new search: the named one, or the one that trains nothing where that does.

    None leaves it to the space and the options, and to an object that is `given`.
    """
    named = (settings.evaluator, settings.command, settings.training.table)
    if given or settings.trains or any(named) or not _needs_no_training(goal, measures):
        return settings.evaluator
    return "measure"


def _needs_no_training(goal: Goal, names: Collection[str]) -> bool:
    """Tell whether all objectives of a goal are measured of networks, or are costs."""
    of_networks = {measure.name for measure in find_measures(names).values() if not measure.after_training}
    return goal.objective.name in of_networks and not {*goal.others} - of_networks - {*OF_COSTS}


@asynccontextmanager
async def open_measures(settings: Settings, space: SearchSpace, downloads: Path) -> AsyncIterator[Measures]:
    """Open the meter of a search's networks: a worker of this machine, or a thread for a space from Python.

    Raises: GeniusError for a space without a network, and a device that is not there.
    """
    found = find_measures(settings.measures.names)
    names = tuple(name for name, measure in found.items() if not measure.after_training)
    if not found:
        yield NO_MEASURES
        return
    if names and space.build is None:
        raise NoNetwork(space)
    if names:
        need_torch("a measure of a network")
    asked = settings.measures
    if asked.on_device == "cuda" and names and not await asyncio.to_thread(count_gpus):
        raise GeniusError("there is no GPU that PyTorch can use on this machine, and --on-device is cuda")
    own = "space" in settings.run.custom  # which no worker could import
    ahead = None if own else "network"
    async with LocalWorkers([Place(asked.on_device, asked.threads)], tries=1, ahead=ahead) as pool:
        if not names:
            yield Measures(found, pool=pool)
            return
        common = await asyncio.to_thread(_common_job, settings, space, names, downloads)
        do = _in_threads(space) if own else in_workers(pool)
        yield Measures(found, Meter(common, do), pool)


def _common_job(settings: Settings, space: SearchSpace, names: tuple[str, ...], downloads: Path) -> NetworkJob:
    """Return the common part of all network jobs; networks are built for the data set that is named, if one is."""
    asked, classes, size, channels = settings.measures, None, None, None
    if settings.trains and settings.training.data:
        data, recipe = task_of(space, settings.training.data, settings.training.recipe)
        if space.context is not None:
            classes = load_text(data, space.shape[0]).vocabulary
        else:
            images = find_data(data, downloads).taken_as(channels_taken(space))
            classes, channels = images.classes, images.channels
            size = override(RECIPES.find(recipe), settings.training.recipe_changes).size or images.size or None
    return NetworkJob(
        folder=Path(),
        space=settings.space,
        architecture=(),
        seed=settings.loop.first_seed,
        measures=names,
        device=asked.on_device,
        threads=asked.threads,
        batch=asked.batch,
        runtime=asked.runtime,
        seconds=asked.seconds,
        classes=classes,
        size=size,
        channels=channels,
    )


def _in_threads(space: SearchSpace) -> DoJob:
    """Have network jobs of a space that no worker could import done in a thread of this process."""

    async def do(job: NetworkJob) -> Measurement:
        from ..evaluators.on_network import measure_network

        return await asyncio.to_thread(measure_network, space, job)

    return do


def of_meter(meter: Meter, goal: Goal) -> EvaluatorOf:
    """Make an evaluator of goals that need no training: the first objective is a reading of the meter."""

    async def evaluate(architecture: Architecture) -> Measurement:
        return _steered(await meter(architecture), {}, goal, None)

    return _keeping(meter, lambda series: evaluate)


def _keeping(meter: Meter | None, evaluator: EvaluatorOf) -> EvaluatorOf:
    """Have a meter keep its readings in the folder that an evaluator writes into."""

    def of_series(series: Series) -> Evaluator:
        if meter is not None:
            meter.keep_in(series.folder)
        return evaluator(series)

    return of_series


def _steered(measurement: Measurement, found: Mapping[str, float], goal: Goal, told: Objective | None) -> Measurement:
    """Add metrics to a measurement; where the first objective is among them, it is the value, and the old one a metric.

    `told` is the objective of the evaluator.
    """
    if measurement.value is None:
        return measurement
    metrics = {**measurement.metrics, **found}
    first = goal.objective.name
    if first not in metrics or (told is not None and told.name == first):
        return replace(measurement, metrics=metrics)
    old = {told.name: measurement.value} if told else {}
    device, seconds = measurement.device, measurement.seconds
    return Measurement(
        metrics[first], sd=metrics.get(sd_of(first)), metrics={**metrics, **old}, device=device, seconds=seconds
    )


def weigh_shown(weigh: Weigh, disguise: Disguise) -> Weigh:
    """Measure the original of a disguised architecture."""
    return lambda architecture: weigh(disguise.reveal(architecture))


def with_measures(
    evaluator: EvaluatorOf, measures: Measures, settings: Settings, told: Objective, *, here: bool
) -> EvaluatorOf:
    """Make an evaluator whose measurements tell all measures of a search too.

    `told` is the objective of the evaluator itself. Evaluations that run `here`, on this machine, wait while a network
    is measured.
    """

    def of_series(series: Series) -> Evaluator:
        evaluate, after = evaluator(series), _after(measures, series)

        async def evaluate_and_measure(architecture: Architecture) -> Measurement:
            measurement = await _evaluated(evaluate, architecture, measures.meter if here else None)
            for measure in (measures.meter, after):
                if measure is not None and measurement.value is not None:
                    found = await measure(architecture)
                    if found.error is not None:
                        return replace(found, seconds=measurement.seconds)
                    measurement = _steered(measurement, found.metrics, settings.goal, told)
            return measurement

        return evaluate_and_measure

    return _keeping(measures.meter, of_series) if measures.by_name else evaluator


async def _evaluated(evaluate: Evaluator, architecture: Architecture, beside: Meter | None) -> Measurement:
    """Evaluate, and keep apart from the measurements of a meter that works on the same machine."""
    async with nullcontext() if beside is None else beside.quiet.evaluation():
        returned = evaluate(architecture)
        return Measurement.of(await returned if isawaitable(returned) else returned)


def _after(measures: Measures, series: Series) -> Weigh | None:
    """Measure the folders of finished trainings; None where nothing is measured of them."""
    pool, names = measures.pool, tuple(measures.after)
    if pool is None or not names:
        return None

    async def measure(architecture: Architecture) -> Measurement:
        trained = series.place / folder_name(architecture, series.seed)
        if not trained.is_dir():
            return Measurement(error=f"{names[0]} is measured of a training's folder, and this evaluator leaves none")
        job = FinishedJob(folder=series.place / f"{trained.name}-measures", measures=names, trained=trained.absolute())
        return await pool.train(job, deadline=_AFTER)

    return measure
