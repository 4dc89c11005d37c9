"""The task of classification: images with labels, cross entropy, top-1 and top-5 accuracy. Imports torch."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn

from ..errors import GeniusError
from ..record.statistics import sampling_sd
from ..spaces import get_space
from ..spaces.objective import TOP5
from ..spaces.space import SearchSpace
from .batches import Batch, Batches, Rank
from .beginning import Begun, begin_training
from .dataset import channels_taken
from .epochs import FIVE, accuracies, cross_entropy
from .feeding import measuring_batches, training_batches
from .images import Images, SplitImages, load_images
from .job import TrainingJob
from .learning_task import TaskScore, size_in_words
from .loading import loaders_for
from .memory import blank_images
from .mixing import Mixing, mixing
from .prepare import card_of, image_shape, initial_network
from .recipes import Recipe
from .tasks import check_augmentation
from .tuning import Tuning
from .weights import write_weights


@dataclass(frozen=True)
class Classification:
    """A training's images and its network."""

    job: TrainingJob
    space: SearchSpace
    images: SplitImages
    network: nn.Module
    begun: Begun
    device: torch.device
    rank: Rank

    @classmethod
    def open(cls, job: TrainingJob, device: torch.device, rank: Rank) -> Self:
        """Load the images and build the network, with the weights that the training begins with.

        Raises: BadArchitecture; GeniusError for a data set that is missing, broken or of another shape than the
        network's, or that is split otherwise than when the training was planned, and for weights of another network.
        """
        space = get_space(job.space)
        space.check(job.architecture)
        images = load_images(job.data, job.downloads, channels_taken(space))
        if job.found is not None and job.found.digest not in ("", images.digest):
            raise GeniusError(
                f"{job.data} is not split as it was when this training was planned: images were added, removed or "
                "sorted otherwise; put them back, or begin anew in another folder"
            )
        check_augmentation(images.form, job.recipe)
        network = initial_network(job, space, images)
        begun = begin_training(network, space, card_of(job, images), job.recipe, job.origin)
        return cls(job, space, images, network, begun, device, rank)

    @property
    def tuning(self) -> Tuning:
        """The parts of the network that are not trained as all others are."""
        return self.begun.tuning

    @property
    def examples(self) -> int:
        """The number of training images."""
        return len(self.images.train.labels)

    @property
    def size(self) -> str:
        """The network's parameters, and its FLOPs where the space tells them without counting."""
        return size_in_words(self.network, self.space, self.job.architecture)

    @property
    def _loaders(self) -> int:
        return loaders_for(self.device) if self.job.loaders is None else self.job.loaders

    def batches(self) -> Batches[Batch]:
        """Return the source of training images."""
        job = self.job
        return training_batches(self.images.train, job.recipe, job.seed, self.device, self.rank, self._loaders)

    def loss(self, forward: nn.Module, batch: Batch, recipe: Recipe) -> Tensor:
        """Return the mean cross entropy, on images that are mixed where the recipe does so."""
        return cross_entropy(forward, self._mix(batch) if self._mix else batch, recipe)

    @cached_property
    def _mix(self) -> Mixing | None:
        return mixing(self.job.recipe, self.images.data.classes)

    def blank_loss(self, network: nn.Module, examples: int) -> Tensor:
        """Return the cross entropy of blank images."""
        return blank_images(image_shape(self.job, self.images), self.device)(network, examples)

    def measure(self, network: nn.Module) -> TaskScore:
        """Measure the accuracy in percent on the validation images."""
        return self._score(network, self.images.validation)

    def test(self, network: nn.Module) -> TaskScore:
        """Measure the accuracy in percent on the test images."""
        return self._score(network, self.images.test)

    def _score(self, network: nn.Module, images: Images) -> TaskScore:
        batches = measuring_batches(images, self.job.recipe, self.device, self.rank, self._loaders)
        top1, top5 = accuracies(network, batches, self.job.recipe, self.device, self.rank)
        metrics = {TOP5.name: top5} if self.images.data.classes > FIVE else {}
        return TaskScore(top1, sampling_sd(top1, len(images.labels)), metrics)

    def write_weights(self, network: nn.Module, path: Path) -> None:
        """Write the weights as safetensors."""
        write_weights(network, card_of(self.job, self.images), path)
