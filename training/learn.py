"""One training job from its description to its measurement. Imports torch."""

import json
import time
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn

from ..errors import GeniusError
from ..record.files import open_plain, write_atomically
from ..record.lines import append_records, cut_torn_line
from ..record.measurement import Failure, Measurement, Metrics
from ..record.statistics import sampling_sd
from ..spaces import get_space
from ..spaces.objective import TOP5
from ..spaces.space import CannotBuild, SearchSpace
from .backend import backend, device_name
from .batches import ALONE, Rank, steps_of
from .dataset import channels_taken
from .disk import told_when_full
from .epochs import FIVE, Diverged, accuracies, learner, train_epochs, uses_amp
from .feeding import measuring_batches, training_batches
from .images import Images, SplitImages, load_images
from .job import Epoch, OnEpoch, TrainingJob
from .loading import loaders_for
from .machine import bytes_in_words, is_out_of_memory
from .memory import Estimate, available, estimate
from .optimizer import copies_of_weights
from .prepare import card_of, image_shape, initial_network
from .saving import Checkpoint, Saved
from .weights import write_weights


class TooLarge(Exception):
    """The network would not fit into the device's memory."""


def do_job(job: TrainingJob, on_epoch: OnEpoch | None = None, rank: Rank = ALONE) -> Measurement:
    """Do a job with `learn`, write its measurement into the job's folder, and remove the checkpoint.

    Raises: every error of `learn`; DiskFull where the disk is full, which keeps the checkpoint.
    """
    with told_when_full(job.folder):
        measurement = learn(job, on_epoch, rank)
        if rank.number == 0:
            write_atomically(job.files.answer, json.dumps(asdict(measurement)))
            job.files.checkpoint.unlink(missing_ok=True)
    return measurement


def learn(job: TrainingJob, on_epoch: OnEpoch | None = None, rank: Rank = ALONE) -> Measurement:
    """Train an architecture, and measure its accuracy in percent on the validation and on the test images.

    Where there are more than five classes, top-5 accuracy is a metric of both.

    The training saves a checkpoint in the job's folder and continues from it. A network that cannot be built for the
    images, a loss that is no longer finite, and too little memory give a Measurement with a `failure`. On a CPU the
    same job gives the same accuracies, bit for bit.

    Raises: BadArchitecture; GeniusError for a data set that is missing, broken or of another shape than the network's.
    """
    space = get_space(job.space)
    space.check(job.architecture)
    started = time.perf_counter()
    exact, limit = job.recipe.deterministic, job.memory_limit
    with backend(job.device, threads=job.threads, deterministic=exact, memory_limit=limit) as device:
        try:
            run = _open(job, space, device, rank)
        except CannotBuild as error:
            _log(error, job, rank)
            name, seconds = device_name(device, job.threads), time.perf_counter() - started
            return Measurement(error=str(error), failure="raised", device=name, seconds=seconds)
        try:
            run.check_memory()
            found, test = run.train(on_epoch)
        except Diverged as error:
            return run.failed("diverged", str(error))
        except TooLarge as error:
            return run.failed("too large", str(error))
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error) or rank.world > 1:  # the others would wait for this one for ever
                raise
            return run.failed("out of memory", f"out of memory: {run.size()}")
        return run.succeeded(found, test)


def _log(error: CannotBuild, job: TrainingJob, rank: Rank) -> None:
    """Append an error to the log with its place in the code of the network."""
    if rank.number == 0:
        with open(job.files.log, "a", encoding="utf-8", opener=open_plain) as log:
            traceback.print_exception(error, file=log)


def _open(job: TrainingJob, space: SearchSpace, device: torch.device, rank: Rank) -> "_Run":
    """Read the checkpoint, load the images and build the network."""
    started = time.perf_counter()
    job.folder.mkdir(parents=True, exist_ok=True)
    checkpoint = Checkpoint(job.files.checkpoint, job.identity)
    saved = checkpoint.load()
    images = load_images(job.data, job.downloads, channels_taken(space))
    if job.found is not None and job.found.digest not in ("", images.digest):
        raise GeniusError(
            f"{job.data} is not split as it was when this training was planned: images were added, removed or sorted "
            "otherwise; put them back, or begin anew in another folder"
        )
    run = _Run(job, space, images, initial_network(job, space, images), device, rank, checkpoint, saved, started)
    if rank.number == 0:
        cut_torn_line(job.files.epochs)  # an epoch that is done again gets a line again
    return run


