"""A space of our own: vision Transformers for small images (Dosovitskiy et al. 2021), by the size of their patches, and
by depth, width, heads and MLP ratio of three stages, choices as in AutoFormer (Chen et al. 2021)."""

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from .cost import Cost, Part, conv, linear
from .decision import Decision
from .sketch import ChainSketch, Layer, squared
from .space import Architecture, SearchSpace
from .transformers import layer_norm, of_tokens, transformer_block

if TYPE_CHECKING:
    from torch import nn

_SIZE, _CHANNELS, _CLASSES = 32, 3, 10
_STAGES = (1, 2, 3)
_PATCHES = (8, 4, 2)
_DEPTHS = (1, 2, 3, 4)
_WIDTHS = (64, 128, 192)
_HEADS = (2, 4, 6)
_RATIOS = (1, 2, 4)
_HEAD_WIDTH = 32

_CHOICES = 4  # of each stage: depth, width, heads, ratio
_DEPTH = tuple(1 + _CHOICES * stage for stage in range(len(_STAGES)))
_WIDTH = tuple(place + 1 for place in _DEPTH)
"""The places of the depths and of the widths in an architecture."""

_DESCRIPTION = """\
Task: image classification on CIFAR-10 (32×32 colour images, 10 classes). The aim is the highest top-1 accuracy after
training from scratch, with strong augmentation.

The network is a vision Transformer. The image is cut into patches of p×p pixels that do not overlap, and each becomes a
token: 16 tokens of patches of 8×8, 64 of 4×4, 256 of 2×2. The tokens go through three stages, and their number stays:
- embedding: a p×p convolution of stride p to w1 channels, plus a learned embedding of each place
- stage 1: d1 blocks at width w1
- stage 2: a linear layer from w1 to w2 where these differ, d2 blocks at width w2
- stage 3: a linear layer from w2 to w3 where these differ, d3 blocks at width w3
- head: layer norm, mean of the tokens, linear layer to 10 classes
A block is pre-norm: layer norm and self-attention of all tokens with h heads, each 32 wide, then layer norm and an MLP
with one hidden layer of m times the width and GELU; both have a shortcut. Attention costs grow with the square of the
number of tokens, all else with the number itself.

The patch size, and for each stage its depth, width, heads and MLP ratio are to be chosen:
- patch: 0 = 8×8, 1 = 4×4, 2 = 2×2 pixels
- d1, d2, d3: 0 = 1, 1 = 2, 2 = 3, 3 = 4 blocks
- w1, w2, w3: 0 = 64, 1 = 128, 2 = 192 wide
- h1, h2, h3: 0 = 2, 1 = 4, 2 = 6 heads
- m1, m2, m3: 0 = 1, 1 = 2, 2 = 4 times the width

An architecture is a list of 13 numbers, the options of patch, d1, w1, h1, m1, d2, w2, h2, m2, d3, w3, h3 and m3."""


