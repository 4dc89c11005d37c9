"""The side of a cluster's job that runs on its node: one worker, contained, with its time limits.

The folder of the evaluation is on a file system that the node shares with the search. `submission.json` there names the
job that does the evaluation: a job that it does not name, or that its search has left alone for an hour, ends itself.
"""

import asyncio
import json
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

from pydantic import Field

from ..record.files import read_plain, write_atomically
from ..record.measurement import Failure
from ..schema import CLOSED, Amount, BadRecord, Schema, Text
from ..training.job import JobFiles, cores, unheard
from .kinds import load_job
from .process import Process
from .watch import Heartbeat, OverLimit, TimeLimits, Watch, memory_limit
from .workers import Place

_PATIENCE = 3600.0  # seconds without a sign of life of the search
_LOOK = 2.0  # seconds between two looks at the submission


@dataclass(frozen=True)
class Submission:
    """The job of an evaluation: its name on the cluster, which no other job has, and the name of its own folder."""

    __pydantic_config__ = CLOSED

    name: Annotated[str, Field(strict=True, pattern=r"^genius-[0-9a-f]{16}$")]
    folder: Annotated[str, Field(strict=True, pattern=r"^slurm-[A-Za-z0-9_]{1,20}$")]


@dataclass(frozen=True)
class WorkerEnd:
    """The end of a worker on its node: its exit code or the limit that it went over, its first words and its time."""

    __pydantic_config__ = CLOSED

    code: Annotated[int, Field(strict=True)] = 0
    failure: Failure | None = None
    over: Text = ""
    complaint: Text = ""
    seconds: Amount = 0.0

    @property
    def found(self) -> int | OverLimit:
        """The exit code, or the limit."""
        if self.failure is None:
            return self.code
        found = OverLimit(self.over)
        found.failure = self.failure
        return found


SUBMISSION, END = Schema[Submission](Submission), Schema[WorkerEnd](WorkerEnd)


def submission_file(evaluation: Path) -> Path:
    """Return the path of the record of an evaluation's job."""
    return evaluation / "submission.json"


def read_submission(evaluation: Path) -> Submission | None:
    """Read which job does an evaluation; None where none is named."""
    try:
        return SUBMISSION.read(read_plain(submission_file(evaluation)))
    except (FileNotFoundError, BadRecord):
        return None


def read_end(folder: Path) -> WorkerEnd | None:
    """Read the end of the worker of a job, from the job's own folder; None before it."""
    try:
        return END.read(read_plain(folder / "end.json"))
    except (FileNotFoundError, BadRecord):
        return None


def work(evaluation: Path, submission: Submission, place: Place, limits: TimeLimits) -> None:
    """Do the job in the folder of an evaluation, from its last epoch on; write the end of the worker down.

    Raises: SystemExit where the job is ended from outside, or another one does the evaluation.
    """
    try:
        asyncio.run(_work(evaluation, submission, place, limits))
    except asyncio.CancelledError:
        sys.exit(128 + signal.SIGTERM)


async def _work(evaluation: Path, submission: Submission, place: Place, limits: TimeLimits) -> None:
    doing = asyncio.ensure_future(_do(evaluation, place, limits))
    _end_at_signals(doing)
    watching = asyncio.ensure_future(_until_unwanted(evaluation, submission))
    try:
        if _claim(evaluation / submission.folder):
            await asyncio.wait([doing, watching], return_when="FIRST_COMPLETED")
    finally:
        for each in (doing, watching):
            each.cancel()
        await asyncio.gather(doing, watching, return_exceptions=True)
    write_atomically(evaluation / submission.folder / "end.json", json.dumps(asdict(doing.result())))


def _end_at_signals(doing: "asyncio.Future[WorkerEnd]") -> None:
    """End at SIGTERM, which Slurm sends before it kills; take no notice of the warning before the time limit."""
    if threading.current_thread() is threading.main_thread():
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, doing.cancel)
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)


def _claim(folder: Path) -> bool:
    """Claim the evaluation for this job, once and again when it is requeued; False where another job has it.

    A controller that seemed not to answer may have taken the same submission twice.
    """
    mine, claim = os.environ.get("SLURM_JOB_ID", ""), folder / "claim"
    with suppress(FileExistsError), open(claim, "x") as file:
        file.write(mine)
    return claim.read_text() == mine


async def _until_unwanted(evaluation: Path, submission: Submission) -> None:
    """Wait until the evaluation names another job, or its search has shown no life for long."""
    file = submission_file(evaluation)
    while read_submission(evaluation) == submission and _age(file) < _PATIENCE:  # noqa: ASYNC110 - it may be far away
        await asyncio.sleep(_LOOK)


def _age(path: Path) -> float:
    with suppress(FileNotFoundError):
        return time.time() - path.stat().st_mtime
    return _PATIENCE


async def _do(evaluation: Path, place: Place, limits: TimeLimits) -> WorkerEnd:
    """Have a worker do the job, and end it in every case."""
    path = JobFiles(evaluation).job
    _, job = load_job(path)
    watch = Watch(job, limits, Heartbeat(job.files.epochs, unheard), memory_limit(job, cores() // place.threads or 1))
    started, process, end = time.monotonic(), Process(place.environment), WorkerEnd()
    try:
        end = WorkerEnd(await process.do(path, watch))
    except OverLimit as over:
        end = WorkerEnd(failure=over.failure, over=str(over))
    finally:
        complaint = await process.stop()
    return replace(end, complaint=complaint, seconds=time.monotonic() - started)
