"""The shape of a network's input, where nobody names it. Imports torch."""

from collections.abc import Sequence

from torch import nn
from torch.nn.modules.conv import _ConvNd

from ...errors import GeniusError

_PIXELS = 224


def shape_for(network: nn.Module, named: Sequence[int] | None) -> tuple[int, ...]:
    """Return the shape that is named, or guess one by the first layer: features, or an image of 224×224 pixels.

    Raises: GeniusError where nothing tells it.
    """
    if named is not None:
        if not named or not all(type(size) is int and size > 0 for size in named):
            raise GeniusError(f"the input_shape of a network is whole numbers above 0, got {tuple(named)!r}")
        return tuple(named)
    for module in network.modules():
        if isinstance(module, nn.Linear):
            return (module.in_features,)
        if isinstance(module, nn.Conv2d):
            return (module.in_channels, _PIXELS, _PIXELS)
        if isinstance(module, _ConvNd):
            break
    raise GeniusError(
        f"nothing tells the shape of an input of {type(network).__name__}: name it, as in input_shape=(3, 32, 32)"
    )
