"""Processes that train one network together, each with a device of its own, as torchrun starts them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

import torch
from torch import distributed

from .batches import ALONE, Rank
from .job import LearningJob

_Job = TypeVar("_Job", bound=LearningJob)


@contextmanager
def joined(job: _Job) -> Iterator[tuple[_Job, Rank]]:
    """Join the processes that torchrun started; yield the job on this process's device, and the process's rank.

    A process with number n takes GPU n. All share the recipe's batch. Without torchrun the process trains alone.
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield job, ALONE
        return
    gpus = job.device.startswith("cuda")
    if gpus:
        job = replace(job, device=f"cuda:{os.environ['LOCAL_RANK']}")
        torch.cuda.set_device(job.device)
    distributed.init_process_group("nccl" if gpus else "gloo")
    try:
        yield job, Rank(int(os.environ["RANK"]), world)
    finally:
        distributed.destroy_process_group()
