"""Where trainings run: the contract of a pool, and the parts that pools share. Does not load torch."""

import asyncio
import os
import signal
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, Self, TypeVar, runtime_checkable

from ..errors import RunFailed
from ..record.files import open_plain, read_plain
from ..record.measurement import MEASUREMENT, Failure, Measurement
from ..schema import BadRecord
from ..training.disk import disk_full
from ..training.job import Job, JobFiles, OnEpoch, unheard
from .process import FROM_OUTSIDE, worker_environment
from .turns import Turns
from .watch import Heartbeat, OverLimit, TimeLimits, Watch, shorten
from .worker import DISK_FULL, JOB_REFUSED

_T = TypeVar("_T")

_SIGNALS = frozenset(signal.Signals)
_END_OF_LOG = 10_000  # bytes
_BEAT = 0.2  # seconds between two looks at a training's files


@runtime_checkable
class Pool(Protocol):
    """Trains jobs, `capacity` at once; those who wait are served fairly. An async context manager."""

    @property
    def capacity(self) -> int:
        """How many trainings run at once."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *_: object) -> None: ...

    async def train(
        self,
        job: Job,
        *,
        queue: int = 0,
        deadline: float | None = None,
        silence: float | None = None,
        on_epoch: OnEpoch = unheard,
    ) -> Measurement:
        """Train a job to its end, on whichever device is free; a job that has its answer is not trained again.

        - `queue`: the number of the caller's queue, such as its trial; the queues take turns.
        - `deadline`: seconds from the moment that a worker has the job; those of earlier tries do not count.
        - `silence`: seconds in which at least one epoch must end; the first one counts from the start.
        - `on_epoch` is told of every epoch when it ends.

        A failed training is a Measurement with a `failure`. Cancelling kills the training; when this ends,
        however it does, no process of the training is left.
        Raises: OSError where the job's folder cannot be written; RunFailed where no job like it could be trained, for
        its data, a full disk or a missing package.
        """
        ...


@dataclass(frozen=True)
class TryEnd:
    """The end of a try without an answer: its failure, in words, on which device.

    A try is `lost` where a signal or a machine from outside ended it: the training goes on in the next one. `seconds`
    are those for which it held the device, None where that is all its time.
    """

    failure: Failure
    words: str
    device: str
    lost: bool = False
    seconds: float | None = None


class TurnPool(ABC, Generic[_T]):
    """A pool of places that each train one job at a time, lent to the queues in turns.

    A training that is lost goes on from its last epoch, until it was lost `tries` times in a row without an epoch in
    between. Files that a user's own code saves count as an epoch does.
    """

    def __init__(self, places: Sequence[_T], tries: int = 4) -> None:
        self._capacity, self._turns, self._tries = len(places), Turns(places), tries

    @property
    def capacity(self) -> int:
        """How many trainings run at once."""
        return self._capacity

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the pool's workers and connections."""

    async def train(
        self,
        job: Job,
        *,
        queue: int = 0,
        deadline: float | None = None,
        silence: float | None = None,
        on_epoch: OnEpoch = unheard,
    ) -> Measurement:
        """Train a job to its end, as every pool does."""
        async with self._turns.take(queue) as place:
            if answer := await asyncio.to_thread(read_measurement, job.files.answer):
                return answer
            limits, heartbeat = TimeLimits(deadline, silence, job.noun), Heartbeat(job.files.epochs, on_epoch)
            return await self._train(place, job, limits, heartbeat)

    async def _train(self, place: _T, job: Job, limits: TimeLimits, heartbeat: Heartbeat) -> Measurement:
        """Train a job that has no answer yet at a place, in as many tries as it takes."""
        left, seconds = self._tries, await asyncio.to_thread(job.files.read_held)
        while True:
            before, started = (heartbeat.heard, job.files.saved_at()), time.monotonic()
            end = await self._try(place, job, limits, heartbeat)
            if isinstance(end, Measurement):
                return end
            seconds += time.monotonic() - started if end.seconds is None else end.seconds
            await heartbeat.listen()
            left = self._tries if (heartbeat.heard, job.files.saved_at()) != before else left - 1
            if not end.lost or not left:
                break
        words = end.words + f", {self._tries} times without an epoch in between" * (end.lost and self._tries > 1)
        return Measurement(seconds=seconds, error=words, failure=end.failure, device=end.device)

    @abstractmethod
    async def _try(self, place: _T, job: Job, limits: TimeLimits, heartbeat: Heartbeat) -> Measurement | TryEnd:
        """Train a job at a place, on from an earlier try's checkpoint; nothing of the training runs on afterwards."""


