"""A data set as a value. Does not load torch."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from .job import DataSummary

if TYPE_CHECKING:
    from .images import SplitImages

COLOURS = 3
"""The channels of a colour image."""

ImageForm = Literal["floats", "bytes", "files"]
"""How a data set's images come: in memory as floats from 0 to 1, which stay as they are, or as bytes, which are
normalised; or read when they are needed, colour photographs of any size."""


@dataclass(frozen=True)
class DataSet(ABC):
    """A data set: the shape and classes that a network must fit, and the loading of its images.

    - `size`: images are `size` × `size` pixels; 0 where they differ.
    - `held_out`: the share of each class's training images that steers the search; the rest is trained on.
    """

    name: str
    form: ImageForm
    classes: int
    channels: int
    size: int
    held_out: float

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of its classes as far as they are known without reading it."""
        return ()

    def found(self) -> DataSummary | None:
        """Describe the content of a data set of one's own, as it is split; None for one that everybody knows.

        Raises: GeniusError.
        """
        return None

    @abstractmethod
    def load(self) -> "SplitImages":
        """Load the images, split. Imports torch.

        Raises: GeniusError where they are not there, or not whole.
        """


@dataclass(frozen=True)
class DataKind:
    """The meaning of a data set's name: the form of its images, and the function that opens it.

    `open` is called with the whole name and the folder of downloads. `size` is that of `DataSet`.
    """

    form: ImageForm
    size: int
    open: Callable[[str, Path], DataSet]
