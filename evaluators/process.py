"""One worker process: started, told its job, watched, and ended with everything that it started itself."""

import asyncio
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ..spaces.record import BadRecord
from ..tools.files import read_lines
from ..training.job import EPOCH, Epoch

GRACE = 5.0
"""Seconds between the request to stop and the kill."""

_BEAT = 0.1  # seconds between two looks at a process and at its epochs

OnEpoch = Callable[[Epoch], None]
"""Is told of every epoch that ends."""


def worker_command() -> tuple[str, ...]:
    """Return the command of a worker, which reads the path of its job file from standard input."""
    return sys.executable, "-m", "genius.evaluators.worker"


class TookTooLong(Exception):
    """A training passed its deadline, or ended no epoch for too long."""


@dataclass(frozen=True)
class Limits:
    """How long a training may take, and how long it may show no life, in seconds; None is for ever."""

    deadline: float | None = None
    silence: float | None = None

    def check(self, started: float, heard: float, last: str) -> None:
        """Compare two times of the monotonic clock with now; `last` says what was heard last.

        Raises: TookTooLong.
        """
        now = time.monotonic()
        if self.deadline is not None and now - started > self.deadline:
            raise TookTooLong(f"training took longer than {self.deadline:g} s ({last})")
        if self.silence is not None and now - heard > self.silence:
            raise TookTooLong(f"training showed no life for {self.silence:g} s ({last})")


class Heartbeat:
    """The epochs that a training tells of from now on, one JSON line each; `heard` counts them."""

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
        """Pass on the epochs that are new; return whether there was one."""
        size = self._size()
        if size <= self._read:
            self._read = size  # a worker that goes on cuts off what its predecessor wrote half
            return False
        lines = await asyncio.to_thread(lambda: list(read_lines(self._path, self._read)))
        for line in lines:
            self._read += len(line)
            if epoch := _read_epoch(line):
                self.last = f"the last epoch to end was {epoch.epoch} of {epoch.epochs}"
                self.heard += 1
                self._on_epoch(epoch)
        return bool(lines)


def _read_epoch(line: bytes) -> Epoch | None:
    """Read an epoch; a line that a kill tore tells of none: the training knows from its checkpoint where it is."""
    try:
        return EPOCH.read(line)
    except BadRecord:
        return None


class Process:
    """A worker in a process group of its own. It ends when its parent ends, for the pipe to its input closes then."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._early: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - it is read at the end
        self._popen = subprocess.Popen(
            worker_command(),
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._early,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """The number of the process and of its group."""
        return self._popen.pid

    @property
    def code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._popen.poll()

    async def do(self, job: Path, limits: Limits, heartbeat: Heartbeat) -> int:
        """Have it do a job, and return its exit code.

        Raises: TookTooLong, and whatever `on_epoch` raises; the process runs on then.
        """
        assert self._popen.stdin is not None
        with suppress(BrokenPipeError):  # it has ended already: its exit code says more
            os.write(self._popen.stdin.fileno(), os.fsencode(job) + b"\n")
        started = heard = time.monotonic()
        while (code := self.code) is None:
            await asyncio.sleep(_BEAT)
            if await heartbeat.listen():
                heard = time.monotonic()
            limits.check(started, heard, heartbeat.last)
        await heartbeat.listen()
        return code

    async def stop(self) -> str:
        """End the group: ask, and kill what is left after the grace, or at once when cancelled while waiting.

        Returns what the process wrote to standard error before it had a log.
        """
        try:
            if self.code is None:
                self._signal(signal.SIGTERM)
                await self._ended(GRACE)
        finally:
            self._signal(signal.SIGKILL)
            await self._ended()
        with self._popen, self._early as early:
            early.seek(0)
            return early.read().decode(errors="replace")

    async def _ended(self, seconds: float = math.inf) -> None:
        end = time.monotonic() + seconds
        while self.code is None and time.monotonic() < end:  # noqa: ASYNC110 - nothing tells us of the end of a process
            await asyncio.sleep(_BEAT / 5)

    def _signal(self, number: signal.Signals) -> None:
        # nobody is left, or, as macOS has it, only dead ones that nobody waited for yet
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)
