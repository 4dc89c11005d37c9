"""A space of our own: small language models of characters, Transformers as GPT-2 is one (Radford et al. 2019), by
depth, width, heads, MLP ratio and context."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from .cost import Cost, Part
from .decision import Decision
from .objective import BITS_PER_CHARACTER
from .sketch import ChainSketch, Layer
from .space import SearchSpace
from .transformers import layer_norm, transformer_block

if TYPE_CHECKING:
    from torch import nn

_DEPTHS = (1, 2, 3, 4, 6)
_WIDTHS = (32, 64, 128, 192)
_HEADS = (1, 2, 4, 8)
_RATIOS = (1, 2, 4)
_CONTEXTS = (32, 64, 128, 256)
_DEPTH, _WIDTH, _HEAD, _RATIO, _CONTEXT = range(5)  # the places in an architecture

_VOCABULARY = 97
"""The characters that costs are counted for: printable ASCII, the line break, and one for all others."""

_DESCRIPTION = f"""\
Task: a language model of characters. The network reads the characters before a place in a text and gives each
character a probability of coming next. It is trained on the beginning of a text, and measured on a later part of the
same text in bits per character: the mean of -log2 of the probability that it gave to the character that came. Lower is
better; a guess without knowledge of {_VOCABULARY} characters costs 6.6 bits.

The network is a causal Transformer. Each of up to `context` characters becomes a token: the sum of the embedding of the
character and that of its place. `depth` blocks follow, then a layer norm, and the product with all characters'
embeddings, which gives their scores. A block is pre-norm: layer norm and causal self-attention with `heads` heads, each
width / heads wide, then layer norm and an MLP with one hidden layer of `ratio` times the width and GELU; both have a
shortcut.

- depth, width and ratio set how much a network can hold, and its costs.
- heads cost nothing: more of them look at more places at once, each through a narrower view.
- context is how many characters a network reads at once. Attention costs grow with its square. An epoch holds as many
  windows as cover the text once: a longer context leaves fewer steps. Windows are measured side by side, so that the
  first character of each is predicted from the one before it alone, and a longer context has fewer of these.

FLOPs are the multiply-adds of one sequence as long as the context. Costs are counted for {_VOCABULARY} characters."""


def _block_part() -> Part:
    def cost(depth: int, width: int, ratio: int, context: int) -> Cost:
        wide = _WIDTHS[width]
        return transformer_block(_CONTEXTS[context], wide, wide, _RATIOS[ratio]) * _DEPTHS[depth]

    return Part((_DEPTH, _WIDTH, _RATIO, _CONTEXT), cost)


def _ends_part() -> Part:
    """Count the embeddings, which the scores share, the norm, and the scores."""

    def cost(width: int, context: int) -> Cost:
        wide, places = _WIDTHS[width], _CONTEXTS[context]
        return Cost(places * wide * _VOCABULARY, (_VOCABULARY + places) * wide) + layer_norm(wide)

    return Part((_WIDTH, _CONTEXT), cost)


def _build(values: Mapping[str, int], num_classes: int = _VOCABULARY) -> "nn.Module":
    """Build the network of an architecture for so many characters."""
    from .gpt_networks import LanguageModel
    from .transformer_networks import Block

    width, heads = values["width"], values["heads"]
    blocks = [Block(width, heads, width // heads, values["ratio"], causal=True) for _ in range(values["depth"])]
    return LanguageModel(num_classes, values["context"], width, blocks)


def _depth(architectures: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Count the blocks of architectures: from shape (n, 5) to (n,)."""
    blocks: npt.NDArray[np.float64] = np.array(_DEPTHS, dtype=float)[architectures[:, _DEPTH]]
    return blocks


def _sketch(values: Mapping[str, int]) -> ChainSketch:
    width, places = values["width"], f"{values['context']} characters"
    words, block = f"{values['heads']} heads, MLP ×{values['ratio']}", (_DEPTH, _WIDTH, _HEAD, _RATIO)
    layers = [
        Layer("embedding", width, places, "embedding", (_WIDTH, _CONTEXT)),
        Layer(words, width, places, "blocks", block, values["depth"]),
        Layer("scores", _VOCABULARY, places, "head", kind="fixed"),
    ]
    return ChainSketch(layers)


GPT_TINY = SearchSpace(
    name="gpt-tiny",
    decisions=(
        Decision("depth", _DEPTHS),
        Decision("width", _WIDTHS),
        Decision("heads", _HEADS),
        Decision("ratio", _RATIOS),
        Decision("context", _CONTEXTS),
    ),
    description=_DESCRIPTION,
    build=_build,
    input_shape=(_CONTEXTS[-1],),
    context=lambda values: values["context"],
    parts=(_block_part(), _ends_part()),
    depth=_depth,
    sketch=_sketch,
    recipe="gpt-tiny",
    objective=BITS_PER_CHARACTER,
)
