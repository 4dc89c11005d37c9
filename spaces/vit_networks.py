"""Building blocks of small vision Transformers. Imports torch."""

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.ops import StochasticDepth

_SD = 0.02  # of initial weights, as in ViT


class Patches(nn.Module):
    """Cuts images into patches, maps each to a token, and adds a learned embedding of its place.

    The embeddings are made for square images of `size` pixels. For images of another size they are resized by bicubic
    interpolation, as they are where weights of a network for another size are loaded.
    """

    def __init__(self, channels: int, width: int, patch: int, size: int) -> None:
        super().__init__()
        self.projection = nn.Conv2d(channels, width, patch, patch)
        self.position = nn.Parameter(torch.empty(1, width, size // patch, size // patch))
        nn.init.trunc_normal_(self.position, std=_SD)

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


class Attention(nn.Module):
    """Multi-head self-attention (Vaswani et al. 2017), each head `head_width` wide whatever the width of the tokens."""

    def __init__(self, width: int, heads: int, head_width: int) -> None:
        super().__init__()
        self.heads = heads
        self.taken = nn.Linear(width, 3 * heads * head_width)  # query, key and value
        self.given = nn.Linear(heads * head_width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (n, tokens, width) to the same shape."""
        query, key, value = self.taken(tokens).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        found: Tensor = self.given(mixed.transpose(1, 2).flatten(2))
        return found


class Block(nn.Module):
    """A Transformer's block: attention and an MLP of `ratio` times the width, each behind a layer norm and a shortcut.

    Stochastic depth skips each of both for some images of a batch, where a recipe sets its rate.
    """

    def __init__(self, width: int, heads: int, head_width: int, ratio: int) -> None:
        super().__init__()
        attention, hidden = Attention(width, heads, head_width), ratio * width
        self.attention = nn.Sequential(nn.LayerNorm(width), attention, nn.Dropout(0.0))
        mlp = (nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))
        self.mlp = nn.Sequential(nn.LayerNorm(width), *mlp, nn.Dropout(0.0))
        self.skipped = StochasticDepth(0.0, "row")

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (n, tokens, width) to the same shape."""
        tokens = tokens + self.skipped(self.attention(tokens))
        found: Tensor = tokens + self.skipped(self.mlp(tokens))
        return found


class MeanOfTokens(nn.Module):
    """Averages the tokens: they all have a say, and there are as many as patches; a class token would be one more."""

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (n, tokens, width) to (n, width)."""
        return tokens.mean(1)


def transformer(patches: nn.Module, stages: Sequence[nn.Module], width: int, classes: int) -> nn.Module:
    """Put stages between patches and a linear layer on the mean of the normed tokens; draw the initial weights."""
    named = {f"stage{number}": stage for number, stage in enumerate(stages, start=1)}
    ends = {"norm": nn.LayerNorm(width), "pool": MeanOfTokens(), "linear": nn.Linear(width, classes)}
    return nn.Sequential(OrderedDict({"patches": patches, **named, **ends})).apply(_initialise)


def _initialise(module: nn.Module) -> None:
    """Draw the weights of linear layers from a truncated normal distribution, as ViT does; biases are 0."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=_SD)
        nn.init.zeros_(module.bias)
