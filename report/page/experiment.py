"""An experiment as the page shows it: one candidate, with all that is known of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from ...evaluators.from_training import folder_name
from ...graph.meters import Series as Evaluations
from ...record.candidate import Candidate
from ...record.confirmation import seed_of
from ...record.goal import Goal
from ...record.measurement import Measurement
from ...record.result import SearchResult, TrialResult
from ...spaces.cost import Convention
from ...spaces.figures import in_millions
from ...spaces.objective import Objective
from ...spaces.space import Architecture
from ...tools.toolbox import chance_in_words
from ...training.job import Epoch, JobFiles, read_epochs
from .architecture_picture import Drawing
from .logged_calls import Conversation
from .option_picture import ChosenOption
from .run_charts import Figure, anchor_of, epochs_figure


@dataclass(frozen=True)
class Change:
    """A decision in which an architecture differs from the best before it."""

    decision: str
    before: str
    after: str


@dataclass(frozen=True)
class ToldForecast:
    """The forecast of a value, whose it is, and how far the measurement `missed` it; empty where there is none."""

    words: str
    by: str
    missed: str = ""


@dataclass(frozen=True)
class Experiment:
    """One candidate, as texts and pictures.

    `utility` orders experiments, the best first by the largest; None where nothing feasible was measured. `before` is
    the iteration of the best before it, of which `changes` are told.
    """

    place: str
    candidate: Candidate
    value: str
    utility: float | None
    rank: str
    cost: str
    improved: bool
    is_best: bool
    beyond: Sequence[str]
    forecast: ToldForecast | None
    before: int | None
    changes: Sequence[Change]
    picture: Markup | None
    facts: Sequence[tuple[str, str]]
    efforts: Sequence[tuple[str, str]]
    calls: Sequence[Conversation]
    curves: Sequence[Figure]


_DRAWN = 120
"""Experiments at the end of a trial whose networks are drawn, besides the improvements and the first ones."""
_FIRST = 20


class Experiments:
    """Makes the experiments of a run, which is the `run`-th of a page, from its result and the calls of its models."""

    def __init__(
        self, result: SearchResult, run: int, drawing: Drawing, calls: Mapping[tuple[int, int], Sequence[Conversation]]
    ) -> None:
        self._result, self._run, self._drawing, self._calls = result, run, drawing, calls

    def of(self, trial: TrialResult) -> Iterator[Experiment]:
        """Yield the experiments of a trial.

        Raises: GeniusError, BrokenRun.
        """
        improving = {candidate.iteration for candidate in trial.goal.improving(trial.candidates)}
        best = self._result.best
        before: Candidate | None = None
        for at, candidate in enumerate(trial.candidates):
            improved = candidate.iteration in improving
            is_best = best is not None and (best.trial, best.iteration) == (candidate.trial, candidate.iteration)
            drawn = improved or is_best or at < _FIRST or at >= len(trial.candidates) - _DRAWN
            yield self._made(candidate, before, improved=improved, is_best=is_best, drawn=drawn)
            before = candidate if improved else before

    def _made(
        self, candidate: Candidate, before: Candidate | None, *, improved: bool, is_best: bool, drawn: bool
    ) -> Experiment:
        goal, m = self._result.goal, candidate.measurement
        changes = list(_changes(self._drawing.chosen(candidate), self._drawing.chosen(before) if before else []))
        beyond = goal.beyond(candidate)
        return Experiment(
            place=anchor_of(self._run, candidate),
            candidate=candidate,
            value="" if candidate.value is None else goal.objective.text(candidate.value),
            utility=None if candidate.value is None or beyond else goal.utility(candidate),
            rank=f"{m.rank:,}" if m and m.rank is not None else "",
            cost=in_millions(candidate.cost.counted(self._convention)) if candidate.cost else "",
            improved=improved,
            is_best=is_best,
            beyond=beyond,
            forecast=_forecast(candidate, goal.objective),
            before=before.iteration if before else None,
            changes=[change for _, change in changes],
            picture=self._drawing.draw(candidate, [at for at, _ in changes]) if drawn else None,
            facts=list(self._facts(candidate)),
            efforts=list(_efforts(candidate)),
            calls=self._calls.get((candidate.trial, candidate.iteration), ()),
            curves=self._curves(candidate) if drawn else (),
        )

    @property
    def _convention(self) -> Convention:
        return self._result.settings.limits.convention

    def _facts(self, candidate: Candidate) -> Iterator[tuple[str, str]]:
        """Yield names and values of all that was measured or counted."""
        goal, m, cost = self._result.goal, candidate.measurement, candidate.cost
        again = self._result.confirmed(candidate)
        if again and again.is_repeated:
            spread = goal.objective.near(again.mean, again.sd or 0.0)
            yield f"mean of {len(again.runs)} runs", f"{spread}{goal.objective.suffix}"
        if m and m.value is not None:
            yield from _measured(m, goal)
        if cost:
            yield "FLOPs", in_millions(cost.counted(self._convention))
            yield "parameters", in_millions(cost.params)
            yield from ((name, f"{number:,g}") for name, number in cost.named.items())

    def _curves(self, candidate: Candidate) -> Sequence[Figure]:
        """Draw the learning curve of a candidate's evaluation, by its files or by its measurement."""
        settings, m = self._result.settings, candidate.measurement
        epochs = [(float(at), value) for at, value in enumerate(m.curve if m else (), start=1)]
        losses: list[tuple[float, float]] = []
        if candidate.architecture is not None and not settings.looks_up:
            seed = seed_of(settings.loop.first_seed, candidate.trial)
            place = Evaluations(candidate.trial, seed, self._result.run, _unheard).place
            read = read_epochs(JobFiles(place / folder_name(candidate.architecture, seed)).epochs)
            losses = [(float(each.epoch), each.loss) for each in read if each.loss is not None]
            epochs = [(float(each.epoch), each.value) for each in read if each.value is not None] or epochs
        return epochs_figure(epochs, losses, settings.goal.objective)


