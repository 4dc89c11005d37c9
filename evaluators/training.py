"""The evaluator that trains for real on this machine, each architecture in its own process. Does not load torch."""

import asyncio
import json
import os
import signal
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import IO, Self

from ..spaces.space import Architecture, SearchSpace
from ..tools.candidate import Measurement
from .evaluator import Evaluator
from .worker import TRAINERS, Job, write_atomically

_GRACE = 5.0  # seconds between the request to stop and the kill


def training_evaluator(
    space: SearchSpace, workers: "Workers", *, seed: int, folder: Path, threads: int = 1, deadline: float | None = 600
) -> Evaluator:
    """Make an evaluator that trains every architecture with this seed, for `deadline` seconds at most.

    Every answer is a file in `folder`; what has one already is not trained again. A training that crashes or takes too
    long is a measurement with an error, and its log is in `folder` too. Cancelling an evaluation kills its training.

    The evaluator raises BadArchitecture, and OSError where the folder cannot be written.
    """

    async def evaluate(architecture: Architecture) -> Measurement:
        files = _Files(folder, f"{''.join(map(str, space.check(architecture)))}-seed{seed}")
        if answered := await asyncio.to_thread(read_answer, files.answer):
            return answered
        await asyncio.to_thread(_prepare, files, architecture, seed, threads)
        return await _train(workers, files, deadline)

    return evaluate


@dataclass(frozen=True)
class _Files:
    """The files of one training."""

    folder: Path
    name: str

    @property
    def job(self) -> Path:
        return self.folder / f"{self.name}.job"

    @property
    def answer(self) -> Path:
        return self.folder / f"{self.name}.json"

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"


def read_answer(path: Path) -> Measurement | None:
    """Read a measurement that a worker wrote; None where there is none, or none that makes sense."""
    try:
        measurement = Measurement(**json.loads(path.read_bytes()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return measurement if _makes_sense(measurement) else None


def _makes_sense(measurement: Measurement) -> bool:
    """Tell whether there is either an error or an accuracy, and of the right types: the file may hold anything."""
    accuracy, error = measurement.accuracy, measurement.error
    if isinstance(error, str):
        return accuracy is None
    return error is None and isinstance(accuracy, int | float) and isfinite(accuracy)


def _prepare(files: _Files, architecture: Architecture, seed: int, threads: int) -> None:
    files.folder.mkdir(parents=True, exist_ok=True)
    files.answer.unlink(missing_ok=True)  # one that was read and makes no sense
    answer, log = str(files.answer.absolute()), str(files.log.absolute())
    job = Job(architecture=list(architecture), seed=seed, answer=answer, log=log, threads=threads)
    write_atomically(files.job, json.dumps(job))
    files.log.write_bytes(b"")


async def _train(workers: "Workers", files: _Files, deadline: float | None) -> Measurement:
    loop = asyncio.get_running_loop()
    started = loop.time()
    try:
        code, early_complaint = await workers.do(files.job, deadline)
    except TimeoutError:
        error = f"training took longer than {deadline:g} s"
        return Measurement(seconds=loop.time() - started, error=error)
    answer = await asyncio.to_thread(read_answer, files.answer)
    if code == 0 and answer:
        return answer
    complaint = await asyncio.to_thread(files.log.read_text, encoding="utf-8", errors="replace")
    reason = _reason(code, complaint or early_complaint)
    return Measurement(seconds=loop.time() - started, error=f"training failed: {reason}")


def worker_command(space: str) -> tuple[str, ...]:
    """Return the command of a worker, which reads the path of its job file from standard input."""
    return sys.executable, "-m", "genius.evaluators.worker", space


class Workers:
    """One process for each training, the next one ahead: it loads torch while the proposer thinks.

    Trainings of several evaluators may share them. Closing them ends the one that is ahead.

    Raises: ValueError for a space that cannot be trained here.
    """

    def __init__(self, space: str) -> None:
        if space not in TRAINERS:
            raise ValueError(f"no training for {space}: the spaces trained on this machine are {', '.join(TRAINERS)}")
        self._space = space
        self._ahead: _Worker | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._ahead is not None:
            worker, self._ahead = self._ahead, None
            await worker.stop()

    async def do(self, job: Path, deadline: float | None) -> tuple[int, str]:
        """Have a worker do a job; nothing of that worker is left, come what may.

        Returns its exit code, and what it wrote to standard error before it had the job.
        Raises: TimeoutError after the deadline.
        """
        worker, self._ahead = self._ahead or await _Worker.start(self._space), None
        try:
            async with asyncio.timeout(deadline):
                code = await worker.do(job)
        finally:
            complaint = await worker.stop()
        self._ahead = self._ahead or await _Worker.start(self._space)
        return code, complaint


@dataclass(frozen=True)
class _Worker:
    process: asyncio.subprocess.Process
    stderr: IO[bytes]

    @classmethod
    async def start(cls, space: str) -> Self:
        stderr = await asyncio.to_thread(tempfile.TemporaryFile)
        # the pipe to standard input closes when this process ends, and the worker ends with it
        process = await asyncio.create_subprocess_exec(
            *worker_command(space),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
        )
        return cls(process, stderr)

    async def do(self, job: Path) -> int:
        assert self.process.stdin is not None
        with suppress(BrokenPipeError, ConnectionResetError):  # it has ended already: its exit code says more
            self.process.stdin.write(os.fsencode(job.absolute()) + b"\n")
            await self.process.stdin.drain()
        return await self.process.wait()

    async def stop(self) -> str:
        """End the worker if it has not ended, and return what it complained about before it had a job."""
        if self.process.returncode is None:
            await _stop(self.process)
        with self.stderr as stderr:
            stderr.seek(0)
            return stderr.read().decode(errors="replace")


async def _stop(process: asyncio.subprocess.Process) -> None:
    """Ask the process group to stop, and kill it after the grace, or at once when cancelled while waiting."""
    try:
        _signal_group(process, signal.SIGTERM)
        with suppress(TimeoutError):
            async with asyncio.timeout(_GRACE):
                await process.wait()
    finally:
        _signal_group(process, signal.SIGKILL)
        await process.wait()


def _signal_group(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    # nobody is left, or, as macOS has it, only dead ones that nobody waited for yet
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _reason(code: int, complaint: str) -> str:
    """Say why a worker ended: the signal, or the last line of what it complained about."""
    if code < 0:
        return f"the worker was ended by signal {-code} ({signal.strsignal(-code)})"
    said = [line.strip() for line in complaint.splitlines() if line.strip()]
    return said[-1] if said else f"the worker ended with code {code} and no answer"
