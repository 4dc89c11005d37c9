"""The images of a data set in their fixed split: to train on, to steer the search, to test. Imports torch."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..errors import GeniusError
from .augment import distort
from .card import PHOTOGRAPHS, ChannelScale, unscaled
from .data import Cifar, ImageFolder, find_data
from .dataset import COLOURS, DataSet, ImageForm
from .decoding import as_bytes, read_image, unreadable
from .memory import available
from .pairs import Examples, Pairs, example
from .split import digest_of, split_labels

_DIGITS_SEED = 1797  # it defines the split, and never changes
_DIGITS_TRAIN_EACH = 20
_MEASURED, _LEAST = 256, 1 / 255  # images that a scale is measured on; the least standard deviation, a byte's step
_DIGITS_COPIES = 4  # distorted copies of every validation and test image: more copies measure more exactly


@dataclass(frozen=True)
class Pixels:
    """Images in memory, of shape (n, channels, height, width), bytes or floats from 0 to 1; labels of shape (n,).

    Bytes are normalised by the `scale`; floats stay as they are.
    """

    images: Tensor
    labels: Tensor
    scale: ChannelScale = PHOTOGRAPHS

    @property
    def channels(self) -> int:
        """The channels of each image."""
        return self.images.shape[1]

    def of(self, numbers: Tensor) -> "Pixels":
        """Return some of the images."""
        return replace(self, images=self.images[numbers], labels=self.labels[numbers])

    def read(self, number: int) -> Tensor:
        """Return an image of shape (channels, height, width)."""
        return self.images[number]


@dataclass(frozen=True)
class ImageFiles:
    """Images on disk, read when they are needed; labels of shape (n,).

    `size` are the pixels of a side, 0 where they differ. `broken` collects the errors of the files that cannot be read;
    all selections of these images share it.
    """

    paths: tuple[str, ...]
    labels: Tensor
    channels: int = COLOURS
    size: int = 0
    scale: ChannelScale = PHOTOGRAPHS
    broken: set[str] = field(default_factory=set)

    def of(self, numbers: Tensor) -> "ImageFiles":
        """Return some of the images."""
        paths = tuple(self.paths[number] for number in numbers.tolist())
        return replace(self, paths=paths, labels=self.labels[numbers])

    def read(self, number: int) -> Tensor:
        """Read an image as bytes of shape (channels, height, width).

        Raises: GeniusError.
        """
        return read_image(self.paths[number], self.channels)


@dataclass(frozen=True)
class Samples:
    """Images of a data set of one's own, read when they are needed; labels of shape (n,).

    `numbers` are those of the images in `part`, of shape (n,). `size` are the pixels of a side of the first of them, 0
    where it is no square. `broken` is as that of `ImageFiles`.
    """

    name: str
    part: Examples
    numbers: Tensor
    labels: Tensor
    channels: int
    size: int
    scale: ChannelScale = PHOTOGRAPHS
    broken: set[str] = field(default_factory=set)

    def of(self, numbers: Tensor) -> "Samples":
        """Return some of the images."""
        return replace(self, numbers=self.numbers[numbers], labels=self.labels[numbers])

    def read(self, number: int) -> Tensor:
        """Read an image as bytes of shape (channels, height, width).

        Raises: GeniusError.
        """
        at = int(self.numbers[number])
        image, _ = example(self.name, self.part, at)
        try:
            return as_bytes(image, self.channels)
        except MemoryError:
            raise
        except Exception as error:  # decoders raise exceptions of every type
            raise GeniusError(f"image {at} of {self.name} cannot be used: {unreadable(error)}") from error


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

    @property
    def form(self) -> ImageForm:
        """How the training images come."""
        if not isinstance(self.train, Pixels):
            return "files"
        return "floats" if self.train.images.dtype.is_floating_point else "bytes"

    @property
    def digest(self) -> str:
        """The digest of the split: see `DataSummary`."""
        return digest_of([part.labels.numpy() for part in (self.train, self.validation, self.test)])


def load_images(name: str, downloads: Path, channels: int | None = None) -> SplitImages:
    """Load a data set by its name, and split it; pictures get 1 or 3 `channels`, or their own where these are None.

    Raises: GeniusError where it is missing or incomplete.
    """
    return find_data(name, downloads).taken_as(channels).load()


def load_folder(data: ImageFolder) -> SplitImages:
    """List the images of a folder, split; they are read when they are needed."""
    split, broken = data.split(), set[str]()
    listed = [
        ImageFiles(part.paths, torch.from_numpy(part.labels), data.channels, data.size, broken=broken)
        for part in (split.train, split.validation, split.test)
    ]
    return SplitImages(data, split.classes, *_scaled(*listed))


def load_cifar(data: Cifar) -> SplitImages:
    """Load CIFAR: its test images are for the final test, a share of its training images steers the search."""
    (train, classes), (test, _) = _cifar(data, train=True), _cifar(data, train=False)
    return SplitImages(data, classes, *_chosen([train, test], data.held_out, classes))


def _cifar(data: Cifar, *, train: bool) -> tuple[Pixels, tuple[str, ...]]:
    from torchvision.datasets import CIFAR10, CIFAR100

    try:
        read = {"cifar10": CIFAR10, "cifar100": CIFAR100}[data.name](data.root, train=train)
    except (RuntimeError, OSError) as error:  # the first is torchvision's word for files that are not its authors'
        raise GeniusError(f"{data.name} in {data.root} is not whole: run `genius fetch {data.name}`") from error
    images = torch.from_numpy(read.data).permute(0, 3, 1, 2).contiguous()
    return Pixels(images, torch.tensor(read.targets)), tuple(read.classes)


def _chosen(parts: Sequence[Images], share: float, classes: Sequence[str]) -> list[Images]:
    """Return the training, the validation and the test images of a data set's parts."""
    chosen = split_labels([part.labels.numpy() for part in parts], share, classes)
    return [parts[part].of(torch.from_numpy(numbers)) for part, numbers in chosen]


