"""Training on Slurm, by submitit: each evaluation is a job of its own. Loads submitit only when the pool is entered.

On its node a job runs one worker, as this machine would, in the evaluation's own folder: the run folder must be on a
file system that the nodes share with the search, and so must this Python. The worker's time limits hold there, from the
start of the job; the wait in the queue counts for none. Slurm is asked for the states of all jobs in one call, every
few seconds; epochs and answers are read from the folders.

A job that is preempted, requeued, cancelled by others, or lost with its node, or that comes to its own time limit, is
queued again and goes on from the last epoch. A job that outlives a killed search is found again by the search that goes
on, and followed.
"""

import asyncio
import json
import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Self, TypeVar

from ..errors import GeniusError, RunFailed
from ..record.files import write_atomically
from ..record.measurement import Measurement
from ..record.settings.slurm_request import SlurmRequest
from ..training.job import Job
from .pools import TryEnd, TurnPool, ended, read_measurement, write_job
from .slurm_cluster import GONE, Busy, Cluster, JobState, Slurm, ThisMachine
from .slurm_node import Submission, WorkerEnd, read_end, read_submission, submission_file, work
from .slurm_queue import ClusterQueue, JobOnCluster, finished_in_thread
from .watch import Heartbeat, TimeLimits
from .workers import Place

_T = TypeVar("_T")

_LOOK = 5.0  # seconds between two questions to Slurm
_BEAT = 0.5  # seconds between two looks at the files of an evaluation
_WAITS = (5.0, 10.0, 20.0, 40.0, 80.0)  # seconds before a busy cluster is asked again
_LATE = 15.0  # seconds in which files of a job that has ended may still arrive
_LEAVING = 60.0  # seconds in which a cancelled job is to end
_KILL = (-9, 137)  # exit codes of a worker that was killed
_KILLED = re.compile(r"^srun: error: .*: task \d+: (Killed|Terminated|Exited with exit code 143)", re.MULTILINE)
_OUT_OF_MEMORY = re.compile(r"exceeded (job )?memory limit|oom.?kill", re.IGNORECASE)
"""Slurm's words in a job's log for a full memory, by its own measurements and by those of the kernel."""


