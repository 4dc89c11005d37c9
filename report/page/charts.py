"""Charts of points, steps, lines and bands, as SVG."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, isfinite, log10
from typing import Literal

from markupsafe import Markup

from ...spaces.figures import written
from .svg import element, picture, words

Point = tuple[float, float]

_WIDTH, _HEIGHT = 480, 300  # pixels
_LEFT, _RIGHT, _TOP, _BOTTOM = 78, 24, 12, 42  # beside the axes
_TICKS = 6
_FEW, _OUTLYING = 5, 2.0  # values that are told apart; ways from the best to the worst quarter beyond which one is far


@dataclass(frozen=True)
class Plot:
    """Points of a chart: dots, steps, a line, or a band between the points and the `upper` ones.

    `tone` is the number of a colour. Each point may have a `title`, and the id of a place on the page that it leads to.
    """

    label: str
    points: Sequence[Point]
    kind: Literal["dots", "crosses", "steps", "line", "band"] = "dots"
    tone: int | str = 0
    upper: Sequence[Point] = ()
    titles: Sequence[str] = ()
    places: Sequence[str] = ()


@dataclass(frozen=True)
class Side:
    """An axis: its label, whether it is logarithmic, and whether it runs from high to low."""

    label: str
    log: bool = False
    inverted: bool = False
    whole: bool = False


@dataclass(frozen=True)
class PixelScale:
    """The map of an axis from values to pixels."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Return the pixel of a value; one outside of the axis is drawn at its edge."""
        low, high, at = (self._place(each) for each in (self.low, self.high, min(max(value, self.low), self.high)))
        return self.start + (self.end - self.start) * (at - low) / (high - low)

    def _place(self, value: float) -> float:
        return log10(value) if self.log else value

    @property
    def ticks(self) -> list[float]:
        """The values that are written beside the axis."""
        return _powers(self.low, self.high) if self.log else _round_ticks(self.low, self.high)


def chart(
    series: Sequence[Plot],
    across: Side,
    up: Side,
    label: str,
    within: tuple[float, float] | None = None,
) -> Markup | None:
    """Draw a chart of a title; None without a point. Points beyond the ends `within` are drawn at the edge."""
    points = [point for each in series for point in (*each.points, *each.upper)]
    if not points:
        return None
    ends = _ends([x for x, _ in points], across), _ends(within or [y for _, y in points], up)
    x = PixelScale(*ends[0], _LEFT, _WIDTH - _RIGHT, across.log)
    top, bottom = (_TOP, _HEIGHT - _BOTTOM)
    y = PixelScale(*ends[1], *((top, bottom) if up.inverted else (bottom, top)), up.log)
    order = ("band", "line", "steps", "crosses", "dots")
    drawn = [_DRAWING[each.kind](each, x, y) for each in sorted(series, key=lambda one: order.index(one.kind))]
    return picture(_WIDTH, _HEIGHT, label, *_frame(x, y, across, up), *drawn, kind="chart")


