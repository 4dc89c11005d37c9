"""The evaluator that trains each architecture, in a process of its own. Does not load torch."""

from collections.abc import Callable
from dataclasses import replace

from ..errors import RunFailed
from ..record.measurement import Measurement
from ..spaces.space import Architecture, SearchSpace
from ..training.job import Epoch, TrainingJob
from .evaluator import Evaluator
from .pools import Pool

OnEpochOf = Callable[[Architecture, Epoch], None]
"""Called with the architecture and the epoch whenever an epoch ends."""


def _unheard(architecture: Architecture, epoch: Epoch) -> None: ...


def training_evaluator(
    space: SearchSpace,
    common: TrainingJob,
    pool: Pool,
    *,
    queue: int = 0,
    deadline: float | None = None,
    silence: float | None = None,
    on_epoch: OnEpochOf = _unheard,
) -> Evaluator:
    """Make an evaluator that has a pool of workers train every architecture.

    `common` is the job that all trainings share but for the architecture; each training gets a folder of its own within
    the job's folder. A finished training there is not repeated, and an interrupted one continues. `queue`, `deadline`
    and `silence` are those of `Pool.train`. Cancelling an evaluation kills its training.

    The evaluator raises BadArchitecture, and RunFailed where the folder cannot be written.
    """

    async def evaluate(architecture: Architecture) -> Measurement:
        space.check(architecture)
        job = replace(common, architecture=architecture, folder=common.folder / folder_name(architecture, common.seed))
        try:
            return await pool.train(
                job,
                queue=queue,
                deadline=deadline,
                silence=silence,
                on_epoch=lambda epoch: on_epoch(architecture, epoch),
            )
        except OSError as error:
            raise RunFailed(f"cannot train in {job.folder}: {error.strerror or error}") from error

    return evaluate


def folder_name(architecture: Architecture, seed: int) -> str:
    """Name the folder of a training: the option numbers, with dashes where one has two digits, and the seed."""
    apart = "-" if max(architecture) > 9 else ""
    return f"{apart.join(map(str, architecture))}-seed{seed}"
