"""The images of a data set in their fixed split: to train on, to steer the search, to test. Imports torch."""

from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from ..errors import GeniusError
from .augment import distort
from .data import DataSet, find_data
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

    def of(self, numbers: Tensor) -> "ImageFiles":
        """Return some of the images."""
        paths = tuple(self.paths[number] for number in numbers.tolist())
        return replace(self, paths=paths, labels=self.labels[numbers])


Images = Pixels | ImageFiles


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
    data = find_data(name, downloads)
    if data.kind == "digits":
        return _digits(data)
    if data.kind == "cifar":
        (train, classes), (test, _) = _cifar(data, train=True), _cifar(data, train=False)
        return SplitImages(data, classes, *_hold_out(train, data.held_out), test)
    split = data.split()
    assert split is not None
    return SplitImages(data, split.classes, *map(_on_disk, (split.train, split.validation, split.test)))


def _cifar(data: DataSet, *, train: bool) -> tuple[Pixels, tuple[str, ...]]:
    from torchvision.datasets import CIFAR10, CIFAR100

    assert data.root is not None
    try:
        read = {"cifar10": CIFAR10, "cifar100": CIFAR100}[data.name](data.root, train=train)
    except (RuntimeError, OSError) as error:  # the first is torchvision's word for files that are not its authors'
        raise GeniusError(f"{data.name} in {data.root} is not whole: run `genius fetch {data.name}`") from error
    images = torch.from_numpy(read.data).permute(0, 3, 1, 2).contiguous()
    return Pixels(images, torch.tensor(read.targets)), tuple(read.classes)


def _on_disk(files: ImagePaths) -> ImageFiles:
    return ImageFiles(files.paths, torch.from_numpy(files.labels))


def _hold_out(images: Pixels, share: float) -> tuple[Pixels, Pixels]:
    """Hold out a share of each class; return the remaining and the held-out images, both in order."""
    held = torch.from_numpy(held_out(images.labels.numpy(), share))
    return images.of((~held).nonzero()[:, 0]), images.of(held.nonzero()[:, 0])


@cache
def _digits(data: DataSet) -> SplitImages:
    """Split scikit-learn's digits: 20 images of each to train on, half of the rest each to validate and to test.

    1,797 grey images of 8×8 pixels are made hard: few to train on, and all shifted and noisy.
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
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
