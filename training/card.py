"""The card of trained weights: their architecture, classes and input. Does not load torch.

The card lies in the header of the weights' file, where a stranger may have written it.
"""

import json
import re
from dataclasses import asdict, dataclass, replace
from math import isfinite
from typing import Self

from ..errors import GeniusError
from ..printable import brief
from ..spaces.space import Architecture
from .dataset import ImageForm
from .recipes import Recipe

HEADER = "genius"
"""The name of a card among the metadata of a safetensors file."""

MEAN, SD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and standard deviation of the colours of ImageNet, from 0 to 1; all photographs in colour are scaled by them."""


@dataclass(frozen=True)
class ChannelScale:
    """The mean and the standard deviation of each channel, of values from 0, black, to 1, by which bytes are scaled."""

    mean: tuple[float, ...]
    sd: tuple[float, ...]


PHOTOGRAPHS = ChannelScale(MEAN, SD)

CENTRAL_SHARE = 0.875
"""Side of the central square that is measured after a training on random crops, as usual on ImageNet."""

_LARGEST = 4096  # pixels of a side
_MOST_CLASSES = 1 << 20


@dataclass(frozen=True)
class Input:
    """The preprocessing of an image into the input of a network: `channels` × `size` × `size` values.

    The central square is cut out; its side is `kept` times the shorter side of the image. Bilinear interpolation,
    antialiased or not, resizes it. Values from 0, black, to 1 are normalised by the `mean` and `sd` of each channel.

    Raises: ValueError for a value out of range.
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


def input_of(form: ImageForm, recipe: Recipe, size: int, scale: ChannelScale) -> Input:
    """Return the preprocessing of a data set's held-out images under a recipe; `scale` has a pair for each channel."""
    crops = form == "files" and recipe.augment == "resized-crop-flip"
    in_memory = form != "files" and recipe.size > 0  # these are resized as floats, without antialiasing
    kept = CENTRAL_SHARE if crops else 1.0
    return Input(len(scale.mean), size, kept, not in_memory, scale.mean, scale.sd)


def unscaled(channels: int) -> ChannelScale:
    """Return the scale that leaves values from 0 to 1 as they are."""
    return ChannelScale((0.0,) * channels, (1.0,) * channels)


@dataclass(frozen=True)
class Card:
    """The identity of trained weights: space, architecture, class names in the order of the scores, and input.

    `classes` is empty where the names are unknown. `transferred_from` is the SHA-256 of the file of weights that their
    training began with; empty where it drew new ones.
    """

    space: str
    architecture: Architecture
    classes: tuple[str, ...]
    input: Input
    transferred_from: str = ""

    def text(self) -> str:
        """Write the card as JSON in ASCII."""
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
        """Read a card from the JSON that `text` writes.

        Raises: GeniusError for any other text.
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
            source = told.get("transferred_from", "")
            if not isinstance(source, str) or not re.fullmatch(r"([0-9a-f]{64})?", source):
                raise ValueError("transferred_from must be a SHA-256")
            return cls(told["space"], numbers, names, Input(**given), source)
        except (ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
            raise GeniusError(f"its own card cannot be read: {brief(str(error))}") from None
