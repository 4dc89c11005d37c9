"""The ends of small vision Transformers: patches, and the mean of the tokens. Imports torch."""

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from .transformer_networks import INITIAL_SD, initialise


class Patches(nn.Module):
    """Cuts images into patches, maps each to a token, and adds a learned embedding of its place.

    The embeddings are made for square images of `size` pixels. For images of another size they are resized by bicubic
    interpolation, as they are where weights of a network for another size are loaded.
    """

    def __init__(self, channels: int, width: int, patch: int, size: int) -> None:
        super().__init__()
        self.projection = nn.Conv2d(channels, width, patch, patch)
        self.position = nn.Parameter(torch.empty(1, width, size // patch, size // patch))
        nn.init.trunc_normal_(self.position, std=INITIAL_SD)

    def forward(self, images: Tensor) -> Tensor:
        """Map (n, channels, height, width) to tokens of shape (n, patches, width of a token)."""
        patches = self.projection(images)
        placed: Tensor = patches + _resized(self.position, patches.shape[2], patches.shape[3])
        return placed.flatten(2).transpose(1, 2)

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *rest: object) -> None:
        """Take the embeddings of another image size too, resized; others are refused as they are by every module."""
        name, (_, width, rows, columns) = f"{prefix}position", self.position.shape
        given = state_dict.get(name)
        if given is not None and given.ndim == self.position.ndim and given.shape[:2] == (1, width):
            state_dict[name] = _resized(given, rows, columns)
        super()._load_from_state_dict(state_dict, prefix, *rest)


def _resized(position: Tensor, rows: int, columns: int) -> Tensor:
    """Resize embeddings of shape (1, width, rows, columns)."""
    if position.shape[2:] == (rows, columns):
        return position
    return functional.interpolate(position, (rows, columns), mode="bicubic")


class MeanOfTokens(nn.Module):
    """Averages the tokens: they all have a say, and there are as many as patches; a class token would be one more."""

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (n, tokens, width) to (n, width)."""
        return tokens.mean(1)


def transformer(patches: nn.Module, stages: Sequence[nn.Module], width: int, classes: int) -> nn.Module:
    """Put stages between patches and a linear layer on the mean of the normed tokens; draw the initial weights."""
    named = {f"stage{number}": stage for number, stage in enumerate(stages, start=1)}
    ends = {"norm": nn.LayerNorm(width), "pool": MeanOfTokens(), "linear": nn.Linear(width, classes)}
    return nn.Sequential(OrderedDict({"patches": patches, **named, **ends})).apply(initialise)
