"""The process that trains one architecture: `python -m genius.evaluators.worker SPACE`.

It loads what the training needs, which takes seconds, then waits for the path of its job file on standard input. It
prints nothing and answers by a file. Standard input is also its tie to the process that started it: when that end of
the pipe closes, for whatever reason, the worker ends too.
"""

import json
import os
import queue
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Protocol, TypedDict

from ..spaces.space import Architecture
from ..tools.candidate import Measurement


class Job(TypedDict):
    """What a worker is told: the architecture, the seed, where to answer and to complain, and how many threads."""

    architecture: list[int]
    seed: int
    answer: str
    log: str
    threads: int


class Train(Protocol):
    """Trains an architecture and measures it."""

    def __call__(self, architecture: Architecture, seed: int, *, threads: int) -> Measurement: ...


def _digits() -> Train:
    from .digits import load, train

    load()
    return train


TRAINERS: dict[str, Callable[[], Train]] = {"digits": _digits}
"""The spaces that can be trained, by name. Getting the training function loads torch and the data."""


def main(space: str) -> None:
    """Do one job in a space."""
    jobs: queue.Queue[str] = queue.Queue()
    # before torch is loaded: that takes seconds, in which the parent may die as well
    threading.Thread(target=_listen, args=(jobs,), daemon=True).start()
    train = TRAINERS[space]()
    job: Job = json.loads(Path(jobs.get()).read_bytes())
    with open(job["log"], "wb") as log:
        os.dup2(log.fileno(), sys.stderr.fileno())
    measurement = train(tuple(job["architecture"]), job["seed"], threads=job["threads"])
    write_atomically(Path(job["answer"]), json.dumps(asdict(measurement)))


def _listen(jobs: "queue.Queue[str]") -> None:
    """Pass the job on, and end the process with its parent."""
    told = b""
    # os.read, for a thread that waits in sys.stdin holds a lock that the interpreter needs at its own end
    while read := os.read(0, 1024):
        told += read
        if told.endswith(b"\n"):
            jobs.put(os.fsdecode(told[:-1]))
    os._exit(1)


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all, even after a power cut.

    Raises: OSError, and leaves no partial file.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with partial.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


if __name__ == "__main__":
    main(sys.argv[1])