def telling(values: Sequence[float], *, higher: bool) -> tuple[float, float] | None:
    """Return the ends between which values are told apart where some are far worse than most; None where none is."""
    ordered = sorted(values, reverse=not higher)
    if len(ordered) < _FEW:
        return None
    quarter, best = ordered[len(ordered) // 4], ordered[-1]
    far = quarter + _OUTLYING * (quarter - best)
    kept = [value for value in ordered if (value >= far if higher else value <= far)]
    return (min(kept), max(kept)) if quarter != best and len(kept) < len(ordered) else None


def _ends(values: Sequence[float], axis: Side) -> tuple[float, float]:
    low, high = min(values), max(values)
    if axis.log:
        return max(low, 1e-12) / 1.15, high * 1.15
    if axis.whole:
        return low - 0.5, high + 0.5
    room = (high - low) * 0.06 or max(abs(high) * 0.01, 1e-6)
    return low - room, high + room


def _round_ticks(low: float, high: float) -> list[float]:
    step = 10 ** floor(log10((high - low) / _TICKS))
    step = next(step * times for times in (1, 2, 5, 10, 20) if (high - low) / (step * times) <= _TICKS)
    return [step * n for n in range(ceil(low / step), floor(high / step) + 1)]


def _powers(low: float, high: float) -> list[float]:
    """Return powers of ten, with their multiples where these are few."""
    exponents = range(floor(log10(low)), ceil(log10(high)) + 1)
    times = (1,) if len(exponents) > 4 else (1, 3) if len(exponents) > 2 else (1, 2, 5)
    return [n * 10.0**each for each in exponents for n in times if low <= n * 10.0**each <= high]


def tick_words(values: Sequence[float]) -> list[str]:
    """Write the values beside an axis, with as few digits as tell them apart."""
    if all(value == int(value) for value in values) and max(map(abs, values), default=0) < 1e6:
        return [f"{value:,.0f}" for value in values]
    if max(map(abs, values), default=0) >= 1e6:
        return [f"{value / 1e6:,.6g} M" for value in values]
    return written(values, 0)


def _frame(x: PixelScale, y: PixelScale, across: Side, up: Side) -> Iterator[Markup]:
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    levels, places = y.ticks, [tick for tick in x.ticks if not across.whole or tick == int(tick)]
    for value, text in zip(levels, tick_words(levels), strict=True):
        yield element("line", x1=_LEFT, y1=y(value), x2=right, y2=y(value), class_="grid")
        yield words(text, _LEFT - 8, y(value) + 4, "tick", "end")
    for value, text in zip(places, tick_words(places), strict=True):
        yield words(text, x(value), bottom + 18, "tick")
    yield element("line", x1=_LEFT, y1=bottom, x2=right, y2=bottom, class_="axis")
    yield words(across.label, (_LEFT + right) / 2, _HEIGHT - 6, "label")
    middle = (_TOP + bottom) / 2
    yield element(
        "text", up.label, transform=f"translate(14 {middle:g}) rotate(-90)", class_="label", text_anchor="middle"
    )


def _path(points: Sequence[Point], x: PixelScale, y: PixelScale) -> str:
    return " ".join(f"{'L' if at else 'M'}{x(a):.1f} {y(b):.1f}" for at, (a, b) in enumerate(points))


def _draw_line(series: Plot, x: PixelScale, y: PixelScale) -> Markup:
    return element("path", d=_path(series.points, x, y), class_=f"line tone{series.tone}")


def _draw_steps(series: Plot, x: PixelScale, y: PixelScale) -> Markup:
    return element("path", d=_path(stepped(series.points), x, y), class_=f"line tone{series.tone}")


def _draw_band(series: Plot, x: PixelScale, y: PixelScale) -> Markup:
    around = [*stepped(series.points), *reversed(stepped(series.upper))]
    return element("path", d=f"{_path(around, x, y)} Z", class_=f"band tone{series.tone}")


def stepped(points: Sequence[Point]) -> list[Point]:
    """Return the corners of a line that keeps each value until the next point."""
    found = list(points[:1])
    for (_, before), (at, value) in pairwise(points):
        found += [(at, before), (at, value)] if value != before else [(at, value)]
    return found


def _draw_dots(series: Plot, x: PixelScale, y: PixelScale) -> Markup:
    return element("g", *(_mark(series, at, x(a), y(b)) for at, (a, b) in enumerate(series.points) if isfinite(b)))


def _mark(series: Plot, at: int, x: float, y: float) -> Markup:
    title = [element("title", series.titles[at])] if series.titles else []
    kind = f"{series.kind} tone{series.tone}"
    if series.kind == "crosses":
        path = f"M{x - 3:.1f} {y - 3:.1f}l6 6m0 -6l-6 6"
        mark = element("path", *title, d=path, class_=kind)
    else:
        mark = element("circle", *title, cx=f"{x:.1f}", cy=f"{y:.1f}", r=4, class_=kind)
    return element("a", mark, href=f"#{series.places[at]}", tabindex="-1") if series.places else mark


_DRAWING: dict[str, Callable[[Plot, PixelScale, PixelScale], Markup]] = {
    "dots": _draw_dots,
    "crosses": _draw_dots,
    "steps": _draw_steps,
    "line": _draw_line,
    "band": _draw_band,
}
