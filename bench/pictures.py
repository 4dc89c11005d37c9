"""The pictures of a bench, with 95% confidence bands: regret and rank against evaluations, and rank against TAU."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..guide.features import Floats
from ..record.search_picture import as_label, log_axis
from ..record.statistics import Mean
from .across import GeometricMean, geometric_mean
from .entrants import series_of
from .scores import Scores

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TAU_PICTURE = "tau.png"
_DPI, _COLUMNS = 100, 3


@dataclass(frozen=True)
class Picture:
    """A picture of values against evaluations, on a logarithmic axis that ends at `floor`."""

    file: str
    label: Callable[[str], str]  # from the unit of values
    values: Callable[[Scores], Floats]
    floor: float


PICTURES = (
    Picture("regret.png", "regret ({})".format, lambda each: each.regret, 0.01),  # a hundredth of a percent is nothing
    Picture(
        "rank.png", "rank of the best (1 is the best)".format, lambda each: each.rank, 1.0
    ),  # Figure 2 of the paper
)


def draw_pictures(scores: Sequence[Scores], folder: Path) -> list[Path]:
    """Draw the pictures, each with one panel for each task; return the files.

    Where there are simulated models of several TAU, one shows their ranks against TAU.
    """
    found = [_draw(scores, picture, folder / picture.file) for picture in PICTURES]
    named = [series_of(each.proposer) for each in scores]
    if len({each[1] for each in named if each}) > 1:
        found.append(_draw_taus(scores, folder / TAU_PICTURE))
    return found


def _draw(scores: Sequence[Scores], picture: Picture, path: Path) -> Path:
    tasks = list(dict.fromkeys(each.task for each in scores))
    figure, panels = figure_of([task.name for task in tasks], "evaluations")
    for panel, task in zip(panels, tasks, strict=True):
        for number, each in enumerate(each for each in scores if each.task == task):
            _curve(panel, each, picture.values(each), f"C{number}", picture.floor)
        log_axis(panel)
    return saved(figure, picture.label(_unit(scores)), path)


def _draw_taus(scores: Sequence[Scores], path: Path) -> Path:
    """Draw the final rank against TAU: a panel for each task and, of several, one for their geometric mean."""
    tasks = list(dict.fromkeys(each.task for each in scores))
    proposers = list(dict.fromkeys(each.proposer for each in scores))
    means = [
        {each.proposer: _interval(each.mean(each.rank, each.rank.shape[1])) for each in scores if each.task == task}
        for task in tasks
    ]
    titles = [task.name for task in tasks]
    if len(tasks) > 1:
        titles.append(f"geometric mean of {len(tasks)} tasks")
        means.append({name: _interval(geometric_mean(scores, name)) for name in proposers})
    figure, panels = figure_of(titles, "TAU of the model: Kendall's correlation with the table")
    for panel, intervals in zip(panels, means, strict=True):
        _against_tau(panel, intervals)
        log_axis(panel)
    return saved(figure, PICTURES[1].label(""), path)


_Interval = tuple[float, float, float]
"""A mean, and the ends of its confidence interval."""


def _interval(mean: Mean | GeometricMean) -> _Interval:
    return mean.mean, mean.mean if mean.low is None else mean.low, mean.mean if mean.high is None else mean.high


def _against_tau(panel: "Axes", intervals: Mapping[str, _Interval]) -> None:
    """Draw simulated models by their TAU, and all other proposers, whose rank has none, as levels."""
    curves: dict[str, dict[float, _Interval]] = {}
    for name, interval in intervals.items():
        if found := series_of(name):
            curves.setdefault(found[0], {})[found[1]] = interval
    levels = [name for name in intervals if series_of(name) is None]
    for number, name in enumerate(levels):
        mean, low, high = intervals[name]
        panel.axhline(mean, color=f"C{number}", linestyle="--", linewidth=1.2, label=as_label(name, 50))
        panel.axhspan(max(low, 1.0), max(high, 1.0), color=f"C{number}", alpha=0.1, linewidth=0)
    for number, (name, points) in enumerate(curves.items(), start=len(levels)):
        taus = sorted(points)
        means, lows, highs = zip(*(points[tau] for tau in taus), strict=True)
        panel.plot(taus, means, "o-", color=f"C{number}", markersize=3, linewidth=1.5, label=as_label(name, 50))
        panel.fill_between(taus, np.maximum(lows, 1.0), highs, color=f"C{number}", alpha=0.18, linewidth=0)


def figure_of(titles: Sequence[str], across: str) -> "tuple[Figure, list[Axes]]":
    """Make a figure with a panel under each title."""
    from matplotlib.figure import Figure

    columns = min(_COLUMNS, len(titles))
    rows = -(-len(titles) // columns)
    figure = Figure(figsize=(4.2 * columns, 3.2 * rows + 0.5), dpi=_DPI, layout="constrained")
    every = list(figure.subplots(rows, columns, squeeze=False).flat)
    for panel, title in zip(every, titles, strict=False):
        panel.set_title(as_label(title, 50), fontsize=9)
        panel.set_xlabel(as_label(across), fontsize=8)
        panel.grid(alpha=0.25)
    for panel in every[len(titles) :]:
        panel.set_axis_off()
    return figure, every[: len(titles)]


def saved(figure: "Figure", label: str, path: Path) -> Path:
    """Save a figure of `figure_of` with the label of its vertical axes and one legend; return its file."""
    figure.supylabel(as_label(label), fontsize=9)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(5, len(labels)), fontsize=8, frameon=False)
    figure.savefig(path)
    return path


def _unit(scores: Sequence[Scores]) -> str:
    """Name the unit of regrets: several objectives have nothing in common."""
    named = {" ".join(filter(None, [each.objective.unit, each.objective.name])) for each in scores}
    return named.pop() if len(named) == 1 else "in the unit of each"


def _curve(panel: "Axes", scores: Scores, values: Floats, color: str, floor: float) -> None:
    counts = range(1, values.shape[1] + 1)
    middle, low, high = zip(*(_interval(scores.mean(values, count)) for count in counts), strict=True)
    panel.plot(counts, np.maximum(middle, floor), color=color, label=as_label(scores.proposer, 50), linewidth=1.5)
    panel.fill_between(counts, np.maximum(low, floor), np.maximum(high, floor), color=color, alpha=0.18, linewidth=0)
