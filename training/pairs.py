"""Data sets of one's own: a torch.utils.data.Dataset, or a pair or a triple of them. Does not load torch."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import index
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np
from PIL import Image

from ..errors import GeniusError
from ..printable import named, reason
from .dataset import COLOURS, GREY, DataKind, DataSet, ImageForm
from .folders import Labels
from .formats import channels_of, open_image
from .job import DataSummary
from .split import summarised

if TYPE_CHECKING:
    from .images import SplitImages

WANTED = "a torch.utils.data.Dataset, or a pair or a triple of them"

_PARTS = {1: ("training",), 2: ("training", "test"), 3: ("training", "validation", "test")}
_HELD_OUT = 0.1
_LOOKED_AT = 8  # images that tell whether there are colours


class Examples(Protocol):
    """A torch.utils.data.Dataset: pairs of an image and the number of its class, counted from 0.

    An image is one of Pillow's, the content of an image file, or a tensor or array of shape (channels, height, width):
    bytes, 16 bits without a sign, or floats from 0 to 1. Where it has them, `classes` are the names of the classes, and
    `targets` the numbers of all images, which are read then without the images.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, number: int) -> tuple[object, object]: ...


@dataclass(frozen=True, eq=False)
class Pairs(DataSet):
    """A data set of one's own: its parts, to train on, perhaps to validate, and to test, in this order.

    `labels` are the classes of the images of each part, of shape (n,); `names` those of the classes, where told.
    `pictured` says that the images are pictures, `notes` how the data set was read.
    """

    parts: tuple[Examples, ...]
    labels: tuple[Labels, ...]
    names: tuple[str, ...]
    pictured: bool
    notes: tuple[str, ...] = ()

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes, where the training part tells them."""
        return self.names

    @property
    def named(self) -> tuple[str, ...]:
        """The names of the classes, or their numbers."""
        return self.names or tuple(map(str, range(self.classes)))

    @property
    def pictures(self) -> bool:
        """Whether its images are pictures."""
        return self.pictured

    def found(self) -> DataSummary:
        """Say which classes there are, and how many images each part has."""
        pixels = f" of {self.size}×{self.size} pixels" * bool(self.size)
        form = "1 channel" if self.channels == 1 else f"{self.channels} channels"
        about = (f"the first image has {form}{pixels}",) if self.channels != COLOURS else ()
        return summarised(self.named, self.labels, self.held_out, notes=(*about, *self.notes))

    def load(self) -> "SplitImages":
        """Load the images, split; colour images are read when they are needed."""
        from .images import load_pairs

        return load_pairs(self)


def kind_of_pairs(value: object) -> DataKind | None:
    """Take a data set, a pair or a triple of them, or a function without arguments that makes these; else None."""
    if not callable(value) and _parts_of(value) is None:
        return None
    return DataKind("files", 0, lambda name, downloads: open_pairs(name, value))


def open_pairs(name: str, value: object, notes: Sequence[str] = ()) -> Pairs:
    """Open a data set of one's own: its labels are read, and some images are looked at.

    Raises: GeniusError for a value that is no data set, and for labels or images that cannot be used.
    """
    given = _made(name, value) if callable(value) else value
    if (parts := _parts_of(given)) is None:
        raise GeniusError(f"{name} is to be {WANTED}, got {named(given)}")
    called = [f"the {which} part of {name}" for which in _PARTS[len(parts)]]
    labels = tuple(_labels(words, part) for words, part in zip(called, parts, strict=True))
    names = _names(name, parts[0], found := 1 + max(int(each.max()) for each in labels))
    if (classes := len(names) or found) < 2 or len(np.unique(labels[0])) < 2:
        raise GeniusError(f"{name} has one class alone: at least 2 are needed")
    if not names:
        _check_numbered(name, labels[0], found)
    channels, size, pictured = _look_at(name, parts[0])
    form: ImageForm = "files" if channels == COLOURS else "bytes"
    return Pairs(name, form, classes, channels, size, _HELD_OUT, parts, labels, names, pictured, tuple(notes))


def _check_numbered(name: str, labels: Labels, classes: int) -> None:
    """Refuse labels that leave numbers out, where no names tell their meaning."""
    if len(absent := np.setdiff1d(np.arange(classes), labels)):
        raise GeniusError(
            f"{name} has labels up to {classes - 1}, and no training image with the label {absent[0]}: number the "
            "classes from 0 on, or let the training part name them in `classes`"
        )


def _look_at(name: str, part: Examples) -> tuple[int, int, bool]:
    """Return channels, the pixels of a side of the first image, 0 where it is no square, and whether it is a picture.

    Pictures are grey where all that are looked at are.
    """
    image, _ = example(name, part, 0)
    channels, height, width = _shape_of(image, f"image 0 of {name}")
    pictured = isinstance(image, bytes | Image.Image)
    if pictured and channels == GREY:
        others = np.linspace(0, len(part) - 1, min(len(part), _LOOKED_AT)).astype(int)[1:].tolist()
        looked = (_shape_of(example(name, part, at)[0], f"image {at} of {name}") for at in others)
        channels = max(channels, *(each for each, *_ in looked), GREY)
    return channels, height if height == width else 0, pictured


def example(name: str, part: Examples, number: int) -> tuple[object, object]:
    """Return an image and its label.

    Raises: GeniusError for any exception of the data set.
    """
    try:
        found = part[number]
    except MemoryError:
        raise
    except Exception as error:
        raise GeniusError(f"image {number} of {name} cannot be read: {reason(error)}") from error
    if not isinstance(found, tuple | list) or len(found) != 2:
        raise GeniusError(f"image {number} of {name} is to come with its label, (image, label), got {named(found)}")
    return found[0], found[1]


def _shape_of(image: object, name: str) -> tuple[int, int, int]:
    """Return (channels, height, width) of an image.

    Raises: GeniusError for a value that is none, and for a file that cannot be read.
    """
    if isinstance(image, bytes):
        image = _header(image, name)
    if isinstance(image, Image.Image):
        width, height = image.size
        return channels_of(image), height, width
    shape = tuple(getattr(image, "shape", ())) if isinstance(image, np.ndarray) or hasattr(image, "dim") else ()
    if len(shape) == 2:
        shape = (1, *shape)
    if len(shape) != 3:
        raise GeniusError(
            f"{name} is to be Pillow's or a tensor of shape (channels, height, width), got {named(image)}"
        )
    return shape


def _header(content: bytes, name: str) -> Image.Image:
    try:
        return open_image(content)
    except MemoryError:
        raise
    except Exception as error:  # decoders raise exceptions of every type
        raise GeniusError(f"{name} cannot be used: {reason(error)}") from error


def _parts_of(value: object) -> tuple[Examples, ...] | None:
    """Return the parts of a data set; None for a value that is none."""
    if _is_examples(value):
        return (cast("Examples", value),)
    whole = isinstance(value, tuple | list) and len(value) in (2, 3) and all(map(_is_examples, value))
    return tuple(cast("Sequence[Examples]", value)) if whole else None


def _is_examples(value: object) -> bool:
    plain = isinstance(value, tuple | list | str | bytes | Mapping)
    return not plain and hasattr(value, "__getitem__") and hasattr(value, "__len__")


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
    labels = np.array([_label(name, number, label) for number, label in enumerate(told)], dtype=np.int64)
    if labels.min() < 0:
        raise GeniusError(f"{name} has the label {labels.min()}: classes are numbered from 0 on")
    return labels


def _label(name: str, number: int, label: object) -> int:
    try:
        return index(label)  # type: ignore[arg-type]
    except TypeError:
        raise GeniusError(
            f"image {number} of {name} has a label that is no whole number, {named(label)}: classes are numbered from "
            "0 on, and a quantity to predict is no class"
        ) from None


def _names(name: str, part: Examples, labels: int) -> tuple[str, ...]:
    """Return the names of the classes, if they are told."""
    names = getattr(part, "classes", None)
    if not isinstance(names, tuple | list) or not all(isinstance(each, str) for each in names):
        return ()
    if len(names) < labels:
        raise GeniusError(f"{name} names {len(names)} classes, and its labels are up to {labels - 1}")
    return tuple(names)
