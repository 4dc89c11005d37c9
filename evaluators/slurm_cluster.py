"""The clusters that `submitit` submits to: Slurm, and its own executors on this machine, by which code is tried out.

Slurm is asked by `squeue`, with one call for all jobs. Accounting may be switched off: `sacct` is only asked of jobs
that `squeue` has forgotten.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import GeniusError
from ..printable import one_line
from ..record.secret_names import without_secrets
from ..record.settings.slurm_request import SlurmRequest

if TYPE_CHECKING:
    from submitit import Job as Submitted

Work = Callable[..., None]

_TIMEOUT = 120.0  # seconds for one command of Slurm
_FIELDS = ("JobID", "Name", "State", "RestartCnt", "Reason", "STDOUT")
_WAITING = ("PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "RESV_DEL_HOLD", "SPECIAL_EXIT")
_NOT_OVER = frozenset(
    ("CONFIGURING", "RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "RESIZING", "SIGNALING", "STAGE_OUT", *_WAITING)
)
_IN_PASSING = re.compile(
    "unable to contact|timed out|temporarily|connection|communication|try again|transport endpoint|zero bytes|"
    "controller not responding|in standby",
    re.IGNORECASE,
)


class Busy(Exception):
    """A failure of the cluster that passes, such as a controller that does not answer."""


@dataclass(frozen=True)
class JobState:
    """The state of a job on the cluster: its number, Slurm's name of the state, and how often it was requeued.

    `reason` says why it waits, `output` is the path that takes its output.
    """

    number: str = ""
    name: str = "PENDING"
    restarts: int = 0
    reason: str = ""
    output: str = ""

    @property
    def is_over(self) -> bool:
        """Whether the job has ended."""
        return self.name not in _NOT_OVER

    @property
    def waits(self) -> bool:
        """Whether the job waits in the queue."""
        return self.name in _WAITING

    @property
    def failed_by_itself(self) -> bool:
        """Whether the job's own program ended, and Slurm names no failure of a node or of the launch."""
        return self.name == "COMPLETED" or (self.name == "FAILED" and self.reason in ("", "None", "NonZeroExitCode"))


GONE = JobState(name="GONE")
"""The state of a job that the cluster does not know, or has forgotten."""


class Cluster(Protocol):
    """A cluster that takes jobs by a name that no other job has; every call blocks."""

    def check(self) -> None:
        """Raises: GeniusError where it takes no job like these."""
        ...

    def submit(self, folder: Path, name: str, work: Work, arguments: Sequence[object]) -> str:
        """Submit a job that calls a function of a module, and return its number; its files go into the folder.

        Raises: GeniusError where the cluster refuses it; Busy.
        """
        ...

    def states(self, names: Collection[str]) -> Mapping[str, JobState]:
        """Return the states of the jobs of these names that the cluster knows. Raises: Busy."""
        ...

    def cancel(self, name: str) -> None:
        """End a job, whether it waits or runs. Raises: Busy."""
        ...


