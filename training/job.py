"""The job that a worker is given, and the files of its training. Does not load torch."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from ..errors import GeniusError
from ..record.files import read_plain, write_atomically
from ..schema import CLOSED, Amount, BadRecord, Count, Flag, Name, Number, Numbers, Schema, Text, Whole
from .recipes import Recipe


@dataclass(frozen=True)
class DataSummary:
    """The classes of a data set of one's own, the number of images of each part, and sentences on how it was read."""

    classes: tuple[Text, ...]
    train: Whole
    validation: Whole
    test: Whole
    notes: tuple[Text, ...] = ()


@dataclass(frozen=True)
class Job:
    """One training, in plain JSON types: the architecture, data set, recipe, device and folder.

    - `space`: the name of a space, or `module:NAME` of one's own.
    - `data`: the name of a data set, or `folder:PATH` of an image folder; `downloads` is where downloaded ones lie.
    - `folder`: belongs to this training alone; the same job in the same folder continues a training that was cut off.
    - `device`: `cpu`, `cuda`, `cuda:1` or `mps`; `threads`: of the CPU; `loaders`: processes that read images, None for
      as many as suit the device.
    - `memory_limit`: bytes of the device that the training may use; None for all that are free.
    - `keep_weights`: leave the trained weights in the folder.
    - `found`: the summary of the image folder when the training was planned; None for other data sets.
    """

    __pydantic_config__ = CLOSED

    space: Name
    architecture: Numbers
    seed: Whole
    data: Name
    recipe: Recipe
    folder: Path
    downloads: Path
    device: Name = "cpu"
    threads: Count = 1
    loaders: Whole | None = None
    memory_limit: Whole | None = None
    keep_weights: Flag = False
    found: DataSummary | None = None

    @property
    def files(self) -> "TrainingFiles":
        """The files of this training."""
        return TrainingFiles(self.folder)

    @property
    def identity(self) -> str:
        """The fields that the training outcome depends on, as JSON; a checkpoint of another identity is not used."""
        recipe = asdict(self.recipe)
        return json.dumps([self.space, self.architecture, self.seed, self.data, recipe], sort_keys=True)

    def save(self) -> Path:
        """Write `job.json` into the job's folder, whole or not at all; return its path."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomically(self.files.job, json.dumps(asdict(self), default=os.fspath))
        return self.files.job

    @classmethod
    def load(cls, path: Path) -> "Job":
        """Read a job from the file that `save` wrote.

        Raises: GeniusError where it holds no job.
        """
        try:
            return JOB.read(read_plain(path))
        except BadRecord as error:
            raise GeniusError(f"{path} does not hold a training job: {error}") from None


@dataclass(frozen=True)
class TrainingFiles:
    """The files of one training."""

    folder: Path

    @property
    def job(self) -> Path:
        """The job as JSON."""
        return self.folder / "job.json"

    @property
    def answer(self) -> Path:
        """The Measurement as JSON, written once and whole at the end."""
        return self.folder / "answer.json"

    @property
    def epochs(self) -> Path:
        """One JSON line for each epoch, appended and flushed: the heartbeat."""
        return self.folder / "epochs.jsonl"

    @property
    def checkpoint(self) -> Path:
        """Weights, optimiser and moving average after the last epoch that was saved; gone once there is an answer."""
        return self.folder / "checkpoint.pt"

    @property
    def weights(self) -> Path:
        """The trained weights, where the job keeps them."""
        return self.folder / "weights.safetensors"

    @property
    def log(self) -> Path:
        """The worker's standard error."""
        return self.folder / "log.txt"


@dataclass(frozen=True)
class Epoch:
    """One epoch of a training: counted from 1, of `epochs`; mean training loss; top-1 in percent where it was measured.

    `seconds` is how long the device has been held so far, in all tries together.
    """

    __pydantic_config__ = CLOSED

    epoch: Count
    epochs: Count
    loss: Number
    accuracy: Number | None
    images_per_second: Amount
    seconds: Amount


OnEpoch = Callable[[Epoch], None]
"""Called with every epoch as it ends."""

JOB, EPOCH = Schema[Job](Job), Schema[Epoch](Epoch)


def cores() -> int:
    """Return the number of CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
