"""The pictures of a bench: regret and rank against evaluations, with 95% confidence bands."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..guide.features import Floats
from ..record.statistics import Mean
from ..report.search_picture import as_label, log_axis
from .scores import Scores

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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
    """Draw the pictures, each with one panel for each task; return the files."""
    return [_draw(scores, picture, folder / picture.file) for picture in PICTURES]


def _draw(scores: Sequence[Scores], picture: Picture, path: Path) -> Path:
    from matplotlib.figure import Figure

    tasks = list(dict.fromkeys(each.task for each in scores))
    columns = min(_COLUMNS, len(tasks))
    rows = -(-len(tasks) // columns)
    figure = Figure(figsize=(4.2 * columns, 3.2 * rows + 0.5), dpi=_DPI, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).flat
    for panel, task in zip(panels, tasks, strict=False):
        for number, each in enumerate(each for each in scores if each.task == task):
            _curve(panel, each, picture.values(each), f"C{number}", picture.floor)
        panel.set_title(as_label(task.name, 50), fontsize=9)
        log_axis(panel)
        panel.set_xlabel("evaluations", fontsize=8)
        panel.grid(alpha=0.25)
    for panel in list(panels):
        panel.set_axis_off()
    figure.supylabel(as_label(picture.label(_unit(scores))), fontsize=9)
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
    means: list[Mean] = [scores.mean(values, count) for count in counts]
    middle = [mean.mean for mean in means]
    low = [mean.mean if mean.low is None else mean.low for mean in means]
    high = [mean.mean if mean.high is None else mean.high for mean in means]
    panel.plot(counts, np.maximum(middle, floor), color=color, label=as_label(scores.proposer, 50), linewidth=1.5)
    panel.fill_between(counts, np.maximum(low, floor), np.maximum(high, floor), color=color, alpha=0.18, linewidth=0)
