"""A look at an evaluation while it runs: its epochs, and the limits on its time, its output and its memory."""

import asyncio
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..record.files import open_plain
from ..record.lines import read_lines
from ..record.measurement import Failure
from ..schema import BadRecord
from ..training.job import EPOCH, Epoch, Job, OnEpoch
from ..training.machine import bytes_in_words, free_memory, total_memory

MOST_OUTPUT = 100_000_000
"""Bytes that an evaluation may print, and that its epochs may take."""

_KEPT = 1_000_000  # bytes of the beginning and of the end of a log that became too long
_LOOK = 0.5  # seconds between two looks at the memory
_SHARE = 0.9  # of the machine's memory, for all evaluations together
_LEFT = 0.03  # of the machine's memory, below which an evaluation that holds more than this is ended


class OverLimit(Exception):
    """An evaluation went over one of its limits; `failure` is the kind of failure that this is."""

    failure: Failure = "timed out"


class TookTooLong(OverLimit):
    """An evaluation passed its deadline, or was silent for too long."""


class TooMuchOutput(OverLimit):
    """An evaluation printed or reported more than `MOST_OUTPUT`."""

    failure: Failure = "too much output"


class TooMuchMemory(OverLimit):
    """An evaluation held more memory than it may."""

    failure: Failure = "out of memory"


@dataclass(frozen=True)
class TimeLimits:
    """The seconds that an evaluation may take, and those that may pass without an epoch; None sets no limit.

    `noun` is the word for the evaluation in messages.
    """

    deadline: float | None = None
    silence: float | None = None
    noun: str = "training"

    def check(self, started: float, heard: float | None, last: str) -> None:
        """Check an evaluation that started and was last heard at these times of the monotonic clock.

        One that was not `heard` yet may be silent. `last` describes its last epoch, for the message.
        Raises: TookTooLong.
        """
        now = time.monotonic()
        if self.deadline is not None and now - started > self.deadline:
            raise TookTooLong(f"{self.noun} took longer than {self.deadline:g} s ({last})")
        if self.silence is not None and heard is not None and now - heard > self.silence:
            raise TookTooLong(f"{self.noun} showed no life for {self.silence:g} s ({last})")


class Heartbeat:
    """The new epochs in an evaluation's heartbeat file, one JSON line each; `heard` counts them."""

    def __init__(self, path: Path, on_epoch: OnEpoch) -> None:
        self._path, self._on_epoch = path, on_epoch
        self._read = self._size()
        self.heard = 0
        self.last = "no epoch ended"

    def _size(self) -> int:
        try:
            return self._path.stat().st_size
        except FileNotFoundError:
            return 0

    async def listen(self) -> bool:
        """Call `on_epoch` with each new epoch; return whether there was one."""
        size = self._size()
        if size <= self._read:
            self._read = size  # a worker that continues a training cuts off a torn last line
            return False
        lines = await asyncio.to_thread(lambda: list(read_lines(self._path, self._read)))
        for line in lines:
            self._read += len(line)
            if epoch := _read_epoch(line):
                self.last = f"the last epoch to end was {epoch.epoch}" + (f" of {epoch.epochs}" if epoch.epochs else "")
                self.heard += 1
                self._on_epoch(epoch)
        return bool(lines)


def _read_epoch(line: bytes) -> Epoch | None:
    """Read an epoch; None for a line that a kill tore, since the training continues from its checkpoint."""
    try:
        return EPOCH.read(line)
    except BadRecord:
        return None


class Watch:
    """The looks at one evaluation. Its clock starts with the first one."""

    def __init__(self, job: Job, limits: TimeLimits, heartbeat: Heartbeat, memory: "MemoryLimit | None" = None) -> None:
        self._job, self._limits, self._heartbeat, self._memory = job, limits, heartbeat, memory
        self._begun: float | None = None
        self._heard: float | None = None
        self._weighed = 0.0

    async def listen(self) -> None:
        """Tell of the new epochs."""
        if await self._heartbeat.listen():
            self._heard = time.monotonic()

    async def look(self, pid: int | None = None) -> None:
        """Tell of the new epochs, and check the limits; of the process `pid` and its descendants the memory, too.

        Raises: OverLimit.
        """
        now = time.monotonic()
        self._begun = self._begun or now
        await self.listen()
        heard = self._heard or (None if self._job.may_be_silent else self._begun)
        self._limits.check(self._begun, heard, self._heartbeat.last)
        for file in (self._job.files.log, self._job.files.epochs):
            _check_size(file, self._job.noun)
        if pid is not None and self._memory is not None and now - self._weighed >= _LOOK:
            await asyncio.to_thread(self._memory.check, pid)
            self._weighed = time.monotonic()


def _check_size(file: Path, noun: str) -> None:
    """Raises TooMuchOutput where a file has grown too long."""
    with suppress(FileNotFoundError):
        if file.stat().st_size > MOST_OUTPUT:
            raise TooMuchOutput(
                f"{noun} wrote more than {bytes_in_words(MOST_OUTPUT)} into {file.name}: print and report less"
            )


def shorten(log: Path) -> None:
    """Leave out the middle of a log that is longer than an evaluation may print."""
    with suppress(FileNotFoundError), open(log, "r+b", opener=open_plain) as file:
        if (size := file.seek(0, os.SEEK_END)) <= MOST_OUTPUT:
            return
        file.seek(size - _KEPT)
        end = file.read(_KEPT)
        file.seek(_KEPT)
        file.write(f"\n… {size - 2 * _KEPT:,} bytes are left out here …\n".encode() + end)
        file.truncate()


@dataclass(frozen=True)
class MemoryLimit:
    """The bytes that an evaluation may hold in all its processes together, and whose limit that is."""

    size: float
    words: str

    def check(self, pid: int) -> None:
        """Check the memory that a process and its descendants hold.

        Raises: TooMuchMemory where they hold more than they may, or nearly all that the machine has left.
        """
        held = _resident(pid)
        if held > self.size and (held := _resident(pid, shared=True)) > self.size:
            raise TooMuchMemory(f"out of memory: it held {bytes_in_words(held)} and may hold {self.words}")
        left, whole = free_memory(), total_memory()
        if left < _LEFT * whole < held:
            raise TooMuchMemory(
                f"out of memory: it held {bytes_in_words(held)}, and the machine has {bytes_in_words(left)} left of "
                f"{bytes_in_words(whole)}"
            )


def memory_limit(job: Job, workers: int) -> MemoryLimit | None:
    """Return the limit on the memory of an evaluation's processes, of so many workers on this machine.

    A limit that is named is that of the device: of a GPU's evaluation it does not limit the machine's memory. None for
    jobs that limit themselves, as trainings do.
    """
    if job.limits_itself:
        return None
    if job.memory_limit is not None and job.device == "cpu":
        return MemoryLimit(job.memory_limit, f"{bytes_in_words(job.memory_limit)}, as --worker-memory says")
    whole = total_memory()
    size = _SHARE * whole / workers
    among = f" for each of {workers} workers" if workers > 1 else ""
    share = f"{bytes_in_words(size)}, which is {_SHARE:.0%} of the machine's {bytes_in_words(whole)}{among}"
    return MemoryLimit(size, f"{share}: --worker-memory sets another limit")


def _resident(pid: int, *, shared: bool = False) -> float:
    """Sum the resident memory of a process and its descendants; with `shared`, each shared page counts in parts."""
    import psutil

    held = 0.0
    with suppress(psutil.Error):
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            with suppress(psutil.Error):
                full = process.memory_full_info() if shared else process.memory_info()
                held += getattr(full, "pss", full.rss)
    return held
