"""The charts of runs: the best so far and its rank, and the fronts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from markupsafe import Markup

from ...record.best_curves import BestCurve, BetterOf, CurveOf, best_over_trials, best_steps, by_arm
from ...record.candidate import Candidate, measured
from ...record.front import nondominated
from ...record.result import SearchResult, TrialResult
from ...spaces import short_name
from ...spaces.objective import FLOPS, Objective
from .charts import Plot, Point, Side, chart, telling

_ACROSS = Side("evaluation", whole=True)
_TEST_RANK = Side("test rank of the best (1 is the best)", log=True, inverted=True)
_TONES = 8


@dataclass(frozen=True)
class Figure:
    """A chart with its title, the meaning of its marks (a colour, a kind, a label), and a sentence below."""

    title: str
    picture: Markup
    legend: Sequence[tuple[str, str, str]]
    note: str = ""


@dataclass(frozen=True)
class Peer:
    """The trials of a proposer without a model: quartiles and median of the test rank of their best by evaluations."""

    name: str
    low: Sequence[float]
    median: Sequence[float]
    high: Sequence[float]


def anchor_of(run: int, candidate: Candidate) -> str:
    """Return the id of an experiment on the page; runs count from 1."""
    return f"run{run}-trial{candidate.trial}-iteration{candidate.iteration}"


def figure(
    title: str,
    series: Sequence[Plot],
    across: Side,
    up: Side,
    note: str = "",
    *,
    higher: bool | None = None,
) -> Figure | None:
    """Draw a chart; None without a point.

    Where it is told whether `higher` is better, points that are far worse than most are drawn at the edge.
    """
    marks = [each for each in series if each.kind == "dots"] or [each for each in series if each.kind == "steps"]
    values = [y for each in marks for _, y in each.points]
    within = None if higher is None else telling(values, higher=higher)
    picture = chart(series, across, up, f"{title}: {up.label} against {across.label}", within)
    legend = [(str(each.tone), each.kind, each.label) for each in series if each.label and each.points]
    notes = [note, "Far worse measurements are drawn at the edge." if within else ""]
    if picture is None:
        return None
    return Figure(title, picture, list(dict.fromkeys(legend)), " ".join(filter(None, notes)))


def value_figure(result: SearchResult, run: int) -> Figure | None:
    """Draw the measurements against evaluations, and the best so far."""
    objective = result.goal.objective
    series = [*_dots(result, run, "value"), *_best(result, "value", objective.better_of)]
    note = f"{objective.better.capitalize()} is better."
    return figure(objective.name, series, _ACROSS, Side(objective.label), note, higher=objective.better == "higher")


def rank_figure(result: SearchResult, run: int, peers: Sequence[Peer] = ()) -> Figure | None:
    """Draw ranks against evaluations, beside those of proposers without a model where these are known."""
    if not peers:
        return figure("rank", [*_dots(result, run, "rank"), *_best(result, "rank", min)], _ACROSS, _ranks(result))
    series = [*_of_peers(peers), *_own_test_ranks(result)]
    note = "Lines are the medians of proposers without a model, bands hold the middle half of their trials."
    return figure("rank, beside proposers without a model", series, _ACROSS, _TEST_RANK, note)


def _ranks(result: SearchResult) -> Side:
    among = "within the limits" if result.settings.limits.ranges.limited else "in the space"
    return Side(f"rank {among} (1 is the best)", log=True, inverted=True)


def _dots(result: SearchResult, run: int, number: CurveOf) -> Iterator[Plot]:
    """Yield the measurements of each arm, of several trials those of all together."""
    groups = by_arm(result.candidates) if len(result.trials) == 1 else [("measured", result.candidates)]
    for tone, (label, candidates) in enumerate(groups):
        found = [(c, getattr(c.measurement, number)) for c in measured(candidates)]
        known = [(c, float(reading)) for c, reading in found if reading is not None]
        points = [(float(c.iteration), reading) for c, reading in known]
        titles = [f"iteration {c.iteration}: {result.goal.objective.text(c.value or 0.0)}" for c, _ in known]
        places = [anchor_of(run, c) for c, _ in known]
        yield Plot(label, points, "dots", tone % _TONES, titles=titles, places=places)


def _best(result: SearchResult, number: CurveOf, better: BetterOf) -> list[Plot]:
    """Return the best so far of a trial, or the mean over trials and their band."""
    if len(result.trials) > 1:
        return over_trials(result.trials, number, better, "best", "mean of the best")
    trial = result.trials[0]
    steps = _points(best_steps(trial, number, better))
    return [Plot("best so far", _to_the_end(steps, trial), "steps", "best")]


def over_trials(
    trials: Sequence[TrialResult], number: CurveOf, better: BetterOf, tone: int | str, label: str
) -> list[Plot]:
    """Return the mean of the best so far over trials, and the band between the worst and the best of them."""
    iterations, columns = best_over_trials(trials, number, better)
    low, high, mean = (
        _points((iterations, list(map(each, columns)))) for each in (min, max, lambda column: sum(column) / len(column))
    )
    band = [Plot("from the lowest to the highest", low, "band", tone, upper=high)] if len(trials) > 1 else []
    return [*band, Plot(label, mean, "steps", tone)]


def _points(curve: BestCurve) -> list[Point]:
    return [(float(x), float(y)) for x, y in zip(*curve, strict=True)]


def _to_the_end(steps: list[Point], trial: TrialResult) -> list[Point]:
    """Draw the best on to the last iteration that was made."""
    last = max((c.iteration for c in trial.candidates), default=0)
    return [*steps, (float(last), steps[-1][1])] if steps and steps[-1][0] < last else steps


def _of_peers(peers: Sequence[Peer]) -> Iterator[Plot]:
    for tone, peer in enumerate(peers):
        low, median, high = (
            [(float(at), value) for at, value in enumerate(values, start=1)]
            for values in (peer.low, peer.median, peer.high)
        )
        yield Plot("", low, "band", tone, upper=high)
        yield Plot(peer.name, median, "steps", tone)


def _own_test_ranks(result: SearchResult) -> Iterator[Plot]:
    """Yield the test rank of the best so far of each trial, as the peers' are taken."""
    for trial in result.trials:
        better = [(c.iteration, c.measurement) for c in trial.goal.improving(trial.candidates)]
        steps = [(float(at), float(m.test_rank)) for at, m in better if m and m.test_rank is not None]
        yield Plot("this run", _to_the_end(steps, trial), "steps", "best")


