"""Pools of workers: their contract, and the pool of processes on this machine. Does not load torch."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from ..errors import GeniusError
from ..record.files import open_plain
from ..record.measurement import Measurement
from ..training.job import Job, LearningJob, cores
from ..training.machine import kills_for_memory
from .pools import TryEnd, TurnPool, ended
from .process import Process
from .watch import Heartbeat, OverLimit, TimeLimits, TooMuchMemory, Watch, memory_limit

_KILLED = -9  # the exit code of a process that the kernel killed
_SIGNS_OF_A_GPU = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")


@dataclass(frozen=True)
class Place:
    """The place of one worker: a device, `cpu`, `cuda:1` or `mps`, and a number of CPU threads.

    `loaders` are the processes that may read images for a GPU; None for as many as there are cores.
    """

    device: str = "cpu"
    threads: int = 1
    loaders: int | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that pin a process to this place: it sees this GPU alone, or none."""
        threads = str(self.threads)
        return {"CUDA_VISIBLE_DEVICES": self._visible(), "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}

    def _visible(self) -> str:
        if not self.device.startswith("cuda"):
            return ""
        number = self.device.partition(":")[2] or "0"
        # the numbers count the GPUs that this process itself may see
        seen = os.environ.get("CUDA_VISIBLE_DEVICES")
        return seen.split(",")[int(number)].strip() if seen else number

    def assign(self, job: Job) -> Job:
        """Return the job for this place; a pinned process sees its GPU as the first."""
        on_gpu = self.device.startswith("cuda")
        device = "cuda" if on_gpu else self.device
        placed = replace(job, folder=job.folder.absolute(), device=device, threads=self.threads)
        if on_gpu and isinstance(placed, LearningJob) and placed.loaders is None:
            return replace(placed, loaders=self.loaders)
        return placed


def places(workers: int, *, gpus: int = 0, threads: int | None = None, otherwise: str = "cpu") -> list[Place]:
    """Spread workers round robin over the GPUs; without a GPU they share the device `otherwise`.

    Each gets `threads` CPU threads, by default its share of the cores, at least 1. On a GPU as many processes as that
    share read its images.
    Raises: GeniusError for fewer than 1 worker or thread.
    """
    for name, number in (("workers", workers), ("threads", threads)):
        if number is not None and number < 1:
            raise GeniusError(f"the number of {name} must be at least 1, got {number}")
    share = max(1, cores() // workers)
    if not gpus:
        return [Place(otherwise, threads or share) for _ in range(workers)]
    return [Place(f"cuda:{number % gpus}", threads or share, loaders=share) for number in range(workers)]


def count_gpus() -> int:
    """Count the GPUs that torch can use, in a process of its own, which takes seconds; 0 at once without a driver."""
    if not any(map(os.path.exists, _SIGNS_OF_A_GPU)) and os.name != "nt":
        return 0
    return int(_asked_of_torch("torch.cuda.device_count()"))


def has_mps() -> bool:
    """Tell whether torch can use an Apple GPU; asked in a process of its own."""
    return _asked_of_torch("torch.backends.mps.is_available()") == "True"


def _asked_of_torch(what: str) -> str:
    code = f"import torch; print({what})"
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if asked.returncode:
        raise GeniusError(f"torch cannot be loaded to look for GPUs: {(asked.stderr.strip().splitlines() or [''])[-1]}")
    return asked.stdout.strip()


class LocalWorkers(TurnPool["_Seat"]):
    """A pool on this machine: a process for each job, and for each place one started ahead.

    A training whose process is killed from outside, by the kernel short of memory or by a person, continues from its
    last epoch, until it was killed `tries` times in a row without an epoch in between. Leaving the pool ends the
    processes that were started ahead; `ahead` names the modules that these load, None for none: see `worker`.

    `workers` is how many evaluations share this machine's memory, by default as many as there are places.

    Raises: GeniusError without a place.
    """

    def __init__(
        self,
        places: Sequence[Place],
        *,
        tries: int = 4,
        ahead: str | None = "training",
        workers: int | None = None,
    ) -> None:
        if not places:
            raise GeniusError("a pool of workers needs at least one place to train at")
        self._seats = [_Seat(place, ahead or "", workers or len(places)) for place in places]
        self._ahead = ahead is not None
        super().__init__(self._seats, tries)

    async def __aenter__(self) -> Self:
        if self._ahead:
            try:
                await asyncio.gather(*(seat.prepare() for seat in self._seats))
            except BaseException:
                await self.__aexit__()
                raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(seat.close() for seat in self._seats))

    async def _train(self, place: "_Seat", job: Job, limits: TimeLimits, heartbeat: Heartbeat) -> Measurement:
        measurement = await super()._train(place, job, limits, heartbeat)
        if self._ahead:
            await place.prepare()
        return measurement

    async def _try(self, place: "_Seat", job: Job, limits: TimeLimits, heartbeat: Heartbeat) -> Measurement | TryEnd:
        return await place.do(job, limits, heartbeat)


class _Seat:
    """A place, and the process that was started ahead there."""

    def __init__(self, place: Place, ahead: str, workers: int) -> None:
        self._place, self._ahead, self._workers = place, ahead, workers
        self._next: Process | None = None

    async def prepare(self) -> None:
        """Start the next process, in a thread, unless one waits already."""
        starting = asyncio.ensure_future(asyncio.to_thread(self._start))
        try:
            await asyncio.shield(starting)
        except asyncio.CancelledError:
            await starting  # so that `close` finds the process
            raise

    def _start(self) -> None:
        if self._next is not None and self._next.code is not None:
            self._next.bury()
            self._next = None
        self._next = self._next or Process(self._place.environment, self._ahead)

    async def close(self) -> None:
        if self._next is not None:
            process, self._next = self._next, None
            await process.stop()

    async def do(self, job: Job, limits: TimeLimits, heartbeat: Heartbeat) -> Measurement | TryEnd:
        """Have a process do the job, and end the process in every case."""
        job = self._place.assign(job)
        path = await asyncio.to_thread(_prepare, job)
        await self.prepare()
        assert self._next is not None
        process, self._next = self._next, None
        watch, kills = Watch(job, limits, heartbeat, memory_limit(job, self._workers)), kills_for_memory()
        try:
            found: int | OverLimit = await process.do(path, watch)
            if found == _KILLED and kills_for_memory() > kills and not job.limits_itself:
                found = TooMuchMemory(
                    f"out of memory: the kernel ended the {job.noun}, since the machine had none left"
                )
        except OverLimit as over:
            found = over
        finally:
            early_complaint = await process.stop()
        return await ended(found, job, self._place.device, early_complaint)


def _prepare(job: Job) -> Path:
    path = job.save()
    job.files.answer.unlink(missing_ok=True)  # an answer that could not be read
    with open(job.files.log, "wb", opener=open_plain):
        return path