@dataclass(frozen=True)
class _Reading:
    """The top-1 accuracy of a network on images, in percent, and its top-5 accuracy, if any, among the metrics."""

    accuracy: float
    metrics: Metrics


@dataclass
class _Run:
    """A running job; times are those of `perf_counter`."""

    job: TrainingJob
    space: SearchSpace
    images: SplitImages
    network: nn.Module
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

    @property
    def loaders(self) -> int:
        """The number of processes that read images."""
        return loaders_for(self.device) if self.job.loaders is None else self.job.loaders

    def check_memory(self) -> None:
        """Compare the estimated memory of the training with the memory that is free.

        Raises: TooLarge where the training needs more.
        """
        recipe, shape = self.job.recipe, image_shape(self.job, self.images)
        _, batch = steps_of(len(self.images.train.labels), recipe, self.rank)
        self.estimate = estimate(
            self.network,
            shape,
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
        """Describe the network's size, so that a language model can choose a smaller one."""
        params = sum(p.numel() for p in self.network.parameters())
        cost = self.space.cost_of(self.job.architecture) if self.space.parts else None
        flops = f" and {cost.flops / 1e6:,.1f} M FLOPs" if cost else ""
        words = f"the network has {params / 1e6:,.2f} M parameters{flops}"
        if self.estimate is not None:
            size = bytes_in_words(self.estimate.total)
            words += f"; training it on {self.estimate.batch} images at once takes about {size}"
        return words

    def train(self, on_epoch: OnEpoch | None) -> tuple[_Reading, _Reading]:
        """Train the remaining epochs, and save and report each; measure the validation and the test images."""
        job, recipe, done = self.job, self.job.recipe, self.saved.epochs if self.saved else 0
        batches = training_batches(self.images.train, recipe, job.seed, self.device, self.rank, self.loaders)
        learns = learner(self.network, recipe, self.device, self.rank)
        if self.saved is not None:
            learns.restore(self.saved.learner)
        found = None
        classes, seed, device, rank = self.images.data.classes, job.seed, self.device, self.rank
        trained = train_epochs(learns, batches, recipe, classes=classes, seed=seed, device=device, rank=rank, done=done)
        for epoch, (loss, speed) in enumerate(trained, start=done + 1):
            look = epoch == recipe.epochs or (recipe.measure_every and epoch % recipe.measure_every == 0)
            found = self.measured(learns.measured, self.images.validation) if look else None
            if self.rank.number == 0:
                self.checkpoint.save(Saved(epoch, self.seconds, learns.state()))
            self.tell(
                Epoch(
                    epoch=epoch,
                    epochs=recipe.epochs,
                    loss=loss,
                    value=found.accuracy if found else None,
                    images_per_second=speed,
                    seconds=self.seconds,
                    metrics=found.metrics if found else {},
                ),
                on_epoch,
            )
        if found is None:  # the training was cut off after its last epoch
            found = self.measured(learns.measured, self.images.validation)
        if job.keep_weights and self.rank.number == 0:
            write_weights(learns.measured, card_of(job, self.images), job.files.weights)
        return found, self.measured(learns.measured, self.images.test)

    def measured(self, network: nn.Module, images: Images) -> _Reading:
        """Measure the network's accuracy on images."""
        batches = measuring_batches(images, self.job.recipe, self.device, self.rank, self.loaders)
        top1, top5 = accuracies(network, batches, self.job.recipe, self.device, self.rank)
        return _Reading(top1, {TOP5.name: top5} if self.images.data.classes > FIVE else {})

    def tell(self, epoch: Epoch, on_epoch: OnEpoch | None) -> None:
        """Append an epoch to the heartbeat file, and call `on_epoch`."""
        if self.rank.number == 0:
            append_records(self.job.files.epochs, [asdict(epoch)], synced=False)
            if on_epoch is not None:
                on_epoch(epoch)

    def succeeded(self, found: _Reading, test: _Reading) -> Measurement:
        """Return the measurement of a training that came to its end."""
        return Measurement(
            found.accuracy,
            test.accuracy,
            seconds=self.seconds,
            device=self.device_name,
            sd=sampling_sd(found.accuracy, len(self.images.validation.labels)),
            metrics=found.metrics,
            test_metrics=test.metrics,
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
