"""The preparation of a training: the network that a job trains, built for its data set. Imports torch."""

import torch
from torch import nn

from ..errors import GeniusError
from ..printable import reason
from ..spaces.space import CannotBuild, SearchSpace
from .card import Card, input_of
from .dataset import channels_taken
from .images import Pixels, SplitImages
from .job import TrainingJob
from .loading import pixels_of


def image_shape(job: TrainingJob, split: SplitImages) -> tuple[int, int, int]:
    """Return the shape (channels, height, width) of the network's input images."""
    images, size = split.train, job.recipe.size
    if isinstance(images, Pixels) and not size:
        _, channels, height, width = images.images.shape
        return channels, height, width
    size = pixels_of(images, job.recipe)
    return images.channels, size, size


def card_of(job: TrainingJob, split: SplitImages) -> Card:
    """Make the card of the weights of a training."""
    size = image_shape(job, split)[-1]
    taken = input_of(split.form, job.recipe, size, split.train.scale)
    return Card(job.space, job.architecture, split.classes, taken, job.origin.sha256 if job.origin else "")


def initial_network(job: TrainingJob, space: SearchSpace, split: SplitImages) -> nn.Module:
    """Build the network of a job for its data set, with the initial weights that its seed gives.

    Raises: CannotBuild where it cannot be built for these images, or does not take them; GeniusError where it does not
    fit the data set's channels or classes.
    """
    shape, classes = image_shape(job, split), split.data.classes
    if (taken := channels_taken(space)) not in (None, shape[0]):
        raise GeniusError(
            f"{space.name} takes images of {taken} channels, {job.data}'s have {shape[0]}: let the space's "
            "build take input_channels"
        )
    # layers draw their weights from the global generator and take no other: it is seeded and then put back
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(job.seed)
        try:
            network = space.build_for(job.architecture, classes, shape[-1], shape[0])
            found = tuple(network.eval()(torch.zeros(2, *shape)).shape)
        except (MemoryError, GeniusError):
            raise
        except Exception as error:
            raise CannotBuild(
                f"the network of {list(job.architecture)} cannot be built for {classes} classes and images of shape "
                f"{list(shape)}: {reason(error)}"
            ) from error
    if found != (2, classes):
        raise GeniusError(
            f"{job.data} has {classes} classes, and the networks of {space.name} give scores of shape {found} for 2 "
            "images: let the space's build take num_classes"
        )
    return network.train()
