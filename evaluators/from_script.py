"""The evaluators of a user's own function or command: in worker processes of a pool, or in this process."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from ..record.measurement import Measurement
from ..spaces.space import Architecture, SearchSpace
from .evaluator import Evaluator
from .from_training import OnEpochOf, folder_name, pooled_evaluator
from .in_process import evaluated_here
from .pools import Pool
from .scripts import FunctionJob, ScriptJob
from .watch import TimeLimits

_Script = TypeVar("_Script", bound=ScriptJob)


def script_evaluator(
    space: SearchSpace,
    common: ScriptJob,
    pool: Pool,
    *,
    queue: int,
    limits: TimeLimits,
    on_epoch: OnEpochOf,
) -> Evaluator:
    """Make an evaluator that has a pool of workers evaluate by a function or a command: see `pooled_evaluator`.

    `common` is the job that all evaluations share but for the architecture; each gets a folder of its own within the
    job's folder.
    """
    return pooled_evaluator(
        space,
        lambda architecture: _of_architecture(common, space, architecture),
        pool,
        queue=queue,
        deadline=limits.deadline,
        silence=limits.silence,
        on_epoch=on_epoch,
    )


def here_evaluator(
    function: Callable[..., object],
    space: SearchSpace,
    common: FunctionJob,
    *,
    limits: TimeLimits,
    on_epoch: OnEpochOf,
) -> Evaluator:
    """Make an evaluator that has a function evaluate in this process: see `evaluated_here`."""

    async def evaluate(architecture: Architecture) -> Measurement:
        job, config = _of_architecture(common, space, architecture), space.values(architecture)
        return await evaluated_here(function, job, config, limits, lambda epoch: on_epoch(architecture, epoch))

    return evaluate


def _of_architecture(common: _Script, space: SearchSpace, architecture: Architecture) -> _Script:
    """Return the job of an architecture."""
    config = space.plain_values(architecture)
    folder = common.folder / folder_name(architecture, common.seed)
    hidden = tuple(decision.name for decision in space.decisions if decision.name not in config)
    return replace(common, folder=folder, architecture=architecture, config=config, hidden=hidden)
