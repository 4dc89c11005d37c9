"""The picture of a cell: its nodes in a row, and its edges as arcs."""

from collections.abc import Collection, Sequence

from markupsafe import Markup

from ...spaces.sketch import CellEdge, CellSketch
from .svg import element, picture, words

_APART, _LEFT, _MIDDLE, _RADIUS = 130, 30, 92, 13  # pixels between nodes, beside the first, above them, of one
_RISE = 38  # pixels that an arc rises for each node that it passes


def draw_cell(cell: CellSketch, options: Sequence[int], changed: Collection[int]) -> Markup:
    """Draw a cell; `options` are the places of the chosen options, edges of `changed` decisions are marked."""
    edges = [_edge(edge, options[edge.decision] % 8, edge.decision in changed) for edge in cell.edges]
    nodes = [_node(number, cell.nodes) for number in range(cell.nodes)]
    width = 2 * _LEFT + _APART * (cell.nodes - 1)
    below = [words(cell.words, _LEFT - _RADIUS, 184, "name", "start")]
    told = ", ".join(f"{edge.source} to {edge.target} {edge.words or 'none'}" for edge in cell.edges)
    return picture(width, 190, f"The cell: {told}", *edges, *nodes, *below, kind="cell")


def _x(node: int) -> float:
    return _LEFT + _APART * node


def _edge(edge: CellEdge, tone: int, marked: bool) -> Markup:
    passed = edge.target - edge.source - 1
    side = 1 if edge.source % 2 else -1
    height = side * _RISE * passed
    start, end, middle = _x(edge.source), _x(edge.target), (_x(edge.source) + _x(edge.target)) / 2
    control = _MIDDLE + height * 2  # of a quadratic curve, whose middle rises half as high
    path = f"M{start:g} {_MIDDLE} Q{middle:g} {control:g} {end:g} {_MIDDLE}"
    kind = f"edge tone{tone}{' changed' * marked}" if edge.words else f"edge none{' changed' * marked}"
    label = edge.words or ("none" if marked else "")
    line = element("path", d=path, class_=kind)
    if not label:
        return line
    half = 3.6 * len(label) + 6
    back = element(
        "rect", x=middle - half, y=_MIDDLE + height - 10, width=2 * half, height=20, rx=10, class_=f"plate {kind}"
    )
    return element("g", line, back, words(label, middle, _MIDDLE + height + 4, "op"))


def _node(number: int, count: int) -> Markup:
    name = "in" if number == 0 else "out" if number == count - 1 else str(number)
    circle = element("circle", cx=_x(number), cy=_MIDDLE, r=_RADIUS, class_="node")
    return element("g", circle, words(name, _x(number), _MIDDLE + 4, "name"))
