"""Evaluators that have a pool of workers do a job for each architecture, such as a training. Does not load torch."""

from collections.abc import Callable
from dataclasses import replace

from ..errors import RunFailed
from ..record.files import sha256_of
from ..record.measurement import Measurement
from ..spaces.space import Architecture, SearchSpace
from ..training.job import Epoch, Job, LearningJob
from .evaluator import Evaluator
from .pools import Pool

_LONGEST = 100  # characters of option numbers in the name of a folder

OnEpochOf = Callable[[Architecture, Epoch], None]
"""Called with the architecture and the epoch whenever an epoch ends."""


def _unheard(architecture: Architecture, epoch: Epoch) -> None: ...


def pooled_evaluator(
    space: SearchSpace,
    job_of: Callable[[Architecture], Job],
    pool: Pool,
    *,
    queue: int = 0,
    deadline: float | None = None,
    silence: float | None = None,
    on_epoch: OnEpochOf = _unheard,
) -> Evaluator:
    """Make an evaluator that has a pool of workers do a job for every architecture.

    A finished job in its folder is not repeated, and an interrupted one continues. `queue`, `deadline` and `silence`
    are those of `Pool.train`. Cancelling an evaluation kills its job.

    The evaluator raises BadArchitecture, and RunFailed where the folder cannot be written.
    """

    async def evaluate(architecture: Architecture) -> Measurement:
        space.check(architecture)
        job = job_of(architecture)
        try:
            return await pool.train(
                job,
                queue=queue,
                deadline=deadline,
                silence=silence,
                on_epoch=lambda epoch: on_epoch(architecture, epoch),
            )
        except OSError as error:
            raise RunFailed(f"cannot write into {job.folder}: {error.strerror or error}") from error

    return evaluate


def training_evaluator(
    space: SearchSpace,
    common: LearningJob,
    pool: Pool,
    *,
    queue: int = 0,
    deadline: float | None = None,
    silence: float | None = None,
    on_epoch: OnEpochOf = _unheard,
) -> Evaluator:
    """Make an evaluator that has a pool of workers train every architecture, as `pooled_evaluator` does.

    `common` is the job that all trainings share but for the architecture; each training gets a folder of its own within
    the job's folder.
    """

    def job_of(architecture: Architecture) -> LearningJob:
        return replace(common, architecture=architecture, folder=common.folder / folder_name(architecture, common.seed))

    return pooled_evaluator(space, job_of, pool, queue=queue, deadline=deadline, silence=silence, on_epoch=on_epoch)


def folder_name(architecture: Architecture, seed: int) -> str:
    """Name the folder of an evaluation: the option numbers, with dashes where one has two digits, and the seed.

    Of too many numbers the first stand in the name, and a hash of them all.
    """
    apart = "-" if max(architecture) > 9 else ""
    numbers = apart.join(map(str, architecture))
    if len(numbers) > _LONGEST:
        numbers = f"{numbers[: _LONGEST // 2]}-{sha256_of(numbers.encode())[:16]}"
    return f"{numbers}-seed{seed}"
