"""What trained weights are: architecture, classes, and how an image becomes their input. Does not load torch.

It travels in the header of the weights' file. Whoever reads it there reads what a stranger may have written.
"""

import json
from dataclasses import asdict, dataclass, replace
from math import isfinite
from typing import Self

from ..errors import GeniusError
from ..printable import brief
from ..spaces.space import Architecture
from .dataset import Form
from .recipes import Recipe

HEADER = "genius"
"""The name of a card among the metadata of a safetensors file."""

MEAN, SD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the colours of ImageNet's images, from 0 to 1, which all photographs are normalised by."""

KEPT = 0.875
"""Side of the central square that is measured where random crops are trained on, as usual on ImageNet."""

_LARGEST = 4096  # pixels of a side
_MOST_CLASSES = 1 << 20


@dataclass(frozen=True)
class Input:
    """How an image becomes the input of a network: `channels` × `size` × `size` values.

    The central square is cut out, its side `kept` times the shorter one of the image, and resized by bilinear
    interpolation, antialiased or not. Values from 0, black, to 1 are normalised by the `mean` and `sd` of each channel.

    Raises: ValueError for what makes no sense.
    """

    channels: int
    size: int
    kept: float
    antialias: bool
    mean: tuple[float, ...]
    sd: tuple[float, ...]

    def __post_init__(self) -> None:
        whole = all(type(number) is int and 0 < number <= _LARGEST for number in (self.channels, self.size))
        if not whole or not 0 < self.kept <= 1 or type(self.antialias) is not bool:
            raise ValueError("channels, size, kept or antialias is out of range")
        if not len(self.mean) == len(self.sd) == self.channels:
            raise ValueError("there is no mean and SD for each channel")
        if not all(map(isfinite, (*self.mean, *self.sd))) or min(self.sd) <= 0:
            raise ValueError("mean and SD must be finite, and an SD above 0")

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of one image: channels, height, width."""
        return self.channels, self.size, self.size


def input_of(form: Form, recipe: Recipe, channels: int, size: int) -> Input:
    """Say how images of a data set are measured by a recipe; only photographs are normalised."""
    mean, sd = ((0.0,) * channels, (1.0,) * channels) if form == "floats" else (MEAN, SD)
    crops = form == "files" and recipe.augment == "resized-crop-flip"
    in_memory = form != "files" and recipe.size > 0  # these are resized as floats, without antialiasing
    return Input(channels, size, KEPT if crops else 1.0, not in_memory, mean, sd)


@dataclass(frozen=True)
class Card:
    """The space, the architecture, the names of the classes in the order of the scores, and the input.

    Where the names are not known there are none.
    """

    space: str
    architecture: Architecture
    classes: tuple[str, ...]
    input: Input

    def text(self) -> str:
        """Return it as JSON in ASCII."""
        return json.dumps(asdict(self))

    def at(self, size: int | None) -> "Card":
        """Return the card for images of another size, in pixels; None leaves it.

        Raises: GeniusError.
        """
        try:
            return replace(self, input=replace(self.input, size=size)) if size is not None else self
        except ValueError:
            raise GeniusError(f"the size of images is from 1 to {_LARGEST} pixels, got {size}") from None

    @classmethod
    def read(cls, text: str) -> Self:
        """Read what `text` returned.

        Raises: GeniusError for anything else.
        """
        try:
            told = json.loads(text)
            given = told["input"]
            given |= {name: tuple(map(float, given[name])) for name in ("mean", "sd")}
            numbers, names = tuple(told["architecture"]), tuple(told["classes"])
            if not all(type(number) is int for number in numbers) or len(names) > _MOST_CLASSES:
                raise ValueError("the architecture must be whole numbers, and the classes not too many")
            if not all(isinstance(name, str) for name in (told["space"], *names)):
                raise ValueError("the space and the classes must be names")
            return cls(told["space"], numbers, names, Input(**given))
        except (ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
            raise GeniusError(f"it says of itself what cannot be read: {brief(str(error))}") from None
