"""Evaluation by a user's function, in a worker process. Loads the user's module, and torch only where that does."""

import os
import sys
from collections.abc import Callable
from typing import Any

from ..errors import GeniusError
from ..plugins import import_object
from ..spaces import get_space
from .evaluator import called
from .script_worker import do_script
from .scripts import FunctionJob
from .trial_object import Reports, Trial
from .yielding import finished


def do_function(job: FunctionJob) -> None:
    """Have a function evaluate its configuration, and write the measurement into the job's folder.

    Raises: GeniusError where the function cannot be imported; DiskFull.
    """
    if job.home.is_dir():
        os.chdir(job.home)
    function = import_object(job.function, "evaluator")
    if not callable(function):
        raise GeniusError(f"{job.function} is no function of a configuration")
    config = _config(job)
    _settle_torch(job)
    do_script(job, lambda reports: _evaluated(function, job, config, reports))


def _config(job: FunctionJob) -> dict[str, Any]:
    """Return the options by the names of the decisions; objects are those of the space itself."""
    return dict(job.config) if job.space is None else get_space(job.space).values(job.architecture)


def _evaluated(function: Callable[..., object], job: FunctionJob, config: dict[str, Any], reports: Reports) -> object:
    trial = Trial(config, job.architecture, job.seed, job.device, job.threads, job.memory_limit, reports)
    handed = config if job.by_value else job.architecture
    return finished(called(function, handed, trial), reports)


def _settle_torch(job: FunctionJob) -> None:
    """Have torch keep to the job's threads and memory, where the user's module has loaded it."""
    if (torch := sys.modules.get("torch")) is None:
        return
    torch.set_num_threads(job.threads)
    if job.memory_limit is not None and job.device.startswith("cuda"):
        whole = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, job.memory_limit / whole), 0)
