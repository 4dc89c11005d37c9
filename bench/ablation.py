"""An ablation of fidelities: a search at each, its best trained to the end, and how well each orders architectures."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import numpy as np

from ..errors import GeniusError
from ..evaluators.kept_trainings import KeptTrainings
from ..graph.pool import Workload, common_job, open_pool
from ..graph.progress import Progress, ignore
from ..graph.run_folder import held_folder
from ..record.confirmation import seed_of
from ..record.measurement import Measurement
from ..record.result import SearchResult
from ..record.settings import Options, Settings, by_path, read_set
from ..spaces import full_name, get_space
from ..spaces.region import Region
from ..spaces.space import Architecture, SearchSpace
from ..tables.fetch import downloads_folder
from ..tables.published import BadTable, load_table
from ..training.job import LearningJob
from ..training.recipes import RECIPE_FIELDS
from .ablation_plan import AblationPlan, Fidelity, make_plan
from .kept_plan import kept_search
from .plan import writing
from .study import Study, even_over_flops

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Say = Callable[[str], None]
"""Told of each step in a sentence."""

SEARCHES, TRAININGS = "searches", "trainings"


@dataclass(frozen=True)
class Searched:
    """The search at a fidelity, and the training of its best at full fidelity; None where nothing was measured."""

    fidelity: Fidelity
    result: SearchResult
    retrained: Measurement | None

    @property
    def architecture(self) -> Architecture | None:
        """The best architecture of the search."""
        return self.result.best.architecture if self.result.best else None

    @property
    def seconds(self) -> float:
        """The device-seconds of the search as if it had shared no training with another one."""
        return sum(self.result.device_seconds().values())


@dataclass(frozen=True)
class Ablation:
    """The result of an ablation. `searched` follows the plan's fidelities; it is empty where no searches were made.

    `spent` are the seconds that all trainings held each kind of device, every training counted once. `notes` are
    sentences on the data.
    """

    plan: AblationPlan
    folder: Path
    searched: Sequence[Searched]
    study: Study | None
    spent: Mapping[str, float]
    notes: Sequence[str]


def new_ablation_folder() -> Path:
    """Name a folder for an ablation, by the time."""
    return Path("runs") / f"ablation-{time.strftime('%Y%m%d-%H%M%S')}"


def plan_ablation(
    space: str,
    *,
    epochs: Sequence[int] = (),
    sizes: Sequence[int] = (),
    evaluations: int = 10,
    architectures: int = 0,
    seeds: int = 1,
    final_recipe: str | None = None,
    final_set: Sequence[str] = (),
    set: Sequence[str] = (),
    **options: Unpack[Options],
) -> AblationPlan:
    """Plan an ablation from its arguments, those of `ablation`.

    Raises: GeniusError.
    """
    named = Settings().changed(by_path(options) | {"space": full_name(space)})
    settings = named.changed(read_set(set, named, RECIPE_FIELDS))
    numbers = {"evaluations": evaluations, "architectures": architectures, "seeds": seeds}
    for name, number in numbers.items():
        if number < (name == "seeds"):
            raise GeniusError(f"--{name} must be at least {int(name == 'seeds')}, got {number}")
    return make_plan(
        get_space(space), settings, (epochs, sizes), (final_recipe, final_set), (evaluations, architectures, seeds)
    )


async def ablation(
    plan: AblationPlan,
    *,
    out: Path | str | None = None,
    say: Say = lambda sentence: None,
    progress: Callable[[Progress], None] = ignore,
) -> Ablation:
    """Make an ablation, or go on with the one in a folder, and return its result.

    Trainings lie in `trainings/` of the folder, each known by all that decides its outcome, and searches, retrainings
    and the study of correlations share them. So none is made twice, whoever asks for it and however often it goes on.

    Raises: GeniusError for a folder that holds something else, and for what cannot be trained; RunFailed.
    """
    folder = new_ablation_folder() if out is None else Path(out)
    space, downloads = await asyncio.to_thread(_found, plan)
    jobs = await asyncio.to_thread(_Jobs.of, plan, space, downloads)
    plan = replace(plan, digest=jobs.digest)
    await asyncio.to_thread(plan.check_same, folder)
    with writing(folder):
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    async with held_folder(folder):
        await asyncio.to_thread(plan.save, folder)
        async with _pool(plan, jobs.workload, folder) as pool:
            making = _Making(plan, space, folder, jobs, pool, say, progress)
            searched = [await making.searched(each) for each in plan.fidelities] if plan.evaluations else []
            study = await making.study(downloads) if plan.architectures else None
            spent = await asyncio.to_thread(pool.seconds)
    notes = jobs.full.found.notes if jobs.full.found else ()
    return Ablation(plan, folder, searched, study, spent, notes)


def _found(plan: AblationPlan) -> tuple[SearchSpace, Path]:
    named = plan.settings.downloads
    return get_space(plan.settings.space), downloads_folder(Path(named) if named else None)


@asynccontextmanager
async def _pool(plan: AblationPlan, workload: Workload, folder: Path) -> "AsyncIterator[KeptTrainings]":
    async with await asyncio.to_thread(open_pool, plan.settings.training, workload) as pool:
        yield KeptTrainings(pool, folder / TRAININGS)


@dataclass(frozen=True)
class _Jobs:
    """The jobs of a plan's fidelities, and of the full one, without an architecture."""

    at: dict[Fidelity, LearningJob]
    full: LearningJob
    workload: Workload

    @classmethod
    def of(cls, plan: AblationPlan, space: SearchSpace, downloads: Path) -> "_Jobs":
        """Make the jobs of a plan.

        Raises: GeniusError for a recipe or a data set that is not there.
        """
        full, workload = common_job(plan.at_full(), space, downloads)
        return cls({each: common_job(plan.at(each), space, downloads)[0] for each in plan.fidelities}, full, workload)

    @property
    def digest(self) -> str:
        """The digest of the images' split."""
        return self.full.found.digest if self.full.found else ""


