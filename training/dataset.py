"""A data set as a value. Does not load torch."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from ..spaces.space import SearchSpace
from .job import DataSummary

if TYPE_CHECKING:
    from .images import SplitImages

GREY, COLOURS = 1, 3
"""The channels of a grey image, and of one in colours."""

ImageForm = Literal["floats", "bytes", "files"]
"""How a data set's images come: in memory as floats from 0 to 1, which stay as they are, or as bytes, which are
normalised; or read when they are needed, images of any size."""


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
    def pictures(self) -> bool:
        """Whether its images are pictures, grey or coloured, and no arrays of numbers."""
        return False

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of its classes as far as they are known without reading it."""
        return ()

    @abstractmethod
    def found(self) -> DataSummary:
        """Describe the content of the data set, as it is split.

        Raises: GeniusError where it cannot be split.
        """

    def taken_as(self, channels: int | None) -> Self:
        """Return the data set with its images in 1 or 3 `channels`, where it has pictures, which can be had in both.

        All others, and all where the channels are None, stay as they are.
        """
        return replace(self, channels=channels) if self.pictures and channels in (GREY, COLOURS) else self

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


def channels_taken(space: SearchSpace) -> int | None:
    """Return the channels of the images that every network takes; None where `build` is told them as `input_channels`.

    Raises: NoNetwork.
    """
    channels = space.shape[0]
    return None if space.build and "input_channels" in signature(space.build).parameters else channels
