"""The pool of workers of a search, and the job that its trainings share."""

from collections.abc import Callable
from pathlib import Path

from ..errors import GeniusError
from ..evaluators.pools import Pool
from ..evaluators.ray_workers import RayWorkers
from ..evaluators.workers import LocalWorkers, count_gpus, has_mps, places
from ..plugins import Plugins, signature_refusing
from ..printable import named, reason
from ..record.settings import Settings, TrainingSettings
from ..spaces.space import SearchSpace
from ..training.data import find_data
from ..training.job import Job
from ..training.recipes import RECIPES, override, scaled, task_of

OpenPool = Callable[[TrainingSettings, int], Pool]
"""Makes the pool that the settings ask for, not entered yet, for images of so many pixels a side, 0 where unknown."""

_SMALL = 16  # pixels a side; up to here the threads of a CPU wait for each other longer than they work


def common_job(settings: Settings, space: SearchSpace, downloads: Path) -> tuple[Job, int]:
    """Say on what, how and where a search's architectures are trained; the architecture itself is not named yet.

    The second value is the pixels of a side of the images as they are trained on, 0 where they are not known.
    Raises: GeniusError for an unknown data set or recipe, and for a data set that is not there.
    """
    asked = settings.training
    data, recipe = task_of(space, asked.data, asked.recipe)
    images = find_data(data, downloads)
    chosen = override(RECIPES.find(recipe), asked.recipe_changes)
    if asked.batch is not None:
        chosen, _ = scaled(chosen, asked.batch)
    job = Job(
        space=settings.space,
        architecture=(),
        seed=settings.loop.first_seed,
        data=data,
        recipe=chosen,
        folder=Path(),
        downloads=downloads.absolute(),
        device=asked.device or "cpu",
        threads=asked.threads or 1,
        memory_limit=asked.memory_limit,
        found=images.found(),
    )
    return job, chosen.size or images.size


def open_pool(asked: TrainingSettings, size: int = 0) -> Pool:
    """Return the pool that the settings name, not entered yet, for images of so many pixels a side, 0 where unknown.

    Raises: GeniusError.
    """
    if asked.device not in (None, "cpu", "cuda", "mps"):
        raise GeniusError(f"device is cpu, cuda or mps, got {asked.device!r}; CUDA_VISIBLE_DEVICES chooses among GPUs")
    return POOLS.find(asked.on)(asked, size)


def _local(asked: TrainingSettings, size: int) -> Pool:
    gpus = _gpus(asked, must_be_here=True)
    if asked.device == "mps" and not has_mps():
        raise GeniusError("PyTorch can use no Apple GPU on this machine, and --device is mps: take cpu")
    otherwise = "mps" if asked.device == "mps" else "cpu"
    return LocalWorkers(places(asked.workers, gpus=gpus, threads=_threads(asked, size), otherwise=otherwise))


def _ray(asked: TrainingSettings, size: int) -> Pool:
    if asked.device == "mps":
        raise GeniusError("Ray lends out CPUs and CUDA's GPUs alone: --device mps trains with --on local")
    gpus = _gpus(asked, must_be_here=asked.address is None)
    each = 1.0 if asked.device != "cpu" and (gpus or asked.device == "cuda") else 0.0
    return RayWorkers(asked.address, capacity=asked.workers, cpus=_threads(asked, size) or 1, gpus=each)


def _threads(asked: TrainingSettings, size: int) -> int | None:
    return asked.threads or (1 if 0 < size <= _SMALL else None)


def _gpus(asked: TrainingSettings, *, must_be_here: bool) -> int:
    """Raises GeniusError where GPUs are asked for that must be here, and there is none."""
    gpus = 0 if asked.device in ("cpu", "mps") else count_gpus()
    if asked.device == "cuda" and not gpus and must_be_here:
        raise GeniusError("there is no GPU that PyTorch can use on this machine, and --device is cuda")
    return gpus


def _read(value: object) -> OpenPool | None:
    """Take a class, or a function, that makes a pool from the number of workers."""
    if not callable(value) or signature_refusing(value, 1):
        return None

    def make(asked: TrainingSettings, size: int) -> Pool:
        try:
            pool = value(asked.workers)
        except Exception as error:
            raise GeniusError(f"{asked.on} cannot make a pool of {asked.workers}: {reason(error)}") from error
        if not isinstance(pool, Pool):
            raise GeniusError(f"{asked.on} makes no pool: see genius.Pool, got {named(pool)}")
        return pool

    return make


POOLS: Plugins[OpenPool] = Plugins(
    "pool",
    {"local": _local, "ray": _ray},
    _read,
    "a class or a function that makes a pool from the number of workers",
    arguments={"ray": "[:ADDRESS]"},
)
"""The pools that train, and the door for one's own."""
