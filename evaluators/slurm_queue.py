"""The jobs of a pool on its cluster, and the looks at their states."""

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ..errors import GeniusError, warn
from .pools import last_line
from .process import living
from .slurm_cluster import GONE, Busy, Cluster, JobState
from .slurm_node import Submission, submission_file

_T = TypeVar("_T")

_BEAT = 0.5  # seconds between two looks at the known states
_LONG = 60.0  # seconds in the queue that are told
_END_OF_LOG = 10_000  # characters


@dataclass(eq=False)
class JobOnCluster:
    """A job of this search on the cluster: the evaluation's folder, its name and folder, and since when it runs."""

    cluster: Cluster
    evaluation: Path
    submission: Submission
    began: float = 0.0

    def __post_init__(self) -> None:
        living.add(self)

    @property
    def name(self) -> str:
        """Its name on the cluster."""
        return self.submission.name

    @property
    def folder(self) -> Path:
        """The folder for the files of submitit, and for the end of the worker."""
        return self.evaluation / self.submission.folder

    @property
    def seconds(self) -> float:
        """The seconds for which the job has run, as far as this search has seen."""
        return time.monotonic() - self.began if self.began else 0.0

    def log(self) -> str:
        """Read the end of the job's output outside of its worker: complaints of Slurm, `srun` and Python."""
        texts = [path.read_text(errors="replace")[-_END_OF_LOG:] for path in self.folder.glob("*_log.err")]
        return "\n".join(texts)

    def kill(self) -> None:
        """Cancel the job, without waiting for its end; one that cannot be cancelled ends itself."""
        with suppress(Busy, GeniusError):
            self.cluster.cancel(self.name)

    def why_not_begun(self, state: JobState, log: str) -> str:
        """Say why the job ended before its worker did."""
        own = "\n".join(line for line in log.splitlines() if not line.startswith(("srun: ", "slurmstepd")))
        told = last_line(own) or f"it left no log in {self.folder}, which the nodes must share with the search"
        return f"the job {state.number} on Slurm ended before its worker was heard of: {told}"


class ClusterQueue:
    """The states of the jobs of a pool, asked for in one call for all, every `look` seconds while one is not over."""

    def __init__(self, cluster: Cluster, look: float) -> None:
        self._cluster, self._look = cluster, look
        self._jobs: dict[str, JobOnCluster] = {}
        self._states: dict[str, JobState] = {}
        self.failure: GeniusError | None = None  # for which the cluster cannot be asked any more
        self._since: dict[str, float] = {}  # when each job that is not told of yet was submitted

    def add(self, job: JobOnCluster, state: JobState) -> None:
        """Begin to look at a job."""
        self._jobs[job.name], self._states[job.name] = job, state
        self._since[job.name] = time.monotonic()

    def forget(self, name: str) -> None:
        """Look at a job no more."""
        for known in (self._jobs, self._states, self._since):
            known.pop(name, None)

    def state(self, name: str) -> JobState:
        """Return the last known state of a job."""
        return self._states.get(name, GONE)

    async def until_over(self, name: str, seconds: float) -> None:
        """Wait until a job is over, but no longer than so many seconds."""
        until = time.monotonic() + seconds
        while not (self.state(name).is_over or self.failure or time.monotonic() > until):  # noqa: ASYNC110 - see `watch`
            await asyncio.sleep(_BEAT)

    async def watch(self) -> None:
        """Look at the jobs again and again, and show them that their search lives."""
        while self.failure is None:
            await asyncio.sleep(self._look)
            names = [name for name, state in self._states.items() if not state.is_over]
            if names:
                await self._look_at(names)

    async def _look_at(self, names: list[str]) -> None:
        for name in names:
            with suppress(OSError):
                os.utime(submission_file(self._jobs[name].evaluation))
        try:
            found = await finished_in_thread(lambda: self._cluster.states(names))
        except Busy:
            return
        except GeniusError as error:
            self.failure = error
            return
        for name in self._states.keys() & set(names):
            self._states[name] = found.get(name, GONE)
        self._tell()

    def _tell(self) -> None:
        """Tell once of each job that has waited for long."""
        now = time.monotonic()
        for name in [name for name, since in self._since.items() if now - since > _LONG]:
            del self._since[name]
            if (state := self._states[name]).waits:
                warn(f"the job {state.number} waits in Slurm's queue: {state.reason}")


async def finished_in_thread(call: Callable[[], _T]) -> _T:
    """Make a blocking call in a thread, and wait for its end even where this is cancelled."""
    running = asyncio.ensure_future(asyncio.to_thread(call))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise
