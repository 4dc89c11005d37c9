"""The picture of an architecture of any space: a row of options for each decision, the chosen one filled."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from .svg import cut_label, element, picture, words

_ROW, _LETTER, _GAP = 24, 6.6, 4  # pixels
_NAME, _OPTIONS = 22, 10  # letters of a decision's name, and options that are shown side by side
_ROOM, _LINE = 520, 260  # pixels of all options, and of the line of a range
_LONGEST = 24  # letters of an option


@dataclass(frozen=True)
class ChosenOption:
    """The option that an architecture has in a decision: its place among the options, which are texts.

    `decision` is the number of the decision, `is_range` whether the options are levels of a range.
    """

    decision: int
    name: str
    stage: str
    options: Sequence[str]
    at: int
    is_range: bool = False

    @property
    def option(self) -> str:
        """The chosen option."""
        return self.options[self.at]


def draw_options(chosen: Sequence[ChosenOption], changed: Collection[int]) -> Markup:
    """Draw the decisions of an architecture, those that `changed` marked."""
    left = _LETTER * min(_NAME, max((len(each.name) for each in chosen), default=0)) + 12
    rows, y, stage = [], 0, ""
    for each in chosen:
        if each.stage and each.stage != stage:
            stage = each.stage
            rows.append(words(cut_label(stage, 40), 0, y + 16, "stage-name", "start"))
            y += _ROW
        rows.append(_decision(each, left, y, each.decision in changed))
        y += _ROW
    told = ", ".join(f"{each.name} {each.option}" for each in chosen)
    return picture(left + _ROOM + 20, y + 4, f"The decisions: {told}", *rows, kind="options")


def _decision(each: ChosenOption, left: float, y: float, marked: bool) -> Markup:
    name = words(cut_label(each.name, _NAME), left - 10, y + 16, "name changed" if marked else "name", "end")
    shown = [cut_label(option, _LONGEST) for option in each.options]
    room = sum(_LETTER * len(option) + 14 + _GAP for option in shown)
    fits = not each.is_range and len(shown) <= _OPTIONS and room <= _ROOM
    return element("g", name, *(_cells(each, shown, left, y, marked) if fits else _line(each, left, y, marked)))


def _cells(each: ChosenOption, shown: Sequence[str], left: float, y: float, marked: bool) -> Iterator[Markup]:
    x = left
    for at, option in enumerate(shown):
        width = _LETTER * len(option) + 14
        kind = f"option{' chosen' * (at == each.at)}{' changed' * (marked and at == each.at)}"
        yield element("rect", x=x, y=y + 2, width=width, height=_ROW - 5, rx=4, class_=kind)
        yield words(option, x + width / 2, y + 16, kind)
        x += width + _GAP


def _line(each: ChosenOption, left: float, y: float, marked: bool) -> Iterator[Markup]:
    middle, end = y + _ROW / 2, left + _LINE
    x = left + _LINE * each.at / max(1, len(each.options) - 1)
    kind = f"option chosen{' changed' * marked}"
    yield element("line", x1=left, y1=middle, x2=end, y2=middle, class_="range")
    yield element("circle", cx=x, cy=middle, r=5, class_=kind)
    yield words(cut_label(each.option, _LONGEST), end + 14, y + 16, "value", "start")