def front_figures(result: SearchResult, run: int) -> Iterator[Figure]:
    """Yield a chart of each further objective and, where costs are known, of FLOPs against the first objective."""
    goal = result.goal
    further = list(goal.objectives[1:])
    if FLOPS not in further and any(candidate.cost for candidate in result.candidates):
        further.append(FLOPS)
    further += [get for name in goal.limits if (get := goal.quantity(name)) and get not in (*further, goal.objective)]
    for objective in further:
        found = _front(result, run, objective)
        if found:
            yield found


def _reading(result: SearchResult, candidate: Candidate, objective: Objective) -> float | None:
    if objective == FLOPS and candidate.cost and candidate.value is not None:
        return float(candidate.cost.counted(result.settings.limits.convention))
    return result.goal.reading(candidate, objective.name)


def _front(result: SearchResult, run: int, objective: Objective) -> Figure | None:
    goal = result.goal
    read = [(c, _reading(result, c, objective), c.value) for c in measured(result.candidates)]
    known = [(c, (across, up)) for c, across, up in read if across is not None and up is not None]
    feasible = [(c, point) for c, point in known if not goal.beyond(c)]
    utilities = [(objective.utility(x), goal.objective.utility(y)) for _, (x, y) in feasible]
    kept = nondominated(np.array(utilities).reshape(-1, 2))
    front = sorted(point for (_, point), stays in zip(feasible, kept, strict=True) if stays)
    beyond = [(c, point) for c, point in known if goal.beyond(c)]
    series = [
        _scatter("measured", feasible, "dots", 0, result, run),
        _scatter("not feasible", beyond, "crosses", 7, result, run),
        Plot("front", front, "line", "best"),
        Plot("", front, "dots", "best"),
    ]
    label = "FLOPs" if objective == FLOPS else objective.label
    title = f"{goal.objective.name} and {label}"
    higher = goal.objective.better == "higher"
    return figure(title, series, Side(label), Side(goal.objective.label), higher=higher)


def _scatter(
    label: str, found: Sequence[tuple[Candidate, Point]], kind: str, tone: int, result: SearchResult, run: int
) -> Plot:
    titles = [f"iteration {c.iteration}: {result.goal.objective.text(c.value or 0.0)}" for c, _ in found]
    points, places = [point for _, point in found], [anchor_of(run, c) for c, _ in found]
    return Plot(label, points, "crosses" if kind == "crosses" else "dots", tone, titles=titles, places=places)


def compared_figures(results: Sequence[SearchResult], names: Sequence[str]) -> Iterator[Figure]:
    """Yield the charts that compare runs: the best so far of those of an objective together, and their ranks."""
    for space in dict.fromkeys(result.settings.space for result in results):
        own = [(at, result) for at, result in enumerate(results) if result.settings.space == space]
        for objective in dict.fromkeys(result.goal.objective for _, result in own):
            alike = [(at, result) for at, result in own if result.goal.objective == objective]
            yield from _compared(alike, names, "value", objective.better_of, Side(objective.label), objective)
        yield from _compared(own, names, "rank", min, _ranks(own[0][1]), None)


def _compared(
    own: Sequence[tuple[int, SearchResult]],
    names: Sequence[str],
    number: CurveOf,
    better: BetterOf,
    axis: Side,
    objective: Objective | None,
) -> Iterator[Figure]:
    series = [each for at, result in own for each in over_trials(result.trials, number, better, at % _TONES, names[at])]
    shown = [each if each.kind == "steps" else replace(each, label="") for each in series]
    title = f"{objective.name if objective else 'rank'} of the best so far, {short_name(own[0][1].settings.space)}"
    note = "Bands go from the worst to the best trial of a run."
    higher = None if objective is None or len(own) < 2 else objective.better == "higher"
    found = figure(title, shown, _ACROSS, axis, note, higher=higher)
    if found:
        yield found


def epochs_figure(points: Sequence[Point], losses: Sequence[Point], objective: Objective) -> list[Figure]:
    """Draw the learning curve of an evaluation: its values and its losses by epoch."""
    axis = Side("epoch", whole=True)
    found = [
        figure(f"held-out {objective.name}", [Plot("", points, "line", "best")], axis, Side(objective.label)),
        figure("training loss", [Plot("", losses, "line", 0)], axis, Side("loss")),
    ]
    drawn = [len(points) > 1, len(losses) > 1]
    return [each for each, several in zip(found, drawn, strict=True) if each and several]
