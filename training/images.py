"""The images of a data set, split once and for all: to train on, to steer the search, to test. Imports torch."""

import os
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..spaces.errors import GeniusError
from .augment import distort
from .data import DataSet, find_data, training_folder

_TASK_SEED = 1797  # of every split: it is part of the task and never changes
_DIGITS_TRAIN_EACH = 20
_DIGITS_COPIES = 4  # distorted copies of every validation and test image: more of them measure more exactly


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

    `broken` collects what is wrong with those that cannot be read; what are some of these images share it.
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
class Task:
    """A data set's images to train on, those that steer the search, and those for the final test alone."""

    data: DataSet
    train: Images
    validation: Images
    test: Images


def load_task(name: str, downloads: Path) -> Task:
    """Load a data set, split.

    Raises: GeniusError where it is not there, or not whole.
    """
    data = find_data(name, downloads)
    if data.kind == "digits":
        return _digits(data)
    if data.kind == "cifar":
        train, test = _cifar(data, train=True), _cifar(data, train=False)
        return Task(data, *_hold_out(train, data.held_out), test)
    return _folder(data)


def _cifar(data: DataSet, *, train: bool) -> Pixels:
    from torchvision.datasets import CIFAR10, CIFAR100

    assert data.root is not None
    try:
        read = {"cifar10": CIFAR10, "cifar100": CIFAR100}[data.name](data.root, train=train)
    except (RuntimeError, OSError) as error:  # the first is torchvision's word for files that are not its authors'
        raise GeniusError(f"{data.name} in {data.root} is not whole: run `genius fetch {data.name}`") from error
    return Pixels(torch.from_numpy(read.data).permute(0, 3, 1, 2).contiguous(), torch.tensor(read.targets))


def _folder(data: DataSet) -> Task:
    """Split a folder of images, one folder a class.

    `test/`, or `val/` where there is no `test/`, is for the final test alone; `val/` steers the search where there are
    both, and else a share of each class's training images. Where there is neither, a share of them is the test, too.
    """
    assert data.root is not None
    folder = training_folder(data.root)
    train, classes = _read_folder(folder)
    beside = [data.root / name for name in ("val", "test") if folder != data.root and (data.root / name).is_dir()]
    official = [_read_folder(place, classes)[0] for place in beside]
    if len(official) == 2:
        return Task(data, train, *official)
    if not official:
        train, test = _hold_out(train, data.held_out)
        official = [test]
    return Task(data, *_hold_out(train, data.held_out), *official)


def _read_folder(folder: Path, expected: list[str] | None = None) -> tuple[Images, list[str]]:
    """List the images of a folder and the names of its classes."""
    from torchvision.datasets import ImageFolder

    try:
        for entry in folder.iterdir():
            if entry.is_dir():
                os.scandir(entry).close()  # torchvision takes a folder that must not be read for an empty one
        found = ImageFolder(str(folder))
    except FileNotFoundError as error:  # a class without images
        raise GeniusError(str(error)) from error
    except OSError as error:
        raise GeniusError(f"{error.filename} cannot be read: {error.strerror}") from error
    if expected is not None and found.classes != expected:
        odd = sorted(set(found.classes) ^ set(expected))
        raise GeniusError(f"{folder} has other classes than the training images: {', '.join(odd[:5])}")
    return ImageFiles(tuple(path for path, _ in found.samples), torch.tensor(found.targets)), found.classes


def _hold_out(images: Images, share: float) -> tuple[Images, Images]:
    """Split off a share of each class, at least one image; returns the rest and what is held out, both in order.

    Raises: GeniusError where a class has too few.
    """
    rng = np.random.default_rng(_TASK_SEED)
    labels = images.labels.numpy()
    held = np.zeros(len(labels), dtype=bool)
    for label in range(int(labels.max()) + 1):
        members = np.flatnonzero(labels == label)
        number = max(1, round(share * len(members)))
        if number >= len(members):
            raise GeniusError(f"class {label} has {len(members)} training images: too few to hold some of them out")
        held[rng.permutation(members)[:number]] = True
    return images.of(torch.from_numpy(~held).nonzero()[:, 0]), images.of(torch.from_numpy(held).nonzero()[:, 0])


@cache
def _digits(data: DataSet) -> Task:
    """Split scikit-learn's digits: 20 images of each to train on, half of the rest each to validate and to test.

    1,797 grey images of 8×8 pixels are made hard: few to train on, and all shifted and noisy.
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    rng = torch.Generator().manual_seed(_TASK_SEED)
    whole = Pixels(torch.from_numpy(bunch.images / 16).float()[:, None], torch.from_numpy(bunch.target).long())
    shuffled = torch.randperm(len(whole.labels), generator=rng)
    by_digit = [shuffled[whole.labels[shuffled] == digit] for digit in range(10)]
    train = torch.cat([numbers[:_DIGITS_TRAIN_EACH] for numbers in by_digit])
    rest = torch.cat([numbers[_DIGITS_TRAIN_EACH:] for numbers in by_digit])

    def held_out(numbers: Tensor) -> Pixels:
        copies = whole.of(numbers.repeat(_DIGITS_COPIES))
        return Pixels(distort(copies.images, rng), copies.labels)

    # every second image of each digit, so that both sets hold the digits in the same numbers
    return Task(data, whole.of(train), held_out(rest[::2]), held_out(rest[1::2]))
