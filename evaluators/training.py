"""The evaluator that trains for real on this machine, each architecture in its own process. Does not load torch."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from ..spaces.space import Architecture, SearchSpace
from ..tools.candidate import Measurement
from .evaluator import Evaluator
from .worker import TRAINERS, Job, write_atomically

TRAINABLE = tuple(TRAINERS)
"""The names of the spaces that can be trained on this machine."""

_GRACE = 5.0  # seconds between the request to stop and the kill


def training_evaluator(
    space: SearchSpace, *, seed: int, folder: Path, threads: int = 1, deadline: float | None = 600
) -> Evaluator:
    """Make an evaluator that trains every architecture with this seed, for `deadline` seconds at most.

    Every answer is a file in `folder`; what has one already is not trained again. A training that crashes or takes too
    long is a measurement with an error, and its log is in `folder` too. Cancelling the evaluation kills the training.

    Raises: ValueError for a space that cannot be trained here. The evaluator raises BadArchitecture, and OSError where
    the folder cannot be written.
    """
    if space.name not in TRAINABLE:
        raise ValueError(f"no training for {space.name}: the spaces trained on this machine are {', '.join(TRAINABLE)}")

    async def evaluate(architecture: Architecture) -> Measurement:
        files = _Files(folder, f"{''.join(map(str, space.check(architecture)))}-seed{seed}")
        if answered := await asyncio.to_thread(read_answer, files.answer):
            return answered
        answer = str(files.answer.absolute())
        job = Job(space=space.name, architecture=list(architecture), seed=seed, answer=answer, threads=threads)
        await asyncio.to_thread(_prepare, files, job)
        return await _train(files, deadline)

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


def _prepare(files: _Files, job: Job) -> None:
    files.folder.mkdir(parents=True, exist_ok=True)
    write_atomically(files.job, json.dumps(job))


async def _train(files: _Files, deadline: float | None) -> Measurement:
    loop = asyncio.get_running_loop()
    started = loop.time()
    try:
        code = await _run(worker_command(files.job), files.log, deadline)
    except TimeoutError:
        error = f"training took longer than {deadline:g} s"
        return Measurement(seconds=loop.time() - started, error=error)
    answer = await asyncio.to_thread(read_answer, files.answer)
    if code == 0 and answer:
        return answer
    reason = await asyncio.to_thread(_reason, code, files.log)
    return Measurement(seconds=loop.time() - started, error=f"training failed: {reason}")


def worker_command(job: Path) -> tuple[str, ...]:
    """Return the command that does a job."""
    return sys.executable, "-m", "genius.evaluators.worker", str(job)


async def _run(command: Sequence[str], log: Path, deadline: float | None) -> int:
    """Run a command in a process group of its own and return its exit code; nothing of it is left, come what may.

    Raises: TimeoutError after the deadline.
    """
    stderr = await asyncio.to_thread(log.open, "wb")
    with stderr:
        # the pipe to standard input is never written: it closes when this process ends, and the worker ends with it
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
        )
    try:
        async with asyncio.timeout(deadline):
            return await process.wait()
    finally:
        if process.returncode is None:
            await _stop(process)


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


def _reason(code: int, log: Path) -> str:
    """Say why a worker ended: the signal, or the last line of its log."""
    if code < 0:
        return f"the worker was ended by signal {-code} ({signal.strsignal(-code)})"
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    said = [line.strip() for line in lines if line.strip()]
    return said[-1] if said else f"the worker ended with code {code} and no answer"
