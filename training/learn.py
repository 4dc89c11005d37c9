"""One training job from its description to its measurement. Imports torch."""

import json
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..record.files import open_plain, write_atomically
from ..record.lines import append_records, cut_torn_line
from ..record.measurement import Failure, Measurement
from ..spaces.space import CannotBuild
from .backend import backend, device_name
from .batches import ALONE, Rank, steps_of
from .classification import Classification
from .detection import Detection
from .detection_job import DetectionJob
from .disk import told_when_full
from .epochs import Diverged, learner, train_epochs, uses_amp
from .images import load_images
from .job import Epoch, LearningJob, OnEpoch, TrainingJob
from .language import LanguageModelling
from .language_job import LanguageJob
from .learning_task import LearningTask, TaskScore
from .machine import bytes_in_words, is_out_of_memory
from .memory import Estimate, available, estimate
from .optimizer import copies_of_weights
from .saving import Checkpoint, Saved


class TooLarge(Exception):
    """The network would not fit into the device's memory."""


def do_job(job: LearningJob, on_epoch: OnEpoch | None = None, rank: Rank = ALONE) -> Measurement:
    """Do a job with `learn`, write its measurement into the job's folder, and remove the checkpoint.

    Raises: every error of `learn`; DiskFull where the disk is full, which keeps the checkpoint.
    """
    with told_when_full(job.folder):
        measurement = learn(job, on_epoch, rank)
        if rank.number == 0:
            write_atomically(job.files.answer, json.dumps(asdict(measurement)))
            job.files.checkpoint.unlink(missing_ok=True)
    return measurement


def learn(job: LearningJob, on_epoch: OnEpoch | None = None, rank: Rank = ALONE) -> Measurement:
    """Train a network for its task, and measure the task's objective on what steers, and on what tests.

    The training saves a checkpoint in the job's folder and continues from it. A network that cannot be built for the
    data, a loss that is no longer finite, and too little memory give a Measurement with a `failure`. On a CPU the same
    job gives the same values, bit for bit.

    Raises: BadArchitecture; GeniusError for a data set that is missing, broken or of another shape than the network's.
    """
    started = time.perf_counter()
    exact, limit = job.recipe.deterministic, job.memory_limit
    with backend(job.device, threads=job.threads, deterministic=exact, memory_limit=limit) as device:
        try:
            run = _open(job, device, rank)
        except CannotBuild as error:
            _log(error, job, rank)
            name, seconds = device_name(device, job.threads), time.perf_counter() - started
            return Measurement(error=str(error), failure="raised", device=name, seconds=seconds)
        try:
            run.check_memory()
            score, test = run.train(on_epoch)
        except Diverged as error:
            return run.failed("diverged", str(error))
        except TooLarge as error:
            return run.failed("too large", str(error))
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error) or rank.world > 1:  # the others would wait for this one for ever
                raise
            return run.failed("out of memory", f"out of memory: {run.size()}")
        return run.succeeded(score, test)


def _log(error: CannotBuild, job: LearningJob, rank: Rank) -> None:
    """Append an error to the log with its place in the code of the network."""
    if rank.number == 0:
        with open(job.files.log, "a", encoding="utf-8", opener=open_plain) as log:
            traceback.print_exception(error, file=log)


TASKS: Mapping[type[Any], Callable[..., LearningTask[Any]]] = {
    TrainingJob: Classification.open,
    DetectionJob: Detection.open,
    LanguageJob: LanguageModelling.open,
}
"""What opens the task of a job, from the job, the device and the rank."""


def _open(job: LearningJob, device: torch.device, rank: Rank) -> "_Run":
    """Read the checkpoint, and open the task."""
    started = time.perf_counter()
    job.folder.mkdir(parents=True, exist_ok=True)
    checkpoint = Checkpoint(job.files.checkpoint, job.identity)
    saved = checkpoint.load()
    run = _Run(job, TASKS[type(job)](job, device, rank), device, rank, checkpoint, saved, started)
    if rank.number == 0:
        cut_torn_line(job.files.epochs)  # an epoch that is done again gets a line again
    return run