@dataclass(frozen=True)
class _Making:
    """An ablation while it is made."""

    plan: AblationPlan
    space: SearchSpace
    folder: Path
    jobs: _Jobs
    pool: KeptTrainings
    say: Say
    progress: Callable[[Progress], None]

    async def searched(self, fidelity: Fidelity) -> Searched:
        """Search at a fidelity, and train the best at full fidelity."""
        self.say(f"search with {fidelity.words}")
        result = await self._search(fidelity)
        best = result.best.architecture if result.best else None
        if best is None:
            self.say(f"search with {fidelity.words}: nothing was measured")
            return Searched(fidelity, result, None)
        retrained = await self._train(self.jobs.full, best, self._seed(0))
        self.say(f"best with {fidelity.words}: {list(best)}, at full fidelity {_outcome(retrained)}")
        return Searched(fidelity, result, retrained)

    async def _search(self, fidelity: Fidelity) -> SearchResult:
        run = self.folder / SEARCHES / fidelity.name
        return await kept_search(run, self.plan.at(fidelity), self.progress, self.pool)

    def _seed(self, repeat: int) -> int:
        return seed_of(self.plan.settings.loop.first_seed, 1, repeat)

    async def _train(self, common: LearningJob, architecture: Architecture, seed: int) -> Measurement:
        job, asked = replace(common, architecture=architecture, seed=seed), self.plan.settings.training
        return await self.pool.train(job, deadline=asked.deadline, silence=asked.silence)

    async def study(self, downloads: Path) -> Study:
        """Train a fixed set of architectures at every fidelity, with every seed."""
        region = Region(self.space, self.plan.settings.limits.ranges)
        rng = np.random.default_rng((self.plan.settings.loop.first_seed, 1))
        chosen = await asyncio.to_thread(even_over_flops, region, self.plan.architectures, rng)
        levels = self._levels()
        tasks = {
            (name, repeat, architecture): (job, architecture, self._seed(repeat))
            for repeat in range(self.plan.seeds)
            for name, job in levels.items()
            for architecture in chosen
        }
        self.say(f"{len(chosen)} architectures at {len(levels)} fidelities, seeds: {self.plan.seeds}")
        found: dict[tuple[str, int, Architecture], Measurement] = {}

        async def train(key: tuple[str, int, Architecture]) -> None:
            found[key] = await self._train(*tasks[key])
            self.say(f"{len(found)}/{len(tasks)}: {list(key[2])} with {key[0]}, {_outcome(found[key])}")

        try:
            async with asyncio.TaskGroup() as together:
                for key in tasks:
                    together.create_task(train(key))
        except ExceptionGroup as raised:
            raise raised.exceptions[0] from None  # the first ended the others
        return Study.of(self.space, chosen, list(levels), found, await self._published(chosen, downloads))

    def _levels(self) -> dict[str, LearningJob]:
        """Return the job of each fidelity by its name, the full one last; one that is the full one is named so."""
        full, jobs = self.jobs.full, self.jobs.at
        same = [each.words for each, job in jobs.items() if job.recipe == full.recipe]
        cheap = {each.words: job for each, job in jobs.items() if job.recipe != full.recipe}
        return cheap | {f"full fidelity{''.join(f', {words}' for words in same)}": full}

    async def _published(self, chosen: Sequence[Architecture], downloads: Path) -> Sequence[float] | str:
        """Return the values of the space's published table, or why there are none."""
        if self.space.table is None:
            return ""
        try:
            table = await asyncio.to_thread(load_table, self.space, downloads)
        except BadTable as error:
            return str(error)
        return [table.objective.utility(table.measure(each).value or 0.0) for each in chosen]


def _outcome(measurement: Measurement) -> str:
    if measurement.value is None:
        return f"failed: {measurement.error}"
    test = f", test {measurement.test_value:.2f}%" if measurement.test_value is not None else ""
    return f"{measurement.value:.2f}%{test}, {measurement.seconds:.1f} s"
