"""The process that does one job: `python -m genius.evaluators.worker`, perhaps with the path of the job.

Where it was given no path, the worker first loads the modules of a kind of job, or of a user's function (`--ahead`),
which takes seconds. Then it waits for the path on standard input, and ends when the process that started it closes the
other end of this pipe, or ends itself. It answers by a file, and the output of its job is the log of the evaluation.
"""

import argparse
import gc
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn, TypeVar

from ..errors import GeniusError
from ..plugins import import_object
from ..python_files import find_siblings_first
from ..record.files import open_plain
from ..training.disk import DiskFull
from .containment import CONTAINED, adopt_orphans, end_descendants
from .kinds import KINDS, load_job

_T = TypeVar("_T")

JOB_REFUSED = 78
"""The exit code of a job that cannot be done with any architecture: the last line of standard error says why."""
DISK_FULL = 74
"""The exit code of a full disk, on which a log may find no room either."""

_ARGUMENTS = argparse.ArgumentParser()
_ARGUMENTS.add_argument("job", nargs="?")
_ARGUMENTS.add_argument("--ahead", default="")


def main() -> None:
    """Do one job; the exit code is JOB_REFUSED or DISK_FULL where the fault is not the architecture's."""
    if CONTAINED:
        adopt_orphans()
    _be_first_to_go()
    find_siblings_first()
    gc.disable()  # a quarter of the time in which torch loads, for modules leave no garbage
    asked = _ARGUMENTS.parse_args()
    jobs: queue.Queue[str] = queue.Queue()
    if asked.job:
        jobs.put(asked.job)
    else:  # before anything is loaded, since the parent may end in the seconds that this takes
        threading.Thread(target=_listen, args=(_own_input(), jobs), daemon=True).start()
    try:
        _load(asked.ahead)
        kind, job = load_job(Path(jobs.get()))
        with open(job.files.log, "ab", opener=open_plain) as log:
            for number in (1, 2):
                os.dup2(log.fileno(), number)
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # it is Python's own
        do = _loading(kind.load)
        gc.freeze()
        gc.enable()
        do(job)
    except DiskFull:
        os._exit(DISK_FULL)  # a usual end would flush buffers to the full disk
    except GeniusError as error:
        _refuse(str(error))


def _be_first_to_go() -> None:
    """Have the kernel choose this process and its children where the machine's memory runs out, not the search."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _own_input() -> int:
    """Return the pipe from the parent, and give the job's own code an empty standard input."""
    pipe, nothing = os.dup(0), os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return pipe


def _load(ahead: str) -> None:
    """Load the modules of a kind of job, or the module of a user's function, before there is a job."""
    if ahead in KINDS:
        _loading(KINDS[ahead].load_ahead)
    elif ahead:
        with suppress(GeniusError):  # the job says it again
            import_object(ahead, "evaluator")


def _loading(load: Callable[[], _T]) -> _T:
    """Load modules; no architecture has a part in a failed import."""
    try:
        return load()
    except Exception as error:
        traceback.print_exc()
        _refuse(f"no training can be loaded: {type(error).__name__}: {error}")


def _refuse(why: str) -> NoReturn:
    """Print the reason in one line, and exit with JOB_REFUSED."""
    try:
        print(" ".join(why.split()), file=sys.stderr, flush=True)
    except OSError:
        os._exit(DISK_FULL)
    sys.exit(JOB_REFUSED)


def _listen(pipe: int, jobs: "queue.Queue[str]") -> None:
    """Put the job's path into the queue, and end the process when its parent ends."""
    told = b""
    # os.read, since a thread that waits in sys.stdin holds a lock that the interpreter needs at its exit
    while read := os.read(pipe, 1024):
        told += read
        if told.endswith(b"\n"):
            jobs.put(os.fsdecode(told[:-1]))
    if CONTAINED:
        end_descendants()
    elif hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)  # with its descendants
    os._exit(1)


if __name__ == "__main__":
    main()
