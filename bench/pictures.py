"""The pictures of a bench: what was reached against evaluations, with 95% confidence bands."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..graph.picture import log_axis
from ..tools.features import Floats
from ..tools.statistics import Mean
from .score import Scores

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PICTURES = {"regret.png": "regret (% accuracy)", "rank.png": "rank of the best (1 is the best)"}
"""The files, and what their vertical axes are. `rank.png` is Figure 2 of the paper, with baselines."""

_FLOORS = {"regret.png": 0.01, "rank.png": 1.0}  # for a logarithmic axis: a hundredth of a percent is nothing
_DPI, _COLUMNS = 100, 3


def draw(scores: Sequence[Scores], folder: Path) -> list[Path]:
    """Draw a panel for each task; returns the files."""
    return [
        _draw(scores, folder / "regret.png", lambda each: each.regret),
        _draw(scores, folder / "rank.png", lambda each: each.rank),
    ]


def _draw(scores: Sequence[Scores], path: Path, values: Callable[[Scores], Floats]) -> Path:
    from matplotlib.figure import Figure

    tasks = list(dict.fromkeys(each.task for each in scores))
    columns = min(_COLUMNS, len(tasks))
    rows = -(-len(tasks) // columns)
    figure = Figure(figsize=(4.2 * columns, 3.2 * rows + 0.5), dpi=_DPI, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).flat
    for panel, task in zip(panels, tasks, strict=False):
        for number, each in enumerate(each for each in scores if each.task == task):
            _curve(panel, each, values(each), f"C{number}", _FLOORS[path.name])
        panel.set_title(task.name, fontsize=9)
        log_axis(panel)
        panel.set_xlabel("evaluations", fontsize=8)
        panel.grid(alpha=0.25)
    for panel in list(panels):
        panel.set_axis_off()
    figure.supylabel(PICTURES[path.name], fontsize=9)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(5, len(labels)), fontsize=8, frameon=False)
    figure.savefig(path)
    return path


def _curve(panel: "Axes", scores: Scores, values: Floats, color: str, floor: float) -> None:
    counts = range(1, values.shape[1] + 1)
    means: list[Mean] = [scores.mean(values, count) for count in counts]
    middle = [mean.mean for mean in means]
    low = [mean.mean if mean.low is None else mean.low for mean in means]
    high = [mean.mean if mean.high is None else mean.high for mean in means]
    panel.plot(counts, np.maximum(middle, floor), color=color, label=scores.proposer, linewidth=1.5)
    panel.fill_between(counts, np.maximum(low, floor), np.maximum(high, floor), color=color, alpha=0.18, linewidth=0)
