"""Batches of training images, and the batches of images that lie on the device and are augmented there.

Everything random about an epoch is a function of the seed and the epoch, so that an epoch can be repeated exactly.
Imports torch.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..errors import GeniusError
from .augment import change, draw_augmentation, pad
from .card import ChannelScale
from .channels_last import CHANNELS_LAST
from .images import Pixels
from .recipes import Recipe


@dataclass(frozen=True)
class Rank:
    """The number of this process among the `world` processes that train together, each with a device of its own."""

    number: int = 0
    world: int = 1

    def share(self, batch: int) -> slice:
        """Return this process's share of a batch."""
        each = batch // self.world
        return slice(self.number * each, (self.number + 1) * each)


ALONE = Rank()

Batch = tuple[Tensor, Tensor]
"""Images of shape (n, channels, height, width) and labels of shape (n,), on the device."""


_B_co = TypeVar("_B_co", covariant=True)


class Batches(Protocol[_B_co]):
    """A source of training batches."""

    steps: int
    """Batches of an epoch."""
    batch: int
    """Images of a batch, over all processes."""

    def epoch(self, number: int) -> Iterator[_B_co]:
        """Yield the batches of an epoch; the same number gives the same batches."""
        ...


def generator(seed: int, epoch: int) -> torch.Generator:
    """Make the random generator of an epoch."""
    (state,) = np.random.SeedSequence((seed, epoch)).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state >> np.uint64(1)))


def steps_of(images: int, recipe: Recipe, rank: Rank, examples: str = "images") -> tuple[int, int]:
    """Return the number of batches of an epoch, and the images of a batch: all images, where they are fewer.

    `examples` is the word for them.
    Raises: GeniusError where the processes cannot share a batch evenly.
    """
    batch = min(recipe.batch, images - images % rank.world)
    if batch % rank.world:
        raise GeniusError(f"a batch of {batch} {examples} cannot be shared evenly by {rank.world} processes")
    return images // batch, batch


class Resident:
    """Batches of images that lie on the device, augmented there."""

    def __init__(self, images: Pixels, recipe: Recipe, seed: int, device: torch.device, rank: Rank = ALONE) -> None:
        self.steps, self.batch = steps_of(len(images.labels), recipe, rank)
        self._recipe, self._seed, self._rank, self._device = recipe, seed, rank, device
        self._shape = tuple(images.images.shape)
        self._padded = pad(images.images, recipe.augment).to(device)
        self._labels, self._scale = images.labels.to(device), images.scale

    def epoch(self, number: int) -> Iterator[Batch]:
        """Yield an epoch's batches."""
        rng = generator(self._seed, number)
        order = torch.randperm(self._shape[0], generator=rng).to(self._device)
        how = draw_augmentation(self._recipe.augment, self._shape, rng)
        how = how and how.to(self._device)
        for step in range(self.steps):
            taken = order[step * self.batch : (step + 1) * self.batch][self._rank.share(self.batch)]
            if how is None:
                images = self._padded[taken]
            else:
                images = change(self._padded, taken, how.of(taken), *self._shape[2:])
            yield as_input(images, self._recipe, self._scale), self._labels[taken]


def as_input(images: Tensor, recipe: Recipe, scale: ChannelScale) -> Tensor:
    """Turn images into a network's input: bytes become floats of about mean 0 and SD 1; all get the recipe's size."""
    if not images.dtype.is_floating_point:
        mean, factor = _statistics(scale, images.device)
        images = images.to(torch.float32, memory_format=CHANNELS_LAST).sub_(mean).mul_(factor)
    if recipe.size and images.shape[-1] != recipe.size:
        images = functional.interpolate(images, (recipe.size, recipe.size), mode="bilinear")
    return images.contiguous(memory_format=CHANNELS_LAST)


@cache
def _statistics(scale: ChannelScale, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the mean and 1 / SD of the bytes of each channel, of shape (channels, 1, 1); one copy for each device."""
    mean, deviation = torch.tensor([scale.mean, scale.sd]) * 255
    return mean[:, None, None].to(device), (1 / deviation)[:, None, None].to(device)