def _efforts(candidate: Candidate) -> Iterator[tuple[str, str]]:
    """Yield names and values of the time that a candidate took, and of the weight of the model's beliefs then."""
    m = candidate.measurement
    if m and m.seconds:
        yield "device", f"{m.seconds:,.1f} s of {m.device}" if m.device else f"{m.seconds:,.1f} s"
    yield "whole iteration", f"{candidate.seconds:,.1f} s"
    if candidate.belief is not None:
        yield "the model's beliefs", f"{chance_in_words(candidate.belief)} probable"


def _unheard(architecture: Architecture, epoch: Epoch) -> None: ...


def _measured(m: Measurement, goal: Goal) -> Iterator[tuple[str, str]]:
    objective = goal.objective
    if m.sd:
        yield f"{objective.name} ± standard deviation", objective.near(m.value or 0.0, m.sd) + objective.suffix
    if m.test_value is not None:
        yield f"test {objective.name}", objective.text(m.test_value)
    if m.rank is not None:
        yield "rank", f"{m.rank:,}"
    if m.test_rank is not None:
        yield "test rank", f"{m.test_rank:,}"
    for name, value in m.metrics.items():
        quantity = goal.quantity(name)
        yield name, quantity.text(value) if quantity else f"{value:,.4g}"


def _changes(chosen: Sequence[ChosenOption], before: Sequence[ChosenOption]) -> Iterator[tuple[int, Change]]:
    """Yield the decisions, with their numbers, in which an architecture differs from the best before it."""
    known = {each.decision: each for each in before}
    for each in chosen if before else ():
        old = known.pop(each.decision, None)
        if old is None or old.option != each.option:
            yield each.decision, Change(each.name, old.option if old else "not there", each.option)
    for old in known.values():
        yield old.decision, Change(old.name, old.option, "not there")


def _forecast(candidate: Candidate, objective: Objective) -> ToldForecast | None:
    """Return the proposer's own forecast, else that of the advice which it took."""
    value, sd, by = candidate.expected, candidate.expected_sd, "the proposer"
    if value is None and candidate.taken is not None:
        advice = candidate.shortlist[candidate.taken - 1]
        value, sd, by = advice.value, advice.sd, "the surrogate"
    if value is None:
        return None
    words = objective.text(value) if sd is None else f"{objective.near(value, sd)}{objective.suffix}"
    if candidate.value is None:
        return ToldForecast(words, by)
    apart = candidate.value - value
    missed = f"{objective.change(apart, abs(apart))}".partition(" ± ")[0] + objective.suffix
    return ToldForecast(words, by, missed + (f", {abs(apart) / sd:.1f} standard deviations" if sd else ""))