class Slurm:
    """The Slurm whose clients are on this machine, with a request for each job and its CPU threads."""

    def __init__(self, request: SlurmRequest, threads: int) -> None:
        self._options = {"cpus-per-task": str(threads)} | dict(request.options)
        self._words, self._threads = request.words, threads
        self._numbers: dict[str, str] = {}

    def check(self) -> None:
        """Have `sbatch` check the request, without submitting anything.

        Raises: GeniusError without Slurm's clients, or where Slurm refuses the request; Busy.
        """
        if missing := [name for name in ("sbatch", "srun", "squeue", "scancel") if shutil.which(name) is None]:
            raise GeniusError(f"there is no {missing[0]} on this machine: start the search where Slurm's commands are")
        options = (f"--{name}={value}" if value else f"--{name}" for name, value in self._options.items())
        self._run("sbatch", "--test-only", *options, "--wrap=true")

    def submit(self, folder: Path, name: str, work: Work, arguments: Sequence[object]) -> str:
        """Submit a job of one task."""
        from submitit import SlurmExecutor, SlurmJob
        from submitit.core.utils import FailedSubmissionError

        run = self._run

        class Executor(SlurmExecutor):
            """Hands the script to `sbatch` by a pipe: a script and links to it would be left in the run folder."""

            def _submit_command(self, command: str) -> SlurmJob[Any]:
                said = run("sbatch", script=self._make_submission_file_text(command, ""))
                return SlurmJob(folder=self.folder, job_id=self._get_job_id_from_submission_command(said))

        executor = Executor(folder)
        executor.update_parameters(
            job_name=name,
            time=None,  # that of the partition
            wckey=None,
            srun_args=[f"--cpus-per-task={self._threads}"],
            additional_parameters={option: value or True for option, value in self._options.items()},
        )
        try:
            self._numbers[name] = number = executor.submit(work, *arguments).job_id
        except FailedSubmissionError as error:
            raise GeniusError(f"sbatch gave no number of a job: {one_line(str(error), 300)}") from error
        return number

    def states(self, names: Collection[str]) -> Mapping[str, JobState]:
        """Ask for all of these jobs in one call, and for those that Slurm has forgotten in another."""
        shape = ",".join(f"{each}:|" for each in _FIELDS)
        said = self._run(
            "squeue", "--me", "--states=all", "--noheader", f"--name={','.join(names)}", f"--Format={shape}"
        )
        lines = (line for line in said.splitlines() if line.count("|") >= len(_FIELDS))
        rows = sorted(map(_row, lines), key=lambda row: not row[1].is_over)
        found = dict(rows)  # of two with one name the one that is not over
        self._numbers.update((name, state.number) for name, state in found.items())
        forgotten = [name for name in names if name not in found and name in self._numbers]
        return found | self._accounted(forgotten)

    def _accounted(self, names: Sequence[str]) -> dict[str, JobState]:
        """Ask the accounting, where it is switched on, how jobs ended that the controller has forgotten."""
        if not names:
            return {}
        ended = {name: replace(GONE, number=self._numbers[name]) for name in names}
        asked = ("--noheader", "--parsable2", "--allocations", "--format=JobID,JobName%40,State")
        numbers = ",".join(self._numbers[name] for name in names)
        try:
            said = self._run("sacct", *asked, f"--jobs={numbers}")
        except (GeniusError, Busy):  # it is switched off
            return ended
        for number, name, state in (line.split("|") for line in said.splitlines() if line.count("|") == 2):
            if name in ended:
                ended[name] = JobState(number, state.split()[0])
        return ended

    def cancel(self, name: str) -> None:
        """End all jobs of a name."""
        shape = ("--noheader", "--format=%i")
        if numbers := self._run("squeue", "--me", f"--name={name}", *shape).split():
            self._run("scancel", *numbers)

    def _run(self, program: str, *arguments: str, script: str | None = None) -> str:
        """Run one of Slurm's commands; return its output.

        Raises: Busy; GeniusError where it fails otherwise.
        """
        try:
            done = subprocess.run(
                [program, *arguments],
                input=script or "",
                env=_environment(),
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                timeout=_TIMEOUT,
            )
        except subprocess.TimeoutExpired:
            raise Busy(f"{program} gave no answer in {_TIMEOUT:g} s") from None
        except OSError as error:
            raise GeniusError(f"{program} cannot be run: {error.strerror or error}") from error
        if not done.returncode:
            return done.stdout
        why = _complaint(done.stderr) or f"{program} ended with code {done.returncode}"
        if _IN_PASSING.search(why):
            raise Busy(why)
        raise GeniusError(f"Slurm refuses the request ({self._words}): {why}")


def _environment() -> dict[str, str]:
    """Return the environment for Slurm's commands, which jobs get: without secrets, and those of a job around us."""
    found = without_secrets(os.environ)
    return {name: value for name, value in found.items() if name == "SLURM_CONF" or not name.startswith("SLURM_")}


def _row(line: str) -> tuple[str, JobState]:
    number, name, state, restarts, reason, *output = line.split("|")
    return name, JobState(number, state, int(restarts), reason, "|".join(output).removesuffix("|"))


def _complaint(text: str) -> str:
    """Return the complaints of one of Slurm's commands in one line."""
    lines = [re.sub(r"^\w+: (error: )?", "", line).strip() for line in text.splitlines()]
    return "; ".join(dict.fromkeys(line for line in lines if line and not line.startswith("Try ")))


class ThisMachine:
    """submitit's executors without a cluster: `local`, with a process for each job, and `debug`, with none."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._jobs: dict[str, Submitted[None]] = {}

    def check(self) -> None:
        """Nothing can be refused here."""

    def submit(self, folder: Path, name: str, work: Work, arguments: Sequence[object]) -> str:
        """Submit a job; `debug` does it in this call."""
        from submitit import AutoExecutor

        executor = AutoExecutor(folder, cluster=self._kind)
        executor.update_parameters(timeout_min=60 * 24 * 365)
        self._jobs[name] = job = executor.submit(work, *arguments)
        if self._kind == "debug":
            job.results()
        return job.job_id

    def states(self, names: Collection[str]) -> Mapping[str, JobState]:
        """Return the states in Slurm's words."""
        words = {"RUNNING": "RUNNING", "QUEUED": "PENDING", "INTERRUPTED": "NODE_FAIL"}
        jobs = {name: self._jobs[name] for name in names if name in self._jobs}
        return {name: JobState(job.job_id, words.get(job.state, "COMPLETED")) for name, job in jobs.items()}

    def cancel(self, name: str) -> None:
        """End a job."""
        if (job := self._jobs.get(name)) and job.state == "RUNNING":
            job.cancel(check=False)