class CommandPool(TurnPool[int]):
    """A pool that has each job done by a command, wherever that runs: on a machine that sees the job's folder.

    A subclass says how a command is run, `srun` in front of it for example, and is named as `--on MODULE:NAME`. It is
    made with the number of `workers`.
    """

    def __init__(self, workers: int) -> None:
        super().__init__(range(workers))

    @abstractmethod
    async def run(self, command: Sequence[str], environment: Mapping[str, str]) -> int:
        """Run a command to its end, and return its exit code; when cancelled, end it.

        `environment` holds the variables of this process without the secrets among them.
        """

    async def _try(self, place: int, job: Job, limits: TimeLimits, heartbeat: Heartbeat) -> Measurement | TryEnd:
        path = await asyncio.to_thread(write_job, job)
        command = (sys.executable, "-m", "genius.evaluators.worker", str(path))
        running = asyncio.ensure_future(self.run(command, worker_environment()))
        try:
            found: int | OverLimit = await _watch(running, job, Watch(job, limits, heartbeat))
        except OverLimit as over:
            found = over
        return await ended(found, job, job.device)


def write_job(job: Job) -> Path:
    """Write a job down, and remove the answer and the log of an earlier try."""
    path = job.save()
    for left in (job.files.answer, job.files.log):
        left.unlink(missing_ok=True)
    return path


async def _watch(running: "asyncio.Future[int]", job: Job, watch: Watch) -> int:
    """Tell of the epochs of a command that does a job, until it ends; return its exit code.

    The clock of the limits starts when the worker opens its log.
    Raises: OverLimit. The command is cancelled in every case.
    """
    try:
        while not running.done():
            await asyncio.wait([running], timeout=_BEAT)
            if job.files.log.exists():
                await watch.look()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    return running.result()


async def ended(found: int | OverLimit, job: Job, device: str, early_complaint: str = "") -> Measurement | TryEnd:
    """Return the answer that a worker left, which ended with an exit code or over a limit, or why there is none.

    Raises: DiskFull; RunFailed where the job cannot be done, for any architecture.
    """
    await asyncio.to_thread(shorten, job.files.log)
    if answer := await asyncio.to_thread(read_measurement, job.files.answer):
        return answer
    if isinstance(found, OverLimit):
        return TryEnd(found.failure, str(found), device)
    complaint = await asyncio.to_thread(read_log, job.folder) or early_complaint
    if found == DISK_FULL:
        raise disk_full(job.folder)
    if found == JOB_REFUSED:
        raise RunFailed(last_line(complaint))
    number = -found if found < 0 else found - 128  # as Python tells it, and as shells do
    if number in _SIGNALS:
        why = f"the worker was ended by signal {number} ({signal.strsignal(number)})"
    else:
        why = last_line(complaint) or f"the worker ended with code {found} and no answer"
    return TryEnd("crashed", f"{job.noun} failed: {why}", device, lost=number in FROM_OUTSIDE)


def read_measurement(path: Path) -> Measurement | None:
    """Read a measurement that a worker wrote; None where there is none, or none that makes sense."""
    try:
        measurement = MEASUREMENT.read(read_plain(path))
    except (FileNotFoundError, BadRecord):
        return None
    return measurement if (measurement.error is None) != (measurement.value is None) else None


def read_log(folder: Path) -> str:
    """Read the end of a training's log, which may be of any length; nothing where there is none."""
    try:
        with open(JobFiles(folder).log, "rb", opener=open_plain) as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _END_OF_LOG))
            return file.read(_END_OF_LOG).decode(errors="replace")
    except FileNotFoundError:
        return ""


def last_line(text: str) -> str:
    """Return the last line of a text that says something."""
    said = [line.strip() for line in text.splitlines() if line.strip()]
    return said[-1] if said else ""