@dataclass
class _Run:
    """A running job; times are those of `perf_counter`."""

    job: LearningJob
    task: LearningTask[Any]
    device: torch.device
    rank: Rank
    checkpoint: Checkpoint
    saved: Saved | None
    started: float
    estimate: Estimate | None = None

    @property
    def seconds(self) -> float:
        """The seconds for which the device has been held, in all tries together."""
        return time.perf_counter() - self.started + (self.saved.seconds if self.saved else 0.0)

    @property
    def device_name(self) -> str:
        """The name of the device."""
        return device_name(self.device, self.job.threads)

    def check_memory(self) -> None:
        """Compare the estimated memory of the training with the memory that is free.

        Raises: TooLarge where the training needs more.
        """
        recipe = self.job.recipe
        _, batch = steps_of(self.task.examples, recipe, self.rank, self.job.examples)
        self.estimate = estimate(
            self.task.network,
            self.task.blank_loss,
            batch=batch // self.rank.world,
            copies=copies_of_weights(recipe),
            device=self.device,
            amp=uses_amp(recipe, self.device),
        )
        free = available(self.device)
        limit = min(free, self.job.memory_limit or free)
        if self.estimate.total > limit:
            raise TooLarge(f"too large for {bytes_in_words(limit)} of memory on {self.device_name}: {self.size()}")

    def size(self) -> str:
        """Describe the network's size and its memory, so that a language model can choose a smaller one."""
        if self.estimate is None:
            return self.task.size
        size = bytes_in_words(self.estimate.total)
        return f"{self.task.size}; training it on {self.estimate.batch} {self.job.examples} at once takes about {size}"

    def train(self, on_epoch: OnEpoch | None) -> tuple[TaskScore, TaskScore | None]:
        """Train the remaining epochs, and save and report each; return the score, and that of the test, if any."""
        recipe, task, done = self.job.recipe, self.task, self.saved.epochs if self.saved else 0
        batches = task.batches()
        learns = learner(task.network, recipe, self.device, self.rank, task.tuning)
        if self.saved is not None:
            learns.restore(self.saved.learner)
        score, seed = None, self.job.seed
        trained = train_epochs(
            learns, batches, recipe, task.loss, seed=seed, device=self.device, rank=self.rank, done=done
        )
        for epoch, (loss, speed) in enumerate(trained, start=done + 1):
            look = epoch == recipe.epochs or (recipe.measure_every and epoch % recipe.measure_every == 0)
            score = task.measure(learns.measured) if look else None
            if self.rank.number == 0:
                self.checkpoint.save(Saved(epoch, self.seconds, learns.state()))
            self.tell(
                Epoch(
                    epoch=epoch,
                    epochs=recipe.epochs,
                    loss=loss,
                    value=score.value if score else None,
                    images_per_second=speed,
                    seconds=self.seconds,
                    metrics=dict(score.metrics) if score else {},
                ),
                on_epoch,
            )
        if score is None:  # the training was cut off after its last epoch
            score = task.measure(learns.measured)
        if self.job.keep_weights and self.rank.number == 0:
            task.write_weights(learns.measured, self.job.files.weights)
        return score, task.test(learns.measured)

    def tell(self, epoch: Epoch, on_epoch: OnEpoch | None) -> None:
        """Append an epoch to the heartbeat file, and call `on_epoch`."""
        if self.rank.number == 0:
            append_records(self.job.files.epochs, [asdict(epoch)], synced=False)
            if on_epoch is not None:
                on_epoch(epoch)

    def succeeded(self, score: TaskScore, test: TaskScore | None) -> Measurement:
        """Return the measurement of a training that came to its end."""
        return Measurement(
            score.value,
            test.value if test else None,
            seconds=self.seconds,
            device=self.device_name,
            sd=score.sd,
            metrics=score.metrics,
            test_metrics=test.metrics if test else {},
        )

    def failed(self, failure: Failure, error: str) -> Measurement:
        """Return the measurement of a training that failed."""
        return Measurement(seconds=self.seconds, error=error, failure=failure, device=self.device_name)


def warm_up() -> None:
    """Load the digits, the parts of torch that load on first use, and the GPU, so that no training waits for them."""
    load_images("digits", Path())
    torch.optim.SGD([nn.Parameter(torch.zeros(1))])
    if torch.cuda.is_available():
        torch.zeros(1, device="cuda")
