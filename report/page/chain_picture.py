"""The picture of a network that is a chain: boxes as high as their layers are wide, in stages."""

from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from math import sqrt

from markupsafe import Markup

from ...spaces.sketch import ChainSketch, Layer
from .svg import cut_label, element, picture, words

_PITCH, _BOX, _EDGE = 38, 28, 6  # pixels from box to box, of a box, beside the picture
_MIDDLE, _TALLEST, _LEAST = 82, 84, 12  # where boxes are centred, and how high they are
_LINE, _LETTER = 11, 6.0  # pixels of a line of words, and of a letter
_LETTERS = 6  # of a layer's words, in a line
_WIDE = 110  # pixels of a layer with longer words


def draw_chain(chain: ChainSketch, options: Sequence[int], changed: Collection[int]) -> Markup:
    """Draw a chain; `options` are the places of the chosen options, layers of `changed` decisions are marked."""
    layers = chain.layers
    pitches = [_pitch(layer) for layer in layers]
    starts = [_EDGE + sum(pitches[:at]) for at in range(len(layers))]
    widest = max((layer.width for layer in layers), default=1)
    width, end = 2 * _EDGE + sum(pitches), _EDGE + sum(pitches)
    line = element("line", x1=_EDGE, y1=_MIDDLE, x2=end, y2=_MIDDLE, class_="flow")
    boxes = (
        _layer(layer, at, pitch, _height(layer, widest), _tone(layer, options), bool(set(layer.decisions) & {*changed}))
        for layer, at, pitch in zip(layers, starts, pitches, strict=True)
    )
    told = ", ".join(f"{layer.words} {layer.width}" for layer in layers)
    return picture(width, 172, f"The network: {told}", line, *boxes, *_stages(layers, starts, pitches), kind="network")


def _pitch(layer: Layer) -> int:
    return _PITCH if max(map(len, _lines(layer.words))) <= _LETTERS else _WIDE


def _lines(text: str) -> list[str]:
    """Return a layer's words in one line or two."""
    first, _, second = text.partition(", ") if ", " in text else text.partition(" ")
    return [first, *filter(None, [second])]


def _height(layer: Layer, widest: int) -> float:
    """Return the height of a layer's box: its area grows with its width."""
    return _LEAST + (_TALLEST - _LEAST) * sqrt(layer.width / max(widest, 1))


def _tone(layer: Layer, options: Sequence[int]) -> str:
    if layer.kind != "chosen":
        return layer.kind
    return f"tone{options[layer.decisions[0]] % 8}" if len(layer.decisions) == 1 else "tone0"


def _layer(layer: Layer, x: float, pitch: int, height: float, tone: str, marked: bool) -> Markup:
    middle, box = x + pitch / 2, pitch - (_PITCH - _BOX)
    kind, top = f"layer {tone}{' changed' * marked}", _MIDDLE - height / 2
    behind = [_box(x + 5 + 3, top - 3, box, height, kind)] if layer.times > 1 else []
    lines = _lines(layer.words)
    said = [words(line, middle, 24 - _LINE * (len(lines) - 1 - at), "op") for at, line in enumerate(lines)]
    times = [words(f"×{layer.times}", middle, _MIDDLE + 4, "times")] if layer.times > 1 else []
    width = words(f"{layer.width:,}", middle, 138, "width")
    told = element("title", f"{layer.words}, {layer.width:,} wide, {layer.size}{' (changed)' * marked}")
    return element("g", told, *behind, _box(x + 5, top, box, height, kind), *said, *times, width)


def _box(x: float, y: float, width: float, height: float, kind: str) -> Markup:
    return element("rect", x=x, y=y, width=width, height=height, rx=3, class_=kind)


def _stages(layers: Sequence[Layer], starts: Sequence[float], pitches: Sequence[int]) -> Iterator[Markup]:
    """Write the name and the size of each stage below its layers."""
    for name, places in groupby(range(len(layers)), key=lambda at: layers[at].stage):
        at = list(places)
        left, right = starts[at[0]] + 4, starts[at[-1]] + pitches[at[-1]] - 4
        room = int((right - left + 8) / _LETTER)
        yield element("line", x1=left, y1=145, x2=right, y2=145, class_="stage")
        yield words(cut_label(name, room), (left + right) / 2, 157, "name")
        yield words(cut_label(layers[at[-1]].size, room), (left + right) / 2, 169, "size")
