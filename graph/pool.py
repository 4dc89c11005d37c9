"""The pool of workers of a search, and the job that its trainings share."""

from pathlib import Path

from ..errors import GeniusError
from ..evaluators.ray_workers import RayWorkers
from ..evaluators.workers import LocalWorkers, Workers, count_gpus, has_mps, places
from ..record.settings import Settings
from ..training.data import find_data
from ..training.job import Job
from ..training.recipes import get_recipe, override, scaled, task_of


def common_job(settings: Settings, downloads: Path) -> tuple[Job, tuple[str, ...]]:
    """Say on what, how and where a search's architectures are trained; the architecture itself is not named yet.

    The second value tells what was found in an image folder.
    Raises: GeniusError for an unknown data set or recipe, and for a data set that is not there.
    """
    own = ("", "") if settings.train_on and settings.recipe else task_of(settings.space)
    data, recipe = settings.train_on or own[0], settings.recipe or own[1]
    split = find_data(data, downloads).split()
    chosen = override(get_recipe(recipe), settings.recipe_changes)
    if settings.batch is not None:
        chosen, _ = scaled(chosen, settings.batch)
    job = Job(
        space=settings.space,
        architecture=(),
        seed=settings.seed,
        data=data,
        recipe=chosen,
        folder=Path(),
        downloads=downloads.absolute(),
        memory_limit=settings.memory_limit,
        found=split.found if split else None,
    )
    return job, split.notes if split else ()


def open_workers(settings: Settings, data: str) -> Workers:
    """Return the pool that the settings name, not entered yet, to train on a data set.

    Raises: GeniusError.
    """
    # with images of 8×8 pixels threads wait for each other longer than they work
    threads = settings.threads or (1 if data == "digits" else None)
    gpus = 0 if settings.device in ("cpu", "mps") else count_gpus()
    _check_device(settings, gpus)
    if settings.on == "local":
        otherwise = "mps" if settings.device == "mps" else "cpu"
        return LocalWorkers(places(settings.workers, gpus=gpus, threads=threads, otherwise=otherwise))
    address = settings.on.partition(":")[2] or None
    each = 1.0 if settings.device != "cpu" and (gpus or settings.device == "cuda") else 0.0
    return RayWorkers(address, capacity=settings.workers, cpus=threads or 1, gpus=each)


def _check_device(settings: Settings, gpus: int) -> None:
    """Raises GeniusError for a device that is none, or that this machine does not have."""
    device = settings.device
    if device not in (None, "cpu", "cuda", "mps"):
        raise GeniusError(f"device is cpu, cuda or mps, got {device!r}; CUDA_VISIBLE_DEVICES chooses among GPUs")
    if device == "cuda" and not gpus and settings.on in ("local", "ray"):
        raise GeniusError("there is no GPU that PyTorch can use on this machine, and --device is cuda")
    if device == "mps" and settings.on != "local":
        raise GeniusError("Ray lends out CPUs and CUDA's GPUs alone: --device mps trains with --on local")
    if device == "mps" and not has_mps():
        raise GeniusError("PyTorch can use no Apple GPU on this machine, and --device is mps: take cpu")
