"""Pools of workers: their contract, and the pool of processes on this machine. Does not load torch."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, Self

from ..errors import GeniusError, RunFailed
from ..record.candidate import MEASUREMENT, Failure, Measurement
from ..record.files import open_plain, read_plain
from ..schema import BadRecord
from ..training.disk import full
from ..training.job import Epoch, Job, OnEpoch, TrainingFiles, cores
from .process import Heartbeat, Process, TimeLimits, TookTooLong, signals_named
from .turns import Turns
from .worker import FULL, REFUSED

# only the system or a person sends these signals; a failing training ends by another signal, or with an exit code
_FROM_OUTSIDE = {-number for number in signals_named("SIGKILL", "SIGTERM", "SIGINT", "SIGHUP")}
_END_OF_LOG = 10_000  # bytes
_SIGNS_OF_A_GPU = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")


def unheard(epoch: Epoch) -> None:
    """Ignore an epoch."""


class Workers(Protocol):
    """A pool: an async context manager that trains up to `capacity` jobs at once and serves queues fairly."""

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
        """Train a job to its end on a free device; a job that has its answer is not trained again.

        - `queue`: the queue of this caller, such as its trial; the queues take turns.
        - `deadline`: seconds from the moment that a worker has the job, without those of earlier tries.
        - `silence`: seconds in which at least one epoch must end, from the start or from the last epoch.
        - `on_epoch` is called with every epoch when it ends.

        A training that fails gives a Measurement with a `failure`. Cancelling kills the training. In every case no
        process of the training is left at the end.
        Raises: OSError where the job's folder cannot be written; RunFailed where no architecture could be trained, for
        the data, a full disk or a package that is not installed.
        """
        ...


@dataclass(frozen=True)
class Place:
    """The place of one worker: a device, `cpu`, `cuda:1` or `mps`, and a number of CPU threads."""

    device: str = "cpu"
    threads: int = 1

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
        device = "cuda" if self.device.startswith("cuda") else self.device
        return replace(job, folder=job.folder.absolute(), device=device, threads=self.threads)


def places(workers: int, *, gpus: int = 0, threads: int | None = None, otherwise: str = "cpu") -> list[Place]:
    """Spread workers round robin over the GPUs; without a GPU they share the device `otherwise`.

    Each gets `threads` CPU threads, by default its share of the cores, at least 1.
    Raises: GeniusError for fewer than 1 worker or thread.
    """
    for name, number in (("workers", workers), ("threads", threads)):
        if number is not None and number < 1:
            raise GeniusError(f"the number of {name} must be at least 1, got {number}")
    share = threads or max(1, cores() // workers)
    return [Place(f"cuda:{number % gpus}" if gpus else otherwise, share) for number in range(workers)]


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
        raise GeniusError(f"torch cannot be loaded to look for GPUs: {_last_line(asked.stderr)}")
    return asked.stdout.strip()


class LocalWorkers:
    """A pool on this machine: a process for each training, and for each place one started ahead, which loads torch.

    A training whose process is killed from outside, by the kernel short of memory or by a person, continues from its
    last epoch, until it was killed `tries` times in a row without an epoch in between. Leaving the pool ends the
    processes that were started ahead.

    Raises: GeniusError without a place.
    """

    def __init__(self, places: Sequence[Place], *, tries: int = 4, ahead: bool = True) -> None:
        if not places:
            raise GeniusError("a pool of workers needs at least one place to train at")
        self._seats = [_Seat(place, tries) for place in places]
        self._turns = Turns(self._seats)
        self._ahead = ahead

    @property
    def capacity(self) -> int:
        """How many trainings run at once."""
        return len(self._seats)

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
        async with self._turns.take(queue) as seat:
            measurement = await asyncio.to_thread(read_measurement, job.files.answer)
            if measurement is None:
                measurement = await seat.train(job, TimeLimits(deadline, silence), on_epoch)
                if self._ahead:
                    await seat.prepare()
            return measurement


class _Seat:
    """A place, and the process that was started ahead there."""

    def __init__(self, place: Place, tries: int) -> None:
        self._place, self._tries = place, tries
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
        self._next = self._next or Process(self._place.environment)

    async def close(self) -> None:
        if self._next is not None:
            process, self._next = self._next, None
            await process.stop()

    async def train(self, job: Job, limits: TimeLimits, on_epoch: OnEpoch) -> Measurement:
        started = time.monotonic()
        heartbeat = Heartbeat(job.files.epochs, on_epoch)
        path = await asyncio.to_thread(_prepare, self._place.assign(job))
        left = self._tries
        while left:
            heard = heartbeat.heard
            end = await self._try(path, limits, heartbeat)
            # an answer counts, however the process ended
            if answer := await asyncio.to_thread(read_measurement, job.files.answer):
                return answer
            if not end.by_others:
                break
            await heartbeat.listen()
            left = self._tries if heartbeat.heard > heard else left - 1
        words = end.words + f", {self._tries} times without an epoch in between" * (end.by_others and self._tries > 1)
        seconds = time.monotonic() - started
        return Measurement(seconds=seconds, error=words, failure=end.failure, device=self._place.device)

    async def _try(self, path: Path, limits: TimeLimits, heartbeat: Heartbeat) -> "_End":
        """Have a process do the job, and end the process in every case."""
        await self.prepare()
        assert self._next is not None
        process, self._next = self._next, None
        try:
            code = await process.do(path, limits, heartbeat)
        except TookTooLong as error:
            return _End("timed out", str(error))
        finally:
            early_complaint = await process.stop()
        complaint = await asyncio.to_thread(_read_log, path.parent) or early_complaint
        if code == FULL:
            raise full(path.parent)
        if code == REFUSED:
            raise RunFailed(_last_line(complaint))
        words = f"training failed: {_reason(code, complaint)}"
        return _End("crashed", words, by_others=code in _FROM_OUTSIDE)


@dataclass(frozen=True)
class _End:
    """The end of a try without an answer; `by_others` where a signal from outside ended it."""

    failure: Failure
    words: str
    by_others: bool = False


def _prepare(job: Job) -> Path:
    path = job.save()
    job.files.answer.unlink(missing_ok=True)  # an answer that could not be read
    with open(job.files.log, "wb", opener=open_plain):
        return path


def read_measurement(path: Path) -> Measurement | None:
    """Read the measurement that a worker wrote; None where there is none, or no valid one."""
    try:
        measurement = MEASUREMENT.read(read_plain(path))
    except (FileNotFoundError, BadRecord):
        return None
    return measurement if (measurement.error is None) != (measurement.accuracy is None) else None


def _read_log(folder: Path) -> str:
    """Read the last bytes of a log."""
    with open(TrainingFiles(folder).log, "rb", opener=open_plain) as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _END_OF_LOG))
        return file.read(_END_OF_LOG).decode(errors="replace")


def _reason(code: int, complaint: str) -> str:
    """Return why a worker ended: the signal, or the last line of its log."""
    if code < 0:
        return f"the worker was ended by signal {-code} ({signal.strsignal(-code)})"
    return _last_line(complaint) or f"the worker ended with code {code} and no answer"


def _last_line(text: str) -> str:
    said = [line.strip() for line in text.splitlines() if line.strip()]
    return said[-1] if said else ""