class SlurmWorkers(TurnPool[int]):
    """A pool on Slurm, which keeps `capacity` jobs in the queue or running, each at a place of its own.

    `cluster` is `slurm`, or `local` or `debug`, submitit's executors on this machine by which code is tried out. A
    training that is lost goes on in another job, until it was lost `tries` times in a row without an epoch in between.

    Raises: GeniusError without submitit, without Slurm's commands, and where Slurm refuses the request.
    """

    def __init__(
        self,
        request: SlurmRequest | None = None,
        *,
        capacity: int,
        place: Place | None = None,
        tries: int = 4,
        cluster: str = "slurm",
        look: float = _LOOK,
    ) -> None:
        if capacity < 1:
            raise GeniusError(f"the number of workers must be at least 1, got {capacity}")
        super().__init__(range(capacity), tries)
        self._place = place or Place()
        self._cluster: Cluster = (
            Slurm(request or SlurmRequest(), self._place.threads) if cluster == "slurm" else ThisMachine(cluster)
        )
        self._queue = ClusterQueue(self._cluster, look)
        self._jobs: dict[Path, JobOnCluster] = {}
        self._leaving: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        try:
            await asyncio.to_thread(__import__, "submitit")
        except ImportError as error:
            raise GeniusError("training on Slurm needs submitit: pip install 'genius-nas[slurm]'") from error
        await _patiently(self._cluster.check)
        self._watching = asyncio.ensure_future(self._queue.watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*self._leaving)
        self._watching.cancel()
        await asyncio.gather(self._watching, return_exceptions=True)

    async def _train(self, place: int, job: Job, limits: TimeLimits, heartbeat: Heartbeat) -> Measurement:
        job = self._place.assign(job)
        try:
            return await super()._train(place, job, limits, heartbeat)
        finally:
            await self._leave(job.folder)

    async def _try(self, place: int, job: Job, limits: TimeLimits, heartbeat: Heartbeat) -> Measurement | TryEnd:
        submitted = self._jobs.get(job.folder)
        if submitted is None or self._queue.state(submitted.name).is_over:
            await self._leave(job.folder)
            submitted = await self._found_again(job) or await self._submit(job, limits)
        return await self._verdict(await self._follow(submitted, job, heartbeat), submitted, job)

    async def _found_again(self, job: Job) -> JobOnCluster | None:
        """Find the job that an earlier search has left for this evaluation; None where there is none any more."""
        if (submission := await asyncio.to_thread(read_submission, job.folder)) is None:
            return None
        found = (await _patiently(lambda: self._cluster.states([submission.name]))).get(submission.name, GONE)
        old = JobOnCluster(self._cluster, job.folder, submission)
        if found.is_over or not _is_in(old.folder, found.output):  # a file that was copied names a job elsewhere
            await asyncio.to_thread(shutil.rmtree, old.folder, ignore_errors=True)
            return None
        self._jobs[job.folder] = old
        self._queue.add(old, found)
        return old

    async def _submit(self, job: Job, limits: TimeLimits) -> JobOnCluster:
        """Submit a job; its name is written down before, so that it is found after any crash.

        Raises: RunFailed where the cluster takes no such job.
        """
        path = await asyncio.to_thread(write_job, job)
        _check_path(path.parent)
        folder = Path(tempfile.mkdtemp(prefix="slurm-", dir=job.folder))
        submission = Submission(f"genius-{secrets.token_hex(8)}", folder.name)
        self._jobs[job.folder] = submitted = JobOnCluster(self._cluster, job.folder, submission)
        write_atomically(submission_file(job.folder), json.dumps(asdict(submission)))
        tried: list[str] = []

        def submit() -> str:
            if tried and (known := self._cluster.states(tried)):
                return known[submission.name].number  # it was taken, though the answer did not come
            tried.append(submission.name)
            return self._cluster.submit(folder, submission.name, work, (job.folder, submission, self._place, limits))

        state = JobState()  # it may have been taken, where this is cancelled
        try:
            state = JobState(await _patiently(submit))
        except GeniusError as error:
            state = GONE
            raise RunFailed(str(error)) from error
        finally:
            self._queue.add(submitted, state)
        return submitted

    async def _follow(self, submitted: JobOnCluster, job: Job, heartbeat: Heartbeat) -> WorkerEnd | JobState:
        """Tell of epochs until the worker has ended, or the job has without it, or begins anew."""
        restarts = self._queue.state(submitted.name).restarts
        while (end := read_end(submitted.folder)) is None:
            state = self._queue.state(submitted.name)
            if self._queue.failure is not None:
                raise RunFailed(str(self._queue.failure))
            if state.restarts > restarts:
                return state
            if state.is_over:
                return await self._late_end(submitted, state) or state
            await asyncio.sleep(_BEAT)
            await heartbeat.listen()
            if not (submitted.began or state.waits):
                submitted.began = time.monotonic()
        await heartbeat.listen()
        if end.code in _KILL:  # Slurm knows whether that was for its memory
            await self._queue.until_over(submitted.name, _LATE)
        return end

    async def _late_end(self, submitted: JobOnCluster, state: JobState) -> WorkerEnd | None:
        """Wait for the file of a worker that has ended, which may take seconds to be seen on a shared file system."""
        until = time.monotonic() + (_LATE if state.name in ("COMPLETED", "FAILED", "GONE") else 0.0)
        while (end := read_end(submitted.folder)) is None and time.monotonic() < until:
            with suppress(OSError):
                submitted.folder.chmod(0o700)  # has some of these file systems look again
            await asyncio.sleep(_BEAT)
        return end

    async def _verdict(self, found: WorkerEnd | JobState, submitted: JobOnCluster, job: Job) -> Measurement | TryEnd:
        """Return the answer of a job that has ended, or why there is none.

        Raises: RunFailed where no job of its kind can be done.
        """
        state, device = self._queue.state(submitted.name), self._place.device
        log = await asyncio.to_thread(submitted.log)
        short = state.name == "OUT_OF_MEMORY" or _OUT_OF_MEMORY.search(log)
        if short and await asyncio.to_thread(read_measurement, job.files.answer) is None:
            words = f"{job.noun} failed: it needed more memory than its job has on Slurm (mem=… asks for more)"
            return TryEnd("out of memory", words, device, seconds=submitted.seconds)
        if isinstance(found, WorkerEnd):
            end = await ended(found.found, job, device, found.complaint)
            return end if isinstance(end, Measurement) else replace(end, seconds=found.seconds)
        if answer := await asyncio.to_thread(read_measurement, job.files.answer):
            return answer
        if state.failed_by_itself and not _KILLED.search(log):
            raise RunFailed(submitted.why_not_begun(state, log))
        late = state.name in ("TIMEOUT", "DEADLINE")
        why = _WORDS.get(state.name, f"its state is {state.name}") if state.is_over else "it was requeued"
        words = f"{job.noun} was lost with its job {state.number} on Slurm: {why}"
        return TryEnd("timed out" if late else "lost", words, device, state.name != "DEADLINE", submitted.seconds)

    async def _leave(self, evaluation: Path) -> None:
        """End the job of an evaluation, if it has not ended, and wait for that."""
        if (job := self._jobs.pop(evaluation, None)) is None:
            return
        submission_file(evaluation).unlink(missing_ok=True)  # without it a job ends itself
        if read_end(job.folder) is None and not self._queue.state(job.name).is_over:
            await finished_in_thread(job.kill)
            await self._queue.until_over(job.name, _LEAVING)
        leaving = asyncio.create_task(self._clear(job))
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)

    async def _clear(self, job: JobOnCluster) -> None:
        """Remove the folder of a job once it has ended."""
        await self._queue.until_over(job.name, _LEAVING)
        self._queue.forget(job.name)
        await asyncio.to_thread(shutil.rmtree, job.folder, ignore_errors=True)


_WORDS = {
    "PREEMPTED": "it was preempted",
    "TIMEOUT": "it came to its time limit",
    "DEADLINE": "it came to its deadline",
    "NODE_FAIL": "its node failed",
    "BOOT_FAIL": "its node did not boot",
    "CANCELLED": "it was cancelled",
    "GONE": "it is gone",
}


async def _patiently(call: Callable[[], _T]) -> _T:
    """Make a blocking call in a thread, and again where the cluster is busy.

    Raises: RunFailed where it stays busy; GeniusError.
    """
    for wait in _WAITS:
        try:
            return await finished_in_thread(call)
        except Busy:
            await asyncio.sleep(wait)
    try:
        return await finished_in_thread(call)
    except Busy as busy:
        raise RunFailed(f"Slurm cannot be asked: {busy}") from busy


def _is_in(folder: Path, path: str) -> bool:
    return os.path.realpath(os.path.dirname(path)) == os.path.realpath(folder)


def _check_path(folder: Path) -> None:
    """Raises: RunFailed for a path that a batch script cannot hold."""
    if not str(folder).isprintable() or set(str(folder)) & set("%'\"\\"):
        raise RunFailed(f"a path with a quote, a %, a backslash or a line break cannot go to Slurm: {str(folder)!r}")
