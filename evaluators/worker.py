"""The process that trains one architecture: `python -m genius.evaluators.worker`.

It loads what a training needs, which takes seconds, then waits for the path of its job on standard input. It prints
nothing and answers by a file. Standard input is also its tie to the process that started it: when that end of the pipe
closes, for whatever reason, the worker ends too.
"""

import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from ..errors import GeniusError
from ..record.files import open_plain
from ..training.disk import DiskFull
from ..training.job import Job
from .containment import CONTAINED, adopt_orphans, end_descendants

REFUSED = 78
"""The exit code where it is the job that cannot be done, whatever the architecture: the last line says why."""
FULL = 74
"""The exit code where its files found no room on the disk. Nor may words that say so."""


def main() -> None:
    """Do one job; it ends with a code of its own where the fault is not the architecture's."""
    if CONTAINED:
        adopt_orphans()
    jobs: queue.Queue[str] = queue.Queue()
    # before torch is loaded: that takes seconds, in which the parent may die as well
    threading.Thread(target=_listen, args=(jobs,), daemon=True).start()
    answer = _load()
    try:
        job = Job.load(Path(jobs.get()))
        with open(job.files.log, "ab", opener=open_plain) as log:
            os.dup2(log.fileno(), sys.stderr.fileno())
        answer(job)
    except DiskFull:
        os._exit(FULL)  # a usual end would try to write what is left to write
    except GeniusError as error:
        _refuse(str(error))


def _load() -> Callable[[Job], object]:
    """Load what a training needs, and return what does a job."""
    try:
        from ..training.learn import do_job, warm_up

        warm_up()
    except Exception as error:  # whatever it is, no architecture has a part in it
        traceback.print_exc()
        _refuse(f"no training can be loaded: {type(error).__name__}: {error}")
    return do_job


def _refuse(why: str) -> NoReturn:
    """End the process, and say why in one line."""
    try:
        print(" ".join(why.split()), file=sys.stderr, flush=True)
    except OSError:
        os._exit(FULL)
    sys.exit(REFUSED)


def _listen(jobs: "queue.Queue[str]") -> None:
    """Pass the job on, and end the process with its parent."""
    told = b""
    # os.read, for a thread that waits in sys.stdin holds a lock that the interpreter needs at its own end
    while read := os.read(0, 1024):
        told += read
        if told.endswith(b"\n"):
            jobs.put(os.fsdecode(told[:-1]))
    if CONTAINED:
        end_descendants()
    elif hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)  # with what it started itself
    os._exit(1)


if __name__ == "__main__":
    main()
