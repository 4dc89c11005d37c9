"""The sketch of a network: the layers of a chain, or the edges of a cell, as a picture shows them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

LayerKind = Literal["fixed", "chosen", "skipped"]
"""Whether a layer is the same in every architecture, is chosen, or is chosen to be left out."""


@dataclass(frozen=True)
class Layer:
    """A layer or block of a chain, or several that are alike.

    `words` name its operation, `width` is that of its output in channels or features, `size` the rest of the output's
    shape, as in `16×16`. `decisions` are those that it depends on, by number; `times` is how often it stands there.
    """

    words: str
    width: int
    size: str = ""
    stage: str = ""
    decisions: Sequence[int] = ()
    times: int = 1
    kind: LayerKind = "chosen"


@dataclass(frozen=True)
class CellEdge:
    """An edge between two nodes of a cell, by number, and the operation on it; `words` are empty where it brings
    nothing."""

    source: int
    target: int
    words: str
    decision: int


@dataclass(frozen=True)
class ChainSketch:
    """A network as a chain of layers, the first one first."""

    layers: Sequence[Layer]


@dataclass(frozen=True)
class CellSketch:
    """A cell as a directed graph of nodes, which are numbered from 0; `words` say where its copies stand."""

    nodes: int
    edges: Sequence[CellEdge]
    words: str = ""


Sketch = ChainSketch | CellSketch


def squared(size: int) -> str:
    """Write the size of a square image."""
    return f"{size}×{size}"
