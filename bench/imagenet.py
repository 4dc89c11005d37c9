"""The paper's Table 2 made again: a search on ImageNet, and its best architecture trained to the end."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from typing import Unpack

from ..evaluators.from_training import folder_name
from ..graph.pool import common_job, open_pool
from ..graph.progress import Progress, ignore
from ..graph.run_folder import held_folder
from ..record.measurement import Measurement
from ..record.result import SearchResult
from ..record.settings import Options, Settings, by_path, read_set
from ..schema import CLOSED, Name, Text
from ..spaces import full_name, get_space
from ..spaces.cost import Cost
from ..spaces.space import Architecture
from ..tables.fetch import downloads_folder
from ..training.job import Epoch, LearningJob
from ..training.recipes import RECIPE_FIELDS, task_of
from .kept_plan import KeptPlan, checked_search, kept_search
from .plan import writing

SEARCH, RETRAINED = "search", "retrained"
_SPACE = "mobile-imagenet"


@dataclass(frozen=True)
class ImagenetPlan(KeptPlan):
    """The plan of a search and of the training of its best by `final_recipe` with `final_changes`.

    `digest` is that of the split of the images.
    """

    __pydantic_config__ = CLOSED
    noun = "search on ImageNet"

    settings: Settings
    final_recipe: Name
    final_changes: tuple[Name, ...]
    digest: Text = ""

    def at_full(self) -> Settings:
        """Return the settings of the final training."""
        changes = {"training.recipe": self.final_recipe, "training.recipe_changes": self.final_changes}
        return self.settings.changed({**changes, "training.batch": None})


@dataclass(frozen=True)
class ImagenetResult:
    """The search, its best architecture with its costs, and the measurement of its final training.

    The last three are None where nothing was measured. `notes` are sentences on the images.
    """

    plan: ImagenetPlan
    folder: Path
    search: SearchResult
    architecture: Architecture | None
    cost: Cost | None
    retrained: Measurement | None
    notes: Sequence[str]


def plan_imagenet(
    *,
    space: str = _SPACE,
    final_recipe: str | None = None,
    final_set: Sequence[str] = (),
    set: Sequence[str] = (),
    **options: Unpack[Options],
) -> ImagenetPlan:
    """Plan the paper's search and final training; FLOPs are counted as the paper does, by thop, unless told otherwise.

    Raises: GeniusError.
    """
    found = get_space(space)
    base = {"space": full_name(space), "limits.convention": "thop", "evaluator": "train"} | by_path(options)
    named = Settings().changed(base)
    settings = named.changed(read_set(set, named, RECIPE_FIELDS))
    data, recipe = task_of(found, settings.training.data, settings.training.recipe)
    _, full = task_of(found, data, final_recipe, final=True)
    settings = settings.changed({"training.data": data, "training.recipe": recipe})
    return ImagenetPlan(checked_search(settings), full, tuple(final_set))


def default_folder(plan: ImagenetPlan) -> Path:
    """Return the folder of a plan where none is named: the same call goes on there."""
    _, most = plan.settings.limits.ranges.flops
    return Path("runs") / f"paper-imagenet{f'-{most / 1e6:.0f}M' if most < inf else ''}"


async def imagenet(
    plan: ImagenetPlan,
    out: Path | str,
    *,
    say: Callable[[str], None] = lambda sentence: None,
    progress: Callable[[Progress], None] = ignore,
) -> ImagenetResult:
    """Search, and train the best to the end; each goes on where it was cut off.

    Raises: GeniusError for a folder that holds something else, and for what cannot be trained; RunFailed.
    """
    folder, settings = Path(out), plan.settings
    space = await asyncio.to_thread(get_space, settings.space)
    downloads = downloads_folder(Path(settings.downloads) if settings.downloads else None)
    # both recipes are read now, so that a wrong one is told before the search and not after it
    job, workload = await asyncio.to_thread(common_job, plan.at_full(), space, downloads)
    await asyncio.to_thread(common_job, settings, space, downloads)
    plan = replace(plan, digest=job.found.digest if job.found else "")
    await asyncio.to_thread(plan.check_same, folder)
    with writing(folder):
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    async with held_folder(folder):
        await asyncio.to_thread(plan.save, folder)
        async with await asyncio.to_thread(open_pool, settings.training, workload) as pool:
            result = await kept_search(folder / SEARCH, settings, progress, pool)
            best = result.best.architecture if result.best else None
            notes = job.found.notes if job.found else ()
            if best is None:
                return ImagenetResult(plan, folder, result, None, None, None, notes)
            final = _final(job, best, settings.loop.first_seed, folder)
            say(f"best: {list(best)}; now {final.recipe.epochs} epochs of {final.recipe.name} in {final.folder}")
            asked = settings.training
            trained = await pool.train(
                final, silence=asked.silence, on_epoch=lambda epoch: say(_epoch(epoch, final.recipe.epochs))
            )
    return ImagenetResult(plan, folder, result, best, space.cost_of(best), trained, notes)


def _final(common: LearningJob, best: Architecture, seed: int, folder: Path) -> LearningJob:
    """Return the job of the final training, which leaves its weights."""
    place = folder / RETRAINED / folder_name(best, seed)
    return replace(common, architecture=best, seed=seed, folder=place, keep_weights=True)


def _epoch(epoch: Epoch, epochs: int) -> str:
    accuracy = f", {epoch.value:.2f}%" if epoch.value is not None else ""
    loss = f"loss {epoch.loss:.4f}" if epoch.loss is not None else "done"
    return f"epoch {epoch.epoch}/{epochs}: {loss}{accuracy}"
