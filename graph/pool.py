"""The pool of workers of a search, and the job that its trainings share."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..errors import GeniusError
from ..evaluators.pools import Pool
from ..evaluators.ray_workers import RayWorkers
from ..evaluators.slurm_workers import SlurmWorkers
from ..evaluators.workers import LocalWorkers, Place, count_gpus, has_mps, places
from ..plugins import Plugins, signature_refusing
from ..printable import named, reason
from ..record.settings import Settings, TrainingSettings
from ..record.settings.training_settings import SLURM
from ..spaces.space import SearchSpace
from ..training.job import LearningJob
from ..training.recipes import RECIPES, override, scaled, task_of
from ..training.tasks import job_of, look_at


@dataclass(frozen=True)
class Workload:
    """The jobs of a search as far as its workers need to know them.

    `ahead` names the modules that a worker loads before it has a job, see `evaluators.worker`; `threads` is its
    number of CPU threads where the user names none, None for an even share.
    """

    ahead: str = ""
    threads: int | None = None


PLAIN = Workload()

OpenPool = Callable[[TrainingSettings, Workload], Pool]
"""Makes the pool that the settings ask for, not entered yet, for a workload."""

_SMALL = 16  # pixels a side; up to here, and on texts, the threads of a CPU wait for each other longer than they work


def common_job(settings: Settings, space: SearchSpace, downloads: Path) -> tuple[LearningJob, Workload]:
    """Return the data set, recipe and device of a search's trainings as a job without an architecture.

    Raises: GeniusError for an unknown data set or recipe, and for a data set that is not there.
    """
    asked = settings.training
    data, recipe = task_of(space, asked.data, asked.recipe)
    chosen = override(RECIPES.find(recipe), asked.recipe_changes)
    if asked.batch is not None:
        chosen, _ = scaled(chosen, asked.batch)
    look = look_at(space, data, chosen, downloads)
    job: LearningJob = job_of(space)(
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
        found=look.found,
    )
    small = space.context is not None or 0 < (chosen.size or look.size) <= _SMALL
    return job, Workload(job.kind, 1 if small else None)


def procedure_in_words(settings: Settings, space: SearchSpace) -> str:
    """Say of a search that trains how a value is measured."""
    _, recipe = task_of(space, settings.training.data, settings.training.recipe)
    epochs = override(RECIPES.find(recipe), settings.training.recipe_changes).epochs
    return f"that of a single training of {epochs} epoch{'s' * (epochs > 1)} with one seed"


def open_pool(asked: TrainingSettings, workload: Workload = PLAIN) -> Pool:
    """Return the pool that the settings name, not entered yet, for a workload.

    Raises: GeniusError.
    """
    if asked.device not in (None, "cpu", "cuda", "mps"):
        raise GeniusError(f"device is cpu, cuda or mps, got {asked.device!r}; CUDA_VISIBLE_DEVICES chooses among GPUs")
    return POOLS.find(asked.on)(asked, workload)


def _local(asked: TrainingSettings, workload: Workload) -> Pool:
    gpus = _gpus(asked, must_be_here=True)
    if asked.device == "mps" and not has_mps():
        raise GeniusError("PyTorch can use no Apple GPU on this machine, and --device is mps: take cpu")
    otherwise = "mps" if asked.device == "mps" else "cpu"
    return LocalWorkers(
        places(asked.workers, gpus=gpus, threads=asked.threads or workload.threads, otherwise=otherwise),
        ahead=workload.ahead,
    )


def _ray(asked: TrainingSettings, workload: Workload) -> Pool:
    if asked.device == "mps":
        raise GeniusError("Ray lends out CPUs and CUDA's GPUs alone: --device mps trains with --on local")
    gpus = _gpus(asked, must_be_here=asked.address is None)
    each = 1.0 if asked.device != "cpu" and (gpus or asked.device == "cuda") else 0.0
    return RayWorkers(asked.address, capacity=asked.workers, cpus=asked.threads or workload.threads or 1, gpus=each)


def _slurm(asked: TrainingSettings, workload: Workload) -> Pool:
    request = asked.slurm_request
    if asked.device == "mps":
        raise GeniusError("jobs on Slurm have CPUs and CUDA's GPUs alone: --device mps trains with --on local")
    device = asked.device or ("cuda" if request.has_gpu else "cpu")
    place = Place(device, request.threads or asked.threads or workload.threads or 1)
    return SlurmWorkers(request, capacity=asked.workers, place=place)


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

    def make(asked: TrainingSettings, workload: Workload) -> Pool:
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
    {"local": _local, "ray": _ray, SLURM: _slurm},
    _read,
    "a class or a function that makes a pool from the number of workers",
    arguments={"ray": "[:ADDRESS]"},
)
"""The pools that train, and the door for one's own."""
