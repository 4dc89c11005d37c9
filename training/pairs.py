"""Data sets of one's own: a pair or a triple of torch.utils.data.Dataset, found by name. Does not load torch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import index
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np
import numpy.typing as npt

from ..errors import GeniusError
from ..printable import brief, named, reason
from .dataset import COLOURS, DataKind, DataSet, ImageForm
from .folders import Labels
from .job import DataSummary

if TYPE_CHECKING:
    from .images import SplitImages

_PARTS = {2: ("training", "test"), 3: ("training", "validation", "test")}
_HELD_OUT = 0.1
_SHOWN = 10  # names of classes


class Examples(Protocol):
    """A torch.utils.data.Dataset: pairs of an image and the number of its class, counted from 0.

    An image is one of Pillow's, or a tensor of shape (channels, height, width), bytes or floats from 0 to 1. Where it
    has them, `classes` are the names of the classes, and `targets` the numbers of all images, which are read then
    without the images.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, number: int) -> tuple[object, object]: ...


@dataclass(frozen=True, eq=False)
class Pairs(DataSet):
    """A data set of one's own: its parts, to train on and to test, perhaps one to validate between them.

    `labels` are the classes of the images of each part, of shape (n,); `names` those of the classes, where told.
    """

    parts: tuple[Examples, ...]
    labels: tuple[Labels, ...]
    names: tuple[str, ...]

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes, where the training part tells them."""
        return self.names

    def found(self) -> DataSummary:
        """Say which classes there are, and how many images each part has."""
        numbers = {which: len(labels) for which, labels in zip(_PARTS[len(self.parts)], self.labels, strict=True)}
        held = self.held_out_of_training
        steering = int(held.sum()) if held is not None else numbers["validation"]
        training = numbers["training"] - (steering if held is not None else 0)
        names = self.names or tuple(map(str, range(self.classes)))
        more = f" and {len(names) - _SHOWN:,} more" * (len(names) > _SHOWN)
        notes = (
            f"{len(names):,} classes: {', '.join(map(brief, names[:_SHOWN]))}{more}",
            f"images: {training:,} to train on; {steering:,} that steer the search; {numbers['test']:,} for the final "
            "test alone",
        )
        return DataSummary(names, training, steering, numbers["test"], notes)

    @property
    def held_out_of_training(self) -> npt.NDArray[np.bool_] | None:
        """Which training images steer the search, of shape (n,); None where another part does."""
        from .split import held_out

        return held_out(self.labels[0], self.held_out) if len(self.parts) == 2 else None

    def load(self) -> "SplitImages":
        """Load the images, split; colour images are read when they are needed."""
        from .images import load_pairs

        return load_pairs(self)


def kind_of_pairs(value: object) -> DataKind | None:
    """Take a pair or a triple of data sets, or a function without arguments that makes one; None for all else."""
    if not callable(value) and not _is_pairs(value):
        return None
    return DataKind("files", 0, lambda name, downloads: open_pairs(name, value))


def open_pairs(name: str, value: object) -> Pairs:
    """Open a data set of one's own: its labels are read, and its first image is looked at.

    Raises: GeniusError for a value that is no data set, and for labels or images that cannot be used.
    """
    given = _made(name, value) if callable(value) else value
    if not _is_pairs(given):
        raise GeniusError(f"{name} is to be a pair or a triple of torch.utils.data.Dataset, got {named(given)}")
    parts = tuple(cast("Sequence[Examples]", given))
    labels = tuple(
        _labels(f"the {which} part of {name}", part) for which, part in zip(_PARTS[len(parts)], parts, strict=True)
    )
    names = _names(name, parts[0], found := 1 + max(int(each.max()) for each in labels))
    if (classes := len(names) or found) < 2:
        raise GeniusError(f"{name} has one class alone: at least 2 are needed")
    channels, height, width = shape_of(example(name, parts[0], 0)[0], f"image 0 of {name}")
    size = height if height == width else 0
    form: ImageForm = "files" if channels == COLOURS else "floats"
    return Pairs(name, form, classes, channels, size, _HELD_OUT, parts, labels, names)


def example(name: str, part: Examples, number: int) -> tuple[object, object]:
    """Return an image and its label.

    Raises: GeniusError for whatever the data set raises.
    """
    try:
        image, label = part[number]
    except MemoryError:
        raise
    except Exception as error:
        raise GeniusError(f"image {number} of {name} cannot be read: {reason(error)}") from error
    return image, label


def shape_of(image: object, name: str) -> tuple[int, int, int]:
    """Return (channels, height, width) of an image of Pillow's or of a tensor.

    Raises: GeniusError for a value that is neither.
    """
    if hasattr(image, "getbands"):
        width, height = image.size  # type: ignore[attr-defined]
        return 1 if image.mode in ("1", "L") else COLOURS, height, width  # type: ignore[attr-defined]
    shape = tuple(getattr(image, "shape", ())) if hasattr(image, "dim") else ()
    if len(shape) == 2:
        shape = (1, *shape)
    if len(shape) != 3:
        raise GeniusError(
            f"{name} is to be Pillow's or a tensor of shape (channels, height, width), got {named(image)}"
        )
    return shape


def _is_pairs(value: object) -> bool:
    whole = isinstance(value, tuple | list) and len(value) in _PARTS
    return whole and all(hasattr(part, "__getitem__") and hasattr(part, "__len__") for part in value)  # type: ignore[attr-defined]


def _made(name: str, make: Callable[[], object]) -> object:
    try:
        return make()
    except GeniusError:
        raise
    except Exception as error:
        raise GeniusError(f"{name} cannot be made: {reason(error)}") from error


def _labels(name: str, part: Examples) -> Labels:
    """Read the number of each image's class: shape (n,)."""
    if not len(part):
        raise GeniusError(f"{name} has no images")
    told = getattr(part, "targets", None) if getattr(part, "target_transform", None) is None else None
    if told is None or len(told) != len(part):
        told = [example(name, part, number)[1] for number in range(len(part))]
    try:
        labels = np.array([index(label) for label in told], dtype=np.int64)
    except TypeError as error:
        raise GeniusError(f"{name} has a label that is no whole number: {error}") from None
    if labels.min() < 0:
        raise GeniusError(f"{name} has the label {labels.min()}: classes are numbered from 0 on")
    return labels


def _names(name: str, part: Examples, labels: int) -> tuple[str, ...]:
    """Return the names of the classes, if they are told."""
    names = getattr(part, "classes", None)
    if not isinstance(names, tuple | list) or not all(isinstance(each, str) for each in names):
        return ()
    if len(names) < labels:
        raise GeniusError(f"{name} names {len(names)} classes, and its labels are up to {labels - 1}")
    return tuple(names)
