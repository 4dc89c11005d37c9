"""The images of a data set in their fixed split: to train on, to steer the search, to test. Imports torch."""

from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from ..errors import GeniusError
from .augment import distort
from .data import Cifar, ImageFolder, find_data
from .dataset import COLOURS, DataSet
from .decoding import as_bytes, read_image
from .pairs import Examples, Pairs, example
from .split import ImagePaths, held_out

_DIGITS_SEED = 1797  # it defines the split, and never changes
_DIGITS_TRAIN_EACH = 20
_DIGITS_COPIES = 4  # distorted copies of every validation and test image: more copies measure more exactly


@dataclass(frozen=True)
class Pixels:
    """Images in memory, of shape (n, channels, height, width), bytes or floats from 0 to 1; labels of shape (n,)."""

    images: Tensor
    labels: Tensor

    def of(self, numbers: Tensor) -> "Pixels":
        """Return some of the images."""
        return Pixels(self.images[numbers], self.labels[numbers])


@dataclass(frozen=True)
class ImageFiles:
    """Images on disk, read when they are needed; labels of shape (n,).

    `broken` collects the errors of the files that cannot be read; all selections of these images share it.
    """

    paths: tuple[str, ...]
    labels: Tensor
    broken: set[str] = field(default_factory=set)
    size = 0  # in pixels; they may differ

    def of(self, numbers: Tensor) -> "ImageFiles":
        """Return some of the images."""
        paths = tuple(self.paths[number] for number in numbers.tolist())
        return replace(self, paths=paths, labels=self.labels[numbers])

    def read(self, number: int) -> Tensor:
        """Read an image as bytes of shape (3, height, width).

        Raises: GeniusError.
        """
        return read_image(self.paths[number])


@dataclass(frozen=True)
class Samples:
    """Colour images of a data set of one's own, read when they are needed; labels of shape (n,).

    `numbers` are those of the images in `part`, of shape (n,). `size` are the pixels of a side of the first of them, 0
    where it is no square. `broken` is as that of `ImageFiles`.
    """

    name: str
    part: Examples
    numbers: Tensor
    labels: Tensor
    size: int
    broken: set[str] = field(default_factory=set)

    def of(self, numbers: Tensor) -> "Samples":
        """Return some of the images."""
        return replace(self, numbers=self.numbers[numbers], labels=self.labels[numbers])

    def read(self, number: int) -> Tensor:
        """Read an image as bytes of shape (3, height, width).

        Raises: GeniusError.
        """
        return _read(self.name, self.part, int(self.numbers[number]), COLOURS)


Read = ImageFiles | Samples
"""Images that are read when they are needed."""

Images = Pixels | ImageFiles | Samples


@dataclass(frozen=True)
class SplitImages:
    """A data set's training images, the validation images that steer the search, and the test images.

    `classes` are the names of the classes, in the order of the labels.
    """

    data: DataSet
    classes: tuple[str, ...]
    train: Images
    validation: Images
    test: Images


def load_images(name: str, downloads: Path) -> SplitImages:
    """Load a data set by its name, and split it.

    Raises: GeniusError where it is missing or incomplete.
    """
    return find_data(name, downloads).load()


def load_folder(data: ImageFolder) -> SplitImages:
    """List the images of a folder, split; they are read when they are needed."""
    split = data.split()
    return SplitImages(data, split.classes, *map(_on_disk, (split.train, split.validation, split.test)))


def load_cifar(data: Cifar) -> SplitImages:
    """Load CIFAR: its test images are for the final test, a share of its training images steers the search."""
    (train, classes), (test, _) = _cifar(data, train=True), _cifar(data, train=False)
    return SplitImages(data, classes, *_hold_out(train, data.held_out), test)


def _cifar(data: Cifar, *, train: bool) -> tuple[Pixels, tuple[str, ...]]:
    from torchvision.datasets import CIFAR10, CIFAR100

    try:
        read = {"cifar10": CIFAR10, "cifar100": CIFAR100}[data.name](data.root, train=train)
    except (RuntimeError, OSError) as error:  # the first is torchvision's word for files that are not its authors'
        raise GeniusError(f"{data.name} in {data.root} is not whole: run `genius fetch {data.name}`") from error
    images = torch.from_numpy(read.data).permute(0, 3, 1, 2).contiguous()
    return Pixels(images, torch.tensor(read.targets)), tuple(read.classes)


def _on_disk(files: ImagePaths) -> ImageFiles:
    return ImageFiles(files.paths, torch.from_numpy(files.labels))


def _hold_out(images: Images, share: float) -> tuple[Images, Images]:
    """Hold out a share of each class; return the remaining and the held-out images, both in order."""
    held = torch.from_numpy(held_out(images.labels.numpy(), share))
    return images.of((~held).nonzero()[:, 0]), images.of(held.nonzero()[:, 0])


def load_pairs(data: Pairs) -> SplitImages:
    """Load a data set of one's own, split: colour images are read when they are needed, others lie in memory."""
    parts: list[Images] = [
        _part(data, part, torch.from_numpy(labels)) for part, labels in zip(data.parts, data.labels, strict=True)
    ]
    if len(parts) == 2:
        parts = [*_hold_out(parts[0], data.held_out), parts[1]]
    return SplitImages(data, data.names, *parts)


def _part(data: Pairs, part: Examples, labels: Tensor) -> Pixels | Samples:
    if data.channels == COLOURS:
        return Samples(data.name, part, torch.arange(len(labels)), labels, data.size)
    images = [_read(data.name, part, number, data.channels) for number in range(len(labels))]
    if len(sizes := {image.shape for image in images}) > 1:
        raise GeniusError(f"images that have no colours are to be of one size, and {data.name} has {len(sizes)} sizes")
    return Pixels(torch.stack(images).float() / 255, labels)


def _read(name: str, part: Examples, number: int, channels: int) -> Tensor:
    """Read an image of a data set as bytes of shape (channels, height, width).

    Raises: GeniusError.
    """
    image, _ = example(name, part, number)
    try:
        found = as_bytes(image)
    except ValueError as error:
        raise GeniusError(f"image {number} of {name} cannot be used: {error}") from error
    if found.shape[0] != channels:
        raise GeniusError(f"image {number} of {name} has {found.shape[0]} channels, and the first one has {channels}")
    return found


@cache
def load_digits(data: DataSet) -> SplitImages:
    """Split scikit-learn's digits: 20 images of each to train on, half of the rest each to validate and to test.

    1,797 grey images of 8×8 pixels are made hard: few to train on, and all shifted and noisy.
    """
    from sklearn import datasets

    bunch = datasets.load_digits()
    rng = torch.Generator().manual_seed(_DIGITS_SEED)
    whole = Pixels(torch.from_numpy(bunch.images / 16).float()[:, None], torch.from_numpy(bunch.target).long())
    shuffled = torch.randperm(len(whole.labels), generator=rng)
    by_digit = [shuffled[whole.labels[shuffled] == digit] for digit in range(10)]
    train = torch.cat([numbers[:_DIGITS_TRAIN_EACH] for numbers in by_digit])
    rest = torch.cat([numbers[_DIGITS_TRAIN_EACH:] for numbers in by_digit])

    def distorted(numbers: Tensor) -> Pixels:
        copies = whole.of(numbers.repeat(_DIGITS_COPIES))
        return Pixels(distort(copies.images, rng), copies.labels)

    # every second image of each digit, so that both sets hold the digits in the same numbers
    names = tuple(map(str, bunch.target_names))
    return SplitImages(data, names, whole.of(train), distorted(rest[::2]), distorted(rest[1::2]))
