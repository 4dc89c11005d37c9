"""The picture of a search: value and rank against the iteration, as Figure 2 of the paper, and the front."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from ..printable import one_line
from ..spaces import short_name, table_of
from ..spaces.objective import Objective
from .best_curves import BetterOf, CurveOf, best_steps, by_arm, mean_best, readings
from .candidate import Candidate, measured
from .files import write_atomically
from .result import SearchResult, TrialResult
from .settings import HYBRID

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PICTURE_FILE = "search.png"
_DPI = 150


def draw(result: SearchResult, folder: Path | None = None) -> Path | None:
    """Draw the search into its run folder, or another; return the file, None where nothing feasible was measured.

    Dots are the measurements of the iterations, steps the best so far. Several trials are drawn together, with the mean
    of their best. A search of the front has a panel for each further objective against the first.
    """
    if result.best is None:
        return None
    from matplotlib.figure import Figure

    figure = Figure(layout="constrained")
    draw_on(figure, result)
    return save(figure, (result.run if folder is None else folder) / PICTURE_FILE, _DPI)


def draw_on(figure: "Figure", result: SearchResult) -> "list[Axes]":
    """Draw the panels of a search, of which something feasible was measured, on an empty figure, and return them."""
    ranked = any(c.measurement and c.measurement.rank for trial in result.trials for c in trial.candidates)
    goal = result.goal
    further = goal.objectives[1:] if goal.pareto else ()
    count = 1 + ranked + len(further)
    figure.set_size_inches(5.5 if count == 1 else 4.5 * count, 3.6)
    panels = figure.subplots(1, count, squeeze=False)[0]
    _draw_panel(panels[0], result.trials, "value", goal.objective.better_of)
    panels[0].set_ylabel(as_label(_measured_by(result)))
    for panel, objective in zip(panels[1 + ranked :], further, strict=True):
        _draw_front(panel, result, objective)
    if ranked:
        _draw_panel(panels[1], result.trials, "rank", min)
        panels[1].set_ylabel("rank in the space (1 is the best)")
        log_axis(panels[1])
        panels[1].invert_yaxis()
    settings = result.settings
    by = " of ".join(filter(None, [HYBRID if settings.proposer == HYBRID else "", settings.llm.first]))
    title = f"{short_name(settings.space)}, {by or settings.proposer}, seed {settings.loop.first_seed}"
    figure.suptitle(as_label(title), fontsize=10)
    return list(panels)


def _measured_by(result: SearchResult) -> str:
    objective, settings = result.goal.objective, result.settings
    if not result.goal.is_accuracy:
        return objective.label
    table = table_of(settings.space)
    return f"{'test' if table and table.sees_test_accuracy else 'validation'} {objective.label}"


def _draw_front(panel: "Axes", result: SearchResult, objective: Objective) -> None:
    """Draw the measurements, by an objective and the first one, and the front of all objectives."""
    goal = result.goal

    def points(candidates: Sequence[Candidate]) -> tuple[list[float], list[float]]:
        pairs = [(goal.reading(c, objective.name), c.value) for c in candidates]
        known = [(across, up) for across, up in pairs if across is not None and up is not None]
        return [across for across, _ in known], [up for _, up in known]

    known, feasible = measured(result.candidates), goal.feasible(result.candidates)
    beyond = [candidate for candidate in known if candidate not in feasible]
    panel.plot(*points(feasible), "o", color="C0", markersize=4, alpha=0.5, label="measured")
    panel.plot(*points(beyond), "x", color="C7", markersize=4, label="not feasible" if beyond else None)
    panel.plot(*points(result.front), "s-", color="C1", markersize=5, label="front")
    panel.set_xlabel(as_label(objective.label))
    panel.set_ylabel(as_label(goal.objective.label))
    panel.grid(alpha=0.25)
    panel.legend(fontsize=8, frameon=False)


def save(figure: "Figure", path: Path, dpi: float) -> Path:
    """Write a figure as PNG, whole or not at all; return its path."""
    content = BytesIO()
    figure.savefig(content, format="png", dpi=dpi)
    write_atomically(path, content.getvalue())
    return path


def as_label(text: str, length: int = 80) -> str:
    """Convert a stranger's text to a label: one line, no formulas, no letters that the font lacks.

    A leading blank goes before an underscore, since legends leave out labels that begin with one.
    """
    from matplotlib.font_manager import FontProperties, findfont, get_font

    known = get_font(findfont(FontProperties())).get_charmap()
    letters = [letter if ord(letter) in known else ascii(letter)[1:-1] for letter in one_line(text, length)]
    shown = one_line("".join(letters), length).replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown


def _draw_panel(panel: "Axes", trials: Sequence[TrialResult], number: CurveOf, better: BetterOf) -> None:
    from matplotlib.ticker import MaxNLocator

    many = len(trials) > 1
    for trial in trials:
        shown = [("", trial.candidates)] if many else by_arm(trial.candidates)
        for at, (label, candidates) in enumerate(shown):
            color = f"C{at + bool(at)}"  # C1 is the best so far
            dots = readings(candidates, number)
            panel.plot(
                *dots, "o", color=color, markersize=4, alpha=0.35 if many else 0.9, label=as_label(label, 30) or None
            )
        if number == "value":
            _draw_means(panel, trial, label=None if many else "mean and SD of all runs")
        iterations, best = best_steps(trial, number, better)
        name = None if many else "best so far"
        panel.step(iterations, best, where="post", color="C0" if many else "C1", alpha=0.4 if many else 1, label=name)
    if many:
        panel.step(*mean_best(trials, number, better), where="post", color="C1", linewidth=2, label="mean of the best")
    panel.set_xlabel("iteration")
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    panel.grid(alpha=0.25)
    panel.legend(fontsize=8, frameon=False)


def _draw_means(panel: "Axes", trial: TrialResult, label: str | None) -> None:
    """Draw the means of the candidates that were evaluated again, with the standard deviations of their runs."""
    again = [(each.candidate.iteration, each.mean, each.sd) for each in trial.confirmed if each.sd is not None]
    if again:
        iterations, means, deviations = zip(*again, strict=True)
        panel.errorbar(iterations, means, deviations, fmt="D", color="C2", markersize=4, capsize=3, label=label)


def log_axis(panel: "Axes") -> None:
    """Make the vertical axis logarithmic, with numbers in full instead of powers of ten."""
    from matplotlib.ticker import LogFormatter

    class InFull(LogFormatter):
        def __call__(self, x: float, pos: int | None = None) -> str:
            return f"{x:,.15g}" if super().__call__(x, pos) else ""

    panel.set_yscale("log")
    panel.yaxis.set_major_formatter(InFull())
    panel.yaxis.set_minor_formatter(InFull(labelOnlyBase=False, minor_thresholds=(2, 0.5)))