def load_pairs(data: Pairs) -> SplitImages:
    """Load a data set of one's own, split: colour images are read when they are needed, others lie in memory."""
    parts: list[Images] = [
        _part(data, part, torch.from_numpy(labels)) for part, labels in zip(data.parts, data.labels, strict=True)
    ]
    return SplitImages(data, data.names, *_scaled(*_chosen(parts, data.held_out, data.named)))


def _part(data: Pairs, part: Examples, labels: Tensor) -> Pixels | Samples:
    images = Samples(data.name, part, torch.arange(len(labels)), labels, data.channels, data.size)
    return images if data.channels == COLOURS else _in_memory(images)


def _in_memory(images: Samples) -> Pixels | Samples:
    """Read images into memory; leave them where sizes differ, where they are too many, and where one cannot be read."""
    try:
        first = images.read(0)
        if len(images.labels) * first.numel() > available(torch.device("cpu")) / 2:
            return images
        read = [first]
        for number in range(1, len(images.labels)):
            read.append(images.read(number))
            if read[-1].shape != first.shape:
                return images
    except GeniusError:  # the image is named, or left out, where the training reads it
        return images
    return Pixels(torch.stack(read), images.labels)


def _scaled(train: Images, validation: Images, test: Images) -> list[Images]:
    """Give images the scale by which they are normalised: photographs' for colours, else that of the training images.

    Raises: GeniusError for a training image that cannot be read.
    """
    scale = PHOTOGRAPHS if train.channels == COLOURS else _scale_of(train)
    return [replace(part, scale=scale) for part in (train, validation, test)]


def _scale_of(images: Images) -> ChannelScale:
    """Measure mean and standard deviation of each channel, on up to 256 images that lie evenly among all.

    Raises: GeniusError where none of them can be read.
    """
    count = len(images.labels)
    places = np.unique(np.linspace(0, count - 1, min(count, _MEASURED)).astype(int))
    read, broken = [], []
    for number in places.tolist():
        try:
            values = images.read(number).flatten(1).double() / 255
        except GeniusError as error:
            broken.append(str(error))
            continue
        read.append((values.sum(1), (values**2).sum(1), values.shape[1]))
    if not read:
        raise GeniusError(f"none of {len(broken)} images can be read, such as: {broken[0]}")
    sums, squares, pixels = (sum(column) for column in zip(*read, strict=True))
    mean = sums / pixels
    deviation = (squares / pixels - mean**2).clamp(min=0).sqrt().clamp(min=_LEAST)
    return ChannelScale(tuple(mean.tolist()), tuple(deviation.tolist()))


def _read_digits() -> Tensor:
    """Read the file of scikit-learn's digits: the 64 pixels of each, from 0 to 16, and its label.

    Importing scikit-learn to read it would take a worker longer than many a training.
    """
    package = find_spec("sklearn")
    if package is None or package.origin is None:
        raise GeniusError("the digits come with scikit-learn, which is not installed: pip install scikit-learn")
    file = Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"
    return torch.from_numpy(np.loadtxt(file, delimiter=","))


@cache
def load_digits(data: DataSet) -> SplitImages:
    """Split scikit-learn's digits: 20 images of each to train on, half of the rest each to validate and to test.

    1,797 grey images of 8×8 pixels are made hard: few to train on, and all shifted and noisy.
    """
    rows = _read_digits()
    rng = torch.Generator().manual_seed(_DIGITS_SEED)
    pixels = (rows[:, :-1] / 16).float().reshape(-1, 1, 8, 8)
    whole = Pixels(pixels, rows[:, -1].long(), unscaled(data.channels))
    shuffled = torch.randperm(len(whole.labels), generator=rng)
    by_digit = [shuffled[whole.labels[shuffled] == digit] for digit in range(10)]
    train = torch.cat([numbers[:_DIGITS_TRAIN_EACH] for numbers in by_digit])
    rest = torch.cat([numbers[_DIGITS_TRAIN_EACH:] for numbers in by_digit])

    def distorted(numbers: Tensor) -> Pixels:
        copies = whole.of(numbers.repeat(_DIGITS_COPIES))
        return replace(copies, images=distort(copies.images, rng))

    # every second image of each digit, so that both sets hold the digits in the same numbers
    names = tuple(map(str, range(10)))
    return SplitImages(data, names, whole.of(train), distorted(rest[::2]), distorted(rest[1::2]))
