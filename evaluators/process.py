"""One worker process: its start, its job, its heartbeat, and its end together with all its descendants."""

import asyncio
import math
import os
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Protocol
from weakref import WeakSet

from ..record.secret_names import without_secrets
from .containment import CONTAINED
from .watch import Watch

GRACE = 5.0
"""Seconds between the request to stop and the kill."""

_LAST = 5.0  # seconds between the kill of a worker and that of its whole process group
_BEAT = 0.1  # seconds between two looks at a process


def worker_command() -> tuple[str, ...]:
    """Return the command of a worker, which reads the path of its job file from standard input."""
    return sys.executable, "-m", "genius.evaluators.worker"


_CONTAINMENT = (sys.executable, "-m", "genius.evaluators.containment") if CONTAINED else ()


def signals_named(*names: str) -> tuple[signal.Signals, ...]:
    """Return the signals of these names that this platform has."""
    return tuple(getattr(signal, name) for name in names if hasattr(signal, name))


FROM_OUTSIDE = frozenset(signals_named("SIGKILL", "SIGTERM", "SIGINT", "SIGHUP"))
"""Signals that the machine or a person sends: a process that fails by itself ends by another, or with a code."""

_KILL = signals_named("SIGKILL", "SIGTERM")[0]


class Killable(Protocol):
    """A worker, wherever it runs."""

    def kill(self) -> None:
        """Kill it, without waiting for its end."""
        ...


living: "WeakSet[Killable]" = WeakSet()
"""The workers of this process."""


def kill_all() -> None:
    """Kill every worker of this process, with its descendants, at once; may be called in any thread."""
    for worker in list(living):
        worker.kill()


def worker_environment() -> dict[str, str]:
    """Return the variables of a worker: those of this process without secrets, and its places of modules.

    So workers find the modules that this process finds, such as those beside the script that it runs.
    """
    found = without_secrets(os.environ)
    installed = tuple(sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib"))
    own = [path for path in sys.path if os.path.isdir(path) and not path.startswith(installed)]
    if own:
        known = found.get("PYTHONPATH", "").split(os.pathsep)
        found["PYTHONPATH"] = os.pathsep.join(dict.fromkeys([*own, *filter(None, known)]))
    return found


class Process:
    """A worker in a process group of its own, which ends when its parent ends and so closes the pipe to its input.

    Where the platform allows it, all its descendants end with it (`containment`), elsewhere its process group does.
    The worker's environment holds no secret. `ahead` names the modules it loads before it has a job: see `worker`.
    """

    def __init__(self, environment: dict[str, str], ahead: str = "") -> None:
        self._early: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - it is read at the end
        self._popen = subprocess.Popen(
            (*_CONTAINMENT, *worker_command(), "--ahead", ahead),
            env=worker_environment() | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._early,
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # the same on Windows
        )
        living.add(self)

    @property
    def pid(self) -> int:
        """The number of the process and of its group."""
        return self._popen.pid

    @property
    def code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        if self._popen.returncode is not None or not hasattr(os, "waitid"):
            return self._popen.poll()
        # without reaping: until `stop` has ended the group, the system must not reuse its number
        try:
            ended = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:  # the program that called us waits for all processes
            return self._popen.poll()
        if ended is None:
            return None
        return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status

    async def do(self, job: Path, watch: Watch) -> int:
        """Have the worker do a job; return its exit code.

        Raises: OverLimit, and every exception of `on_epoch`; the process then still runs.
        """
        assert self._popen.stdin is not None
        with suppress(BrokenPipeError, ValueError):  # it has ended already: its exit code says more
            await asyncio.to_thread(os.write, self._popen.stdin.fileno(), os.fsencode(job) + b"\n")
        while (code := self.code) is None:
            await watch.look(self.pid)
            await asyncio.sleep(_BEAT)
        await watch.listen()
        return code

    async def stop(self) -> str:
        """Terminate the worker, and kill it after the grace period, or at once when cancelled meanwhile.

        Returns the worker's standard error from before it opened its log.
        """
        try:
            if self.code is None:
                self._signal(signal.SIGTERM)
                await self._ended(GRACE)
        finally:
            self.kill()
            if self.code == -_KILL:
                await asyncio.sleep(_BEAT)  # the containment was killed: the worker ends its own descendants
            await self._ended(_LAST)
            self._signal(_KILL)
            await self._ended()
        return await asyncio.to_thread(self.bury)

    def bury(self) -> str:
        """Reap a process that has ended; return the same text as `stop`."""
        living.discard(self)
        with self._popen, self._early as early:
            early.seek(0)
            return early.read().decode(errors="replace")

    def kill(self) -> None:
        """Kill the worker and its descendants, without waiting for their end."""
        if not CONTAINED:
            self._signal(_KILL)
        elif self._popen.stdin is not None:
            with suppress(OSError):
                self._popen.stdin.close()

    async def _ended(self, seconds: float = math.inf) -> None:
        end = time.monotonic() + seconds
        while self.code is None and time.monotonic() < end:  # noqa: ASYNC110 - nothing tells us of the end of a process
            await asyncio.sleep(_BEAT / 5)

    def _signal(self, number: signal.Signals) -> None:
        # the group is empty, or, on macOS, holds only processes that have ended and were not reaped
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number) if hasattr(os, "killpg") else self._popen.send_signal(number)
