"""The source of a training's images: the device's memory, or processes that read ahead. Imports torch."""

from collections.abc import Iterator

import torch

from .batches import ALONE, Batch, Batches, Rank, Resident, as_input
from .images import Images, Pixels
from .loading import Streamed, read_all, read_batches
from .recipes import Recipe

_PIXELS_AT_ONCE = 2_000_000  # of a batch that is measured, unless a training batch has more


def measuring_batches(
    images: Images, recipe: Recipe, device: torch.device, rank: Rank = ALONE, loaders: int = 0
) -> Iterator[Batch]:
    """Yield this process's share of held-out images, without augmentation, in large batches."""
    mine = images.of(torch.arange(rank.number, len(images.labels), rank.world))
    if not isinstance(mine, Pixels):
        yield from read_batches(mine, recipe, device, loaders)
        return
    height, width = mine.images.shape[2:]
    at_once = max(recipe.batch, _PIXELS_AT_ONCE // max(height * width, recipe.size**2))
    for first in range(0, len(mine.labels), at_once):
        part = mine.images[first : first + at_once].to(device), mine.labels[first : first + at_once].to(device)
        yield as_input(part[0], recipe, mine.scale), part[1]


def training_batches(
    images: Images, recipe: Recipe, seed: int, device: torch.device, rank: Rank = ALONE, loaders: int = 0
) -> Batches[Batch]:
    """Choose the source of training images.

    Processes read ahead for random resized crops and for RandAugment; else the images lie on the device.
    """
    if recipe.augment == "resized-crop-flip":
        return Streamed(images, recipe, seed, device, rank, loaders)
    if not isinstance(images, Pixels):
        images = read_all(images, recipe, loaders)
    if recipe.rand_ops:
        return Streamed(images, recipe, seed, device, rank, loaders)
    return Resident(images, recipe, seed, device, rank)
