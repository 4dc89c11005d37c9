"""Batches of images with boxes, read by processes ahead of the training. Imports torch."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import GeniusError
from .batches import Rank, generator, steps_of
from .boxes import BoxedImage
from .decoding import read_image
from .loading import Key, ReadAhead, loaders_within, none_read
from .recipes import Recipe

BoxBatch = tuple[list[Tensor], list[dict[str, Tensor]]]
"""Images of shape (channels, height, width), values from 0 to 1, and of each its `boxes`, of shape (n, 4), and
`labels`, of shape (n,), on the device."""

_Read = tuple[int, Tensor]
"""The number of an image, and its bytes, of shape (channels, height, width)."""


@dataclass(frozen=True)
class BoxSource:
    """Images with boxes, and how they are read: their channels, the recipe, the device and the loaders."""

    images: Sequence[BoxedImage]
    channels: int
    recipe: Recipe
    device: torch.device
    loaders: int
    broken: set[str]

    def ahead(self, at_once: int) -> ReadAhead[_Read, list[_Read]]:
        """Return what reads batches of so many images."""
        most = max(image.width * image.height for image in self.images) * self.channels * at_once
        loaders = loaders_within(self.loaders, most)
        skip = self.recipe.skip_broken
        return ReadAhead(self._reader(), list, self.device, loaders, skip=skip, broken=self.broken)

    def _reader(self) -> Callable[[Key], _Read]:
        def read(key: Key) -> _Read:
            return key[0], read_boxed(self.images[key[0]], self.channels)

        return read

    def moved(self, image: Tensor) -> Tensor:
        """Return an image's bytes as values from 0 to 1 on the device."""
        return image.to(self.device, non_blocking=True).float() / 255


def read_boxed(image: BoxedImage, channels: int) -> Tensor:
    """Read an image as bytes of shape (channels, height, width).

    Raises: GeniusError, also where it has another size than the annotations say: its boxes lie elsewhere then.
    """
    read = read_image(image.path, channels)
    if read.shape[1:] != (image.height, image.width):
        raise GeniusError(
            f"{image.name!r} has {read.shape[2]} by {read.shape[1]} pixels, and its annotations say {image.width} by "
            f"{image.height}"
        )
    return read


class TrainingBoxes:
    """Batches of training images; the recipe's augmentation `flip` mirrors every second one with its boxes."""

    def __init__(self, source: BoxSource, seed: int, rank: Rank) -> None:
        self.steps, self.batch = steps_of(len(source.images), source.recipe, rank)
        self._source, self._seed, self._rank = source, seed, rank
        self._ahead = source.ahead(self.batch // rank.world)

    def epoch(self, number: int) -> Iterator[BoxBatch]:
        """Yield an epoch's batches."""
        rng, images = generator(self._seed, number), self._source.images
        order = torch.randperm(len(images), generator=rng).tolist()
        mirrored = (torch.rand(len(images), generator=rng) < 0.5).tolist()
        batches = [order[step * self.batch :][: self.batch][self._rank.share(self.batch)] for step in range(self.steps)]
        size = self.batch // self._rank.world
        for read in self._ahead.read([[(place, 0) for place in batch] for batch in batches]):
            if read is None:
                raise none_read(size)
            filled = [read[place % len(read)] for place in range(size)]
            yield self._made(filled, mirrored)

    def _made(self, read: list[_Read], mirrored: list[bool]) -> BoxBatch:
        flips = self._source.recipe.augment == "flip"
        made = [self._example(number, image, flips and mirrored[number]) for number, image in read]
        return [image for image, _ in made], [target for _, target in made]

    def _example(self, number: int, image: Tensor, mirrored: bool) -> tuple[Tensor, dict[str, Tensor]]:
        source, told = self._source, self._source.images[number]
        boxes = torch.from_numpy(told.boxes[~told.crowd]).float()
        labels = torch.from_numpy(told.labels[~told.crowd])
        if mirrored:
            image = image.flip(2)
            boxes = torch.stack([told.width - boxes[:, 2], boxes[:, 1], told.width - boxes[:, 0], boxes[:, 3]], 1)
        return source.moved(image), {"boxes": boxes.to(source.device), "labels": labels.to(source.device)}


def measuring_boxes(source: BoxSource, rank: Rank) -> Iterator[list[tuple[int, Tensor]]]:
    """Yield this process's share of the images in batches, each with its number.

    Raises: GeniusError where none of them can be read.
    """
    mine = range(rank.number, len(source.images), rank.world)
    batch = max(1, source.recipe.batch // rank.world)
    keys = [[(number, 0) for number in mine[first : first + batch]] for first in range(0, len(mine), batch)]
    count = 0
    for read in source.ahead(batch).read(keys):
        if read is not None:
            count += len(read)
            yield [(number, source.moved(image)) for number, image in read]
    if not count and len(mine):
        raise GeniusError(f"none of {len(mine)} image files can be read, such as: {min(source.broken)}")
