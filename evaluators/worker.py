"""The process that trains one architecture: `python -m genius.evaluators.worker JOB_FILE`.

It prints nothing and answers by a file. Standard input is its tie to the process that started it: when that end of the
pipe closes, for whatever reason, the worker ends too.
"""

import json
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Protocol, TypedDict

from ..spaces.space import Architecture
from ..tools.candidate import Measurement


class Job(TypedDict):
    """What a worker is told: the space's name, the architecture, the seed, where to answer, and how many threads."""

    space: str
    architecture: list[int]
    seed: int
    answer: str
    threads: int


class Train(Protocol):
    """Trains an architecture and measures it."""

    def __call__(self, architecture: Architecture, seed: int, *, threads: int) -> Measurement: ...


def _digits() -> Train:
    from .digits import train

    return train


TRAINERS: dict[str, Callable[[], Train]] = {"digits": _digits}
"""The spaces that can be trained, by name. Getting the training function is what loads torch."""


def main(job_file: str) -> None:
    """Do the job in a file."""
    # before torch is loaded: that takes seconds, in which the parent may die as well
    threading.Thread(target=_end_with_parent, daemon=True).start()
    job: Job = json.loads(Path(job_file).read_bytes())
    train = TRAINERS[job["space"]]()
    measurement = train(tuple(job["architecture"]), job["seed"], threads=job["threads"])
    write_atomically(Path(job["answer"]), json.dumps(asdict(measurement)))


def _end_with_parent() -> None:
    # os.read, for a thread that waits in sys.stdin holds a lock that the interpreter needs at its own end
    while os.read(0, 1024):
        pass
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
