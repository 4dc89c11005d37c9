"""Trainings that several searches share: each is done once. Does not load torch."""

import asyncio
import json
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Self

from ..record.files import sha256_of
from ..record.measurement import Measurement
from ..training.job import Job, JobFiles, LearningJob, OnEpoch, unheard
from .from_training import folder_name
from .pools import Pool, read_measurement

_DIGITS = 16  # of a hash, in the name of a folder


class KeptTrainings:
    """A pool that does every training in a folder of its own among those of `folder`, and so does none of them twice.

    A training is known by all that decides its outcome: space, architecture, seed, recipe, data set and split. Of two
    jobs for the same one, the second waits for the first. Other kinds of jobs are done where they say. The `pool` that
    does the work is open already, and is not closed here.
    """

    def __init__(self, pool: Pool, folder: Path) -> None:
        self._pool, self._folder = pool, folder
        self._locks: defaultdict[Path, asyncio.Lock] = defaultdict(asyncio.Lock)

    @property
    def capacity(self) -> int:
        """How many trainings run at once."""
        return self._pool.capacity

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None: ...

    def place(self, job: LearningJob) -> Path:
        """Return the folder of a training."""
        known = json.dumps([job.identity, job.found.digest if job.found else ""])
        return self._folder / f"{folder_name(job.architecture, job.seed)}-{sha256_of(known.encode())[:_DIGITS]}"

    def seconds(self) -> dict[str, float]:
        """Return for how many seconds each kind of device was held by the kept trainings that came to an answer."""
        held: defaultdict[str, float] = defaultdict(float)
        for place in self._folder.iterdir() if self._folder.is_dir() else ():
            if (found := read_measurement(JobFiles(place).answer)) is not None:
                held[found.device or ""] += found.seconds
        return dict(held)

    async def train(
        self,
        job: Job,
        *,
        queue: int = 0,
        deadline: float | None = None,
        silence: float | None = None,
        on_epoch: OnEpoch = unheard,
    ) -> Measurement:
        """Train a job to its end, as every pool does; one that is kept is not trained again."""
        if not isinstance(job, LearningJob):
            return await self._pool.train(job, queue=queue, deadline=deadline, silence=silence, on_epoch=on_epoch)
        place = self.place(job)
        async with self._locks[place]:
            there = replace(job, folder=place)
            return await self._pool.train(there, queue=queue, deadline=deadline, silence=silence, on_epoch=on_epoch)
