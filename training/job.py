"""The jobs that workers are given, and the files of an evaluation. Does not load torch."""

import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import ClassVar, Literal, Self

from ..errors import GeniusError
from ..record.files import read_plain, sha256_of, write_atomically
from ..record.lines import read_records
from ..record.measurement import Metrics
from ..schema import CLOSED, Amount, BadRecord, Count, Flag, Name, Number, Numbers, Schema, Text, Whole
from ..spaces.objective import ACCURACY, Objective
from .recipes import Recipe


@dataclass(frozen=True)
class DataSummary:
    """The classes of a data set, the number of images of each part, and sentences on how it was read and split.

    `digest` is the SHA-256 of the labels of the training, validation and test images: another digest is another split.
    It is empty for a data set that is always the same. Of a text the classes are the characters that are known, the
    numbers are those of characters, and the digest is that of the text.
    """

    classes: tuple[Text, ...]
    train: Whole
    validation: Whole
    test: Whole
    notes: tuple[Text, ...] = ()
    digest: Text = ""


@dataclass(frozen=True, kw_only=True)
class Job:
    """The task of a worker process, in plain JSON types; subclasses add the fields of their `kind` of evaluation.

    - `folder`: belongs to this evaluation alone; the same job in the same folder continues one that was cut off.
    - `device`: `cpu`, `cuda`, `cuda:1` or `mps`; `threads`: of the CPU.
    - `memory_limit`: bytes that the evaluation may use; None for all that are free.

    `noun` is the word for the evaluation in messages. `may_be_silent` is whether it may take its time before its first
    epoch: a limit on silence then holds from this one on. `limits_itself` is whether it keeps to its memory by itself.
    """

    __pydantic_config__ = CLOSED
    noun: ClassVar[str] = "evaluation"
    may_be_silent: ClassVar[bool] = False
    limits_itself: ClassVar[bool] = False

    kind: Name
    folder: Path
    seed: Whole = 0
    device: Name = "cpu"
    threads: Count = 1
    memory_limit: Whole | None = None

    @property
    def files(self) -> "JobFiles":
        """The files of this evaluation."""
        return JobFiles(self.folder)

    def save(self) -> Path:
        """Write `job.json` into the job's folder, whole or not at all; return its path."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomically(self.files.job, json.dumps(asdict(self), default=os.fspath))
        return self.files.job

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a job of this kind from the file that `save` wrote.

        Raises: GeniusError where it holds none.
        """
        try:
            return Schema[Self](cls).read(read_plain(path))
        except BadRecord as error:
            raise GeniusError(f"{path} does not hold a job: {error}") from None


@dataclass(frozen=True)
class Origin:
    """The trained weights that a training begins with: their file, and its SHA-256."""

    __pydantic_config__ = CLOSED

    weights: Path
    sha256: Text

    @classmethod
    def of(cls, file: Path) -> "Origin":
        """Read the SHA-256 of a file of weights.

        Raises: GeniusError where there is none.
        """
        if not file.is_file():
            raise GeniusError(f"there are no weights at {file}")
        return cls(file.absolute(), sha256_of(file))


@dataclass(frozen=True, kw_only=True)
class LearningJob(Job):
    """One training: the architecture, the data set and the recipe. Subclasses are the tasks that a network learns.

    - `space`: the name of a space, or `module:NAME` of one's own.
    - `data`: the name of a data set, as `folder:PATH` of an image folder; `downloads` is where downloaded ones lie.
    - `loaders`: processes that read images, None for as many as suit the device.
    - `keep_weights`: leave the trained weights in the folder.
    - `found`: the summary of the data set when the training was planned.
    - `origin`: the trained weights that it begins with; None draws the initial ones.

    `objective` is the quantity that is measured, `examples` the word for the examples of a batch.
    """

    __pydantic_config__ = CLOSED
    noun = "training"
    limits_itself = True
    objective: ClassVar[Objective] = ACCURACY
    examples: ClassVar[str] = "images"

    space: Name
    architecture: Numbers
    data: Name
    recipe: Recipe
    downloads: Path
    loaders: Whole | None = None
    keep_weights: Flag = False
    found: DataSummary | None = None
    origin: Origin | None = None

    @property
    def identity(self) -> str:
        """The fields that the training outcome depends on, as JSON; a checkpoint of another identity is not used."""
        recipe = asdict(self.recipe)
        begun = [self.origin.sha256] if self.origin else []
        return json.dumps([self.space, self.architecture, self.seed, self.data, recipe, *begun], sort_keys=True)


@dataclass(frozen=True, kw_only=True)
class TrainingJob(LearningJob):
    """One training for classification.

    Raises: GeniusError where the recipe keeps weights as they were loaded, and none are.
    """

    __pydantic_config__ = CLOSED

    kind: Literal["training"] = "training"

    def __post_init__(self) -> None:
        if self.origin is None and (setting := self.recipe.freezes):
            raise GeniusError(
                f"{setting} leaves trained weights as they are, and this training draws new ones: `genius transfer` "
                "begins with trained ones"
            )


@dataclass(frozen=True)
class JobFiles:
    """The files of one evaluation."""

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
        """The worker's standard error, and all that a user's own code prints."""
        return self.folder / "log.txt"

    @property
    def own(self) -> Path:
        """The folder of the files that a user's own code keeps."""
        return self.folder / "files"

    @property
    def config(self) -> Path:
        """The configuration as JSON, for a user's command."""
        return self.folder / "config.json"

    @property
    def result(self) -> Path:
        """The result that a user's command may write, as JSON."""
        return self.folder / "result.json"

    @property
    def held(self) -> Path:
        """The seconds that a user's own code has taken so far, in all tries together."""
        return self.folder / "seconds.txt"

    def read_held(self) -> float:
        """Return those seconds; 0 where there are none."""
        try:
            return max(0.0, float(self.held.read_text()))
        except (OSError, ValueError):
            return 0.0

    def saved_at(self) -> int:
        """Return when a file that a user's own code keeps was last written, in ns since 1970; 0 where there is none."""
        times = [0]
        for file in self.own.iterdir() if self.own.is_dir() else ():
            with suppress(OSError):  # it has just been removed
                times.append(file.stat(follow_symlinks=False).st_mtime_ns)
        return max(times)


@dataclass(frozen=True)
class Epoch:
    """One epoch, or another step, of an evaluation: trainings count from 1, to `epochs` where their number is known.

    `value` is that of the objective after it, `loss` the mean training loss, `metrics` are further numbers; each where
    it was measured. Of a text the images are windows. `seconds` is how long the device has been held so far, in all
    tries together.
    """

    __pydantic_config__ = CLOSED

    epoch: Whole
    epochs: Count | None = None
    value: Number | None = None
    loss: Number | None = None
    images_per_second: Amount | None = None
    seconds: Amount = 0.0
    metrics: Metrics = field(default_factory=dict)


OnEpoch = Callable[[Epoch], None]
"""Called with every epoch as it ends."""

EPOCH = Schema[Epoch](Epoch)


def unheard(epoch: Epoch) -> None:
    """Take no notice of an epoch."""


def read_epochs(path: Path) -> list[Epoch]:
    """Read the epochs of an evaluation; one that was made again, after a kill, takes the place of those from it on.

    Raises: BrokenRun, with the file and the line.
    """
    kept: list[Epoch] = []
    for epoch in read_records(path, EPOCH):
        while kept and kept[-1].epoch >= epoch.epoch:
            kept.pop()
        kept.append(epoch)
    return kept


def cores() -> int:
    """Return the number of CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