def _tokens(patch: int) -> int:
    return (_SIZE // _PATCHES[patch]) ** 2


def _embedding_part() -> Part:
    def cost(patch: int, width: int) -> Cost:
        side = _SIZE // _PATCHES[patch]
        places = Cost(params=_WIDTHS[width] * side * side)
        return conv(_CHANNELS, _WIDTHS[width], _PATCHES[patch], side, bias=True) + places

    return Part((0, _WIDTH[0]), cost)


def _stage_part(first: int) -> Part:
    """Count the blocks of the stage whose decisions begin at `first`."""

    def cost(patch: int, depth: int, width: int, heads: int, ratio: int) -> Cost:
        inner = _HEADS[heads] * _HEAD_WIDTH
        return transformer_block(_tokens(patch), _WIDTHS[width], inner, _RATIOS[ratio]) * _DEPTHS[depth]

    return Part((0, *range(first, first + _CHOICES)), cost)


def _change_part(before: int, after: int) -> Part:
    """Count the linear layer between two stages, whose widths are the decisions at these places."""

    def cost(patch: int, width_in: int, width: int) -> Cost:
        return of_tokens(_tokens(patch), _WIDTHS[width_in], _WIDTHS[width]) if width_in != width else Cost()

    return Part((0, before, after), cost)


def _head_part() -> Part:
    return Part((_WIDTH[-1],), lambda width: layer_norm(_WIDTHS[width]) + linear(_WIDTHS[width], _CLASSES))


def _build(
    architecture: Architecture, num_classes: int = _CLASSES, input_size: int = _SIZE, input_channels: int = _CHANNELS
) -> "nn.Module":
    """Build the network of an architecture for square images of `input_size` pixels; it takes images of others too.

    Raises: ValueError where patches do not fill an image.
    """
    from torch import nn

    from . import transformer_networks as blocks
    from . import vit_networks as ends

    patch = _PATCHES[architecture[0]]
    if input_size % patch:
        raise ValueError(
            f"images of {input_size}×{input_size} pixels cannot be cut into patches of {patch}×{patch}: choose a patch "
            "size that divides theirs, or images of another size, as in size=32"
        )
    widths = [_WIDTHS[architecture[place]] for place in _WIDTH]
    stages = []
    for first, (width_in, width) in zip(_DEPTH, pairwise([widths[0], *widths]), strict=True):
        depth, _, heads, ratio = architecture[first : first + _CHOICES]
        chain: list[nn.Module] = [nn.Linear(width_in, width)] if width_in != width else []
        chain += [blocks.Block(width, _HEADS[heads], _HEAD_WIDTH, _RATIOS[ratio]) for _ in range(_DEPTHS[depth])]
        stages.append(nn.Sequential(*chain))
    patches = ends.Patches(input_channels, widths[0], patch, input_size)
    return ends.transformer(patches, stages, widths[-1], num_classes)


def _depth(architectures: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Count the blocks of architectures: from shape (n, 13) to (n,)."""
    blocks: npt.NDArray[np.float64] = np.array(_DEPTHS, dtype=float)[architectures[:, list(_DEPTH)]].sum(axis=1)
    return blocks


def _decisions(stage: int) -> tuple[Decision, ...]:
    choices = (
        (f"d{stage}", tuple(f"{depth} block{'s' * (depth > 1)}" for depth in _DEPTHS)),
        (f"w{stage}", tuple(f"{width} wide" for width in _WIDTHS)),
        (f"h{stage}", tuple(f"{heads} heads" for heads in _HEADS)),
        (f"m{stage}", tuple(f"MLP ratio {ratio}" for ratio in _RATIOS)),
    )
    return tuple(Decision(name, options, stage=f"stage {stage}") for name, options in choices)


def _sketch(architecture: Architecture) -> ChainSketch:
    patch, tokens = _PATCHES[architecture[0]], f"{_tokens(architecture[0])} tokens"
    width = _WIDTHS[architecture[_WIDTH[0]]]
    layers = [Layer(f"{squared(patch)} patches", width, tokens, "embedding", (0, _WIDTH[0]))]
    for stage, first in zip(_STAGES, _DEPTH, strict=True):
        depth, wide, heads, ratio = architecture[first : first + _CHOICES]
        words, decisions = f"{_HEADS[heads]} heads, MLP ×{_RATIOS[ratio]}", range(first, first + _CHOICES)
        layers.append(Layer(words, _WIDTHS[wide], tokens, f"stage {stage}", decisions, _DEPTHS[depth]))
    return ChainSketch(layers)


VIT_CIFAR = SearchSpace(
    name="vit-cifar",
    decisions=(
        Decision("patch", tuple(f"{patch}×{patch} patches" for patch in _PATCHES), stage="embedding"),
        *(decision for stage in _STAGES for decision in _decisions(stage)),
    ),
    description=_DESCRIPTION,
    build=_build,
    input_shape=(_CHANNELS, _SIZE, _SIZE),
    parts=(
        _embedding_part(),
        *map(_stage_part, _DEPTH),
        *(_change_part(before, after) for before, after in pairwise(_WIDTH)),
        _head_part(),
    ),
    depth=_depth,
    sketch=_sketch,
    data="cifar10",
    recipe="vit-cifar",
)
