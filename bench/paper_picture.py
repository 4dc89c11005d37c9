"""The curves of a reproduction beside those of the paper: accuracy and rank against the iteration, as its Figures 2 and
3."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..record.search_picture import as_label, log_axis
from .paper_numbers import PaperCurve, printed_table
from .pictures import figure_of, saved

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .paper import Made, Paper

_Group = tuple[str, str, str, Sequence[PaperCurve]]
"""A name, a colour, a style of lines, and the trials drawn so."""


def draw_paper(found: "Paper", space: str, path: Path) -> Path:
    """Draw the trials of a space, for each temperature a panel of accuracies and one of ranks; return the file."""
    temperatures = list(dict.fromkeys(made.arm.temperature for made in found.arms if made.arm.space == space))
    titles = [f"{what}, temperature {t:g}" for t in temperatures for what in ("accuracy (%)", "rank (1 is the best)")]
    figure, panels = figure_of(titles, "iteration")
    for at, temperature in enumerate(temperatures):
        arms = [made for made in found.arms if (made.arm.space, made.arm.temperature) == (space, temperature)]
        for group in _groups(arms, space, temperature):
            _draw(panels[2 * at], group, ranks=False)
            _draw(panels[2 * at + 1], group, ranks=True)
        log_axis(panels[2 * at + 1])
        panels[2 * at + 1].invert_yaxis()
    return saved(figure, space, path)


def _groups(arms: "Sequence[Made]", space: str, temperature: float) -> Iterator[_Group]:
    for made in arms:
        name, color = ("in disguise", "C1") if made.arm.disguised else ("here", "C0")
        yield name, color, "-", list(made.curves.values())
    if printed := printed_table(space, temperature):
        yield "the paper's GPT-4", "0.5", "--", printed.trials


def _draw(panel: "Axes", group: _Group, *, ranks: bool) -> None:
    name, color, style, trials = group
    for number, curve in enumerate(trials):
        values = [(at, value) for at, value in enumerate(curve.ranks if ranks else curve.accuracies) if value]
        label = None if number else as_label(name)
        panel.plot([at for at, _ in values], [v for _, v in values], style, color=color, marker=".", label=label)
