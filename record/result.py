"""The result of a search, read from its journal, and its JSON for programs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from statistics import fmean, median, stdev
from typing import TYPE_CHECKING, Any

from ..errors import GeniusError
from ..spaces import SPACES
from ..spaces.space import Architecture, BadArchitecture, SearchSpace
from .budget import NOTHING_SPENT, Spent
from .candidate import ENDINGS, Candidate, measured
from .confirmation import UNCONFIRMED, Confirmation, Confirmed, Confirming, confirmed, not_confirmed, settled
from .files import BrokenRun
from .goal import GOAL, Goal
from .journal import Journal, Usage
from .notebook import Page
from .result_json import best_json, iteration_json, notes_json
from .settings import Settings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

_REPORTED = ("value", "test_value", "rank", "test_rank")  # fields of a measurement


@dataclass(frozen=True)
class Volume:
    """A hypervolume, in the product of the objectives' units, and the value of each objective that it starts at."""

    value: float
    reference: Mapping[str, float]


@dataclass(frozen=True)
class TrialResult:
    """One trial: its candidates in order, their cost, and the further evaluations of the best.

    `confirming` is how many of the best were to be evaluated again.
    """

    trial: int
    candidates: Sequence[Candidate] = field(repr=False)
    usage: Usage
    goal: Goal = GOAL
    pages: Sequence[Page] = field(default=(), repr=False)
    confirmations: Sequence[Confirmation] = field(default=(), repr=False)
    confirming: Confirming = UNCONFIRMED

    @property
    def best(self) -> Candidate | None:
        """The best feasible candidate, None where there is none: by the values that the search saw or, where candidates
        were confirmed, the winner by all their runs, whose measurement holds the means."""
        winner = next(iter(self.confirmed), None)
        if winner is not None and not self.goal.beyond(winner.candidate):
            return winner.candidate
        return self.goal.best(self.settled)

    @property
    def first_best(self) -> Candidate | None:
        """The best feasible candidate by the first measurements alone."""
        return self.goal.best(self.candidates)

    @cached_property
    def confirmed(self) -> Sequence[Confirmed]:
        """The candidates that are compared by all their runs, the winner first; none where no one was confirmed."""
        return confirmed(self.goal, self.candidates, self.confirmations, self.confirming)

    @property
    def settled(self) -> Sequence[Candidate]:
        """The candidates, those that were confirmed with the means of their runs as their measurements."""
        return settled(self.candidates, self.confirmed)

    @property
    def not_confirmed(self) -> int:
        """How many further evaluations are still to be made."""
        return len(not_confirmed(self.goal, self.candidates, self.confirmations, self.confirming))

    @property
    def ended_by(self) -> str | None:
        """Why the trial ended before its iterations were made, as its last candidate says; None where it did not."""
        made = len(self.candidates)
        # candidates proposed before the last reply may still be in flight
        last = self.candidates[-1] if made else None
        return last.error if last is not None and last.error in ENDINGS and last.iteration == made else None

    @property
    def seconds(self) -> float:
        """The time during which any iteration or further evaluation ran; overlaps count once."""
        total, until = 0.0, 0.0
        spans = [(c.started, c.started + c.seconds) for c in self.candidates]
        spans += [(c.started, c.started + c.evaluation_seconds) for c in self.confirmations]
        for start, end in sorted(spans):
            total += max(0.0, end - max(start, until))
            until = max(until, end)
        return total


@dataclass(frozen=True)
class SearchResult:
    """The result of a run, which `search` returns and `show` prints."""

    run: Path
    settings: Settings
    trials: Sequence[TrialResult]
    spent: Spent = NOTHING_SPENT

    @property
    def best(self) -> Candidate | None:
        """The best candidate of all trials; see `TrialResult.best`."""
        return self.goal.best([trial.best for trial in self.trials if trial.best])

    @property
    def first_best(self) -> Candidate | None:
        """The best candidate of all trials by the first measurements alone."""
        return self.goal.best(self.candidates)

    def confirmed(self, candidate: Candidate) -> Confirmed | None:
        """Return a candidate with all its runs; None where it is not one of those that are compared by them."""
        found = (each for trial in self.trials if trial.trial == candidate.trial for each in trial.confirmed)
        return next((each for each in found if each.is_of(candidate)), None)

    @property
    def goal(self) -> Goal:
        """The goal of the search."""
        return self.settings.goal

    @property
    def candidates(self) -> list[Candidate]:
        """The candidates of all trials."""
        return [candidate for trial in self.trials for candidate in trial.candidates]

    @property
    def front(self) -> list[Candidate]:
        """The feasible candidates that no other one dominates in all objectives, the best of the first one first."""
        return self.goal.front([candidate for trial in self.trials for candidate in trial.settled])

    @property
    def finished(self) -> bool:
        """Whether every trial made all its iterations, or stopped of itself, and confirmed its best."""
        return all(_is_finished(trial, self.settings) for trial in self.trials)

    @property
    def stopped(self) -> str | None:
        """Why the search ended with evaluations left, and how many; None where it did not."""
        left = sum(max(0, self.settings.loop.iterations - len(trial.candidates)) for trial in self.trials)
        again = sum(trial.not_confirmed for trial in self.trials)
        if left + again == 0:
            return None
        reason = self.settings.loop.budget.reached(self.spent)
        if reason is None and self.finished:
            reason = next(filter(None, (trial.ended_by for trial in self.trials)), None)
        total = self.settings.loop.iterations * len(self.trials)
        words = [f"{left:,} of {total:,} evaluations were not made"] if left else []
        words += [f"{again:,} that were to confirm the best were not made"] if again else []
        return reason and f"{reason}; {' and '.join(words)}"

    def to_json(self) -> dict[str, object]:
        """Return the documented JSON: one object, or for several trials a list of them and a summary."""
        trials = [self._trial_json(trial) for trial in self.trials]
        return trials[0] if len(trials) == 1 else {"trials": trials, "summary": self.summary()}

    def to_frame(self) -> "DataFrame":
        """Return a data frame with a row for each iteration; `attrs["units"]` names the units of its columns.

        Raises: GeniusError where pandas is not installed.
        """
        from .result_frame import frame_of

        return frame_of(self)

    def plot(self) -> "list[Axes]":
        """Draw the picture of the search with pyplot, which a notebook shows, and return its axes.

        Raises: GeniusError where nothing feasible was measured.
        """
        from matplotlib import pyplot

        from .search_picture import draw_on

        if self.best is None:
            raise GeniusError("there is nothing to draw: nothing feasible was measured")
        return draw_on(pyplot.figure(layout="constrained"), self)

    def _repr_html_(self) -> str:
        """Return the result as a notebook shows it."""
        from .result_html import result_html

        return result_html(self)

    def summary(self) -> dict[str, object]:
        """Return mean, standard deviation and median over the trials of their best candidates' numbers."""
        found = [trial.best for trial in self.trials if trial.best and trial.best.measurement]
        fields = dict(zip((*self.goal.objective.titles, "rank", "test_rank"), _REPORTED, strict=True))
        columns = {title: [getattr(c.measurement, name) for c in found] for title, name in fields.items()}
        return {
            "trials": len(self.trials),
            **{name: _spread([v for v in values if v is not None]) for name, values in columns.items()},
        }

    def device_seconds(self) -> dict[str, float]:
        """Return for how many seconds each kind of device was held by trainings, failed ones included."""
        held: dict[str, float] = {}
        for trial in self.trials:
            first, again = (c.measurement for c in trial.candidates), (c.measurement for c in trial.confirmations)
            for m in filter(None, (*first, *again)):
                if m.device:
                    held[m.device] = held.get(m.device, 0.0) + m.seconds
        return held

    def hypervolume(self, trial: TrialResult) -> Volume | None:
        """Return the volume that a trial's front dominates, from the worst value on that the run has measured of each
        objective; None where nothing was measured."""
        if not measured(self.candidates):
            return None
        reference = self.goal.reference(self.candidates)
        named = dict(zip([objective.name for objective in self.goal.objectives], reference, strict=True))
        return Volume(self.goal.volume(trial.settled, reference), named)

    def _trial_json(self, trial: TrialResult) -> dict[str, object]:
        return {
            "run": str(self.run),
            "space": self.settings.space,
            "proposer": self.settings.proposer,
            "llm": self.settings.llm.first,
            "trial": trial.trial,
            "flops_convention": self.settings.limits.convention,
            **self._goal_json(trial),
            "iterations": [
                iteration_json(candidate, self.goal, self.settings.limits.convention) for candidate in trial.candidates
            ],
            **self._confirmed_json(trial),
            "best": self._best_json(trial, trial.best),
            "usage": asdict(trial.usage),
            "spent": asdict(self.spent),
            "stopped": self.stopped,
            "seconds": round(trial.seconds, 3),
            **({"notes": notes_json(trial.pages)} if trial.pages else {}),
        }

    def _goal_json(self, trial: TrialResult) -> dict[str, object]:
        """Return the goal of the search and its front; nothing for accuracy alone."""
        found: dict[str, object] = {} if self.goal == GOAL else {"objective": asdict(self.goal.objective)}
        if len(self.goal.objectives) > 1:
            found["objectives"] = [asdict(objective) for objective in self.goal.objectives]
        if self.goal.limits:
            found["limits"] = {name: list(ends) for name, ends in self.goal.limits.items()}
        if self.goal.pareto:
            found["front"] = [self._best_json(trial, candidate) for candidate in self.goal.front(trial.settled)]
            volume = self.hypervolume(trial)
            found["hypervolume"] = asdict(volume) if volume else None
        return found

    def _best_json(self, trial: TrialResult, candidate: Candidate | None) -> dict[str, object] | None:
        if candidate is None or candidate.measurement is None:
            return None
        all_runs = next((each for each in trial.confirmed if each.is_of(candidate)), None)
        again = {"confirmed": all_runs.to_json(self.goal)} if all_runs else {}
        return best_json(candidate, candidate.measurement, self.goal) | again

    def _confirmed_json(self, trial: TrialResult) -> dict[str, object]:
        """Return the further evaluations of a trial, and the best without them; nothing where there are none."""
        if not trial.confirmations:
            return {}
        first, value = trial.first_best, self.goal.objective.titles[0]
        lines = [
            {"iteration": each.iteration, "seed": each.seed, value: each.value, "error": each.measurement.error}
            for each in trial.confirmations
        ]
        return {"confirmations": lines, "first_best": first and first.iteration}


def read(run: Path | str) -> SearchResult:
    """Read the result of a run so far, finished or not.

    Raises: BrokenRun.
    """
    folder = Path(run)
    settings, journal = load(folder)
    return read_result(folder, settings, journal)


def load(folder: Path) -> tuple[Settings, Journal]:
    """Read a run's settings and its journal, and hold the one against the other.

    Raises: BrokenRun.
    """
    settings, journal = Settings.load(folder), Journal.load(folder)
    space = None if "space" in settings.run.custom else SPACES.get(settings.space)
    if space is not None:
        check_journal(journal, settings, settings.disguise.of(space) if settings.disguise else space)
    return settings, journal


def check_journal(journal: Journal, settings: Settings, shown: SearchSpace) -> None:
    """Make sure that a journal's architectures are of the space that its search was shown.

    Raises: BrokenRun.
    """
    for trial in range(1, settings.loop.trials + 1):
        for candidate in journal.finished(trial):
            try:
                if candidate.architecture is not None:
                    shown.check_options(candidate.architecture)
            except BadArchitecture as error:
                where = f"the journal in {journal.folder}, trial {trial}, iteration {candidate.iteration}"
                raise BrokenRun(f"{where}, holds no architecture of {shown.name}: {error}") from None
        for page in journal.pages(trial):
            try:
                page.check(shown)
            except BadArchitecture as error:
                where = f"the notebook in {journal.folder}, trial {trial}, iteration {page.iteration}"
                raise BrokenRun(f"{where}, speaks of another space than {shown.name}: {error}") from None


def read_result(run: Path, settings: Settings, journal: Journal) -> SearchResult:
    """Gather the result of a run, finished or not, from its journal."""
    trials = [
        TrialResult(
            trial,
            sorted(_real(journal.finished(trial), settings), key=_by_iteration),
            journal.usage(trial),
            settings.goal,
            _real_pages(journal.pages(trial), settings),
            journal.confirmations(trial),
            settings.loop.confirming,
        )
        for trial in range(1, settings.loop.trials + 1)
    ]
    return SearchResult(run, settings, trials, journal.spent)


def _real(history: Sequence[Candidate], settings: Settings) -> Sequence[Candidate]:
    """Put the real architectures in place of those that a search in disguise showed."""
    if (disguise := settings.disguise) is None:
        return history

    def real(architecture: Architecture | None) -> Any:
        return architecture and disguise.reveal(architecture)

    try:
        return [_revealed(candidate, real) for candidate in history]
    except (LookupError, ValueError) as error:
        raise BrokenRun(f"the run's meanings are not those of its architectures: {error}") from error


def _real_pages(pages: Sequence[Page], settings: Settings) -> Sequence[Page]:
    if settings.disguise is None:
        return pages
    try:
        return [page.revealed(settings.disguise) for page in pages]
    except (LookupError, ValueError) as error:
        raise BrokenRun(f"the run's meanings are not those of its notebook: {error}") from error


def _revealed(candidate: Candidate, real: Callable[[Architecture | None], Any]) -> Candidate:
    return replace(
        candidate,
        architecture=real(candidate.architecture),
        shortlist=tuple(replace(s, architecture=real(s.architecture)) for s in candidate.shortlist),
        offers=tuple(replace(offer, architecture=real(offer.architecture)) for offer in candidate.offers),
        repair=candidate.repair and replace(candidate.repair, proposed=real(candidate.repair.proposed)),
    )


def _by_iteration(candidate: Candidate) -> int:
    return candidate.iteration


def _is_finished(trial: TrialResult, settings: Settings) -> bool:
    over = len(trial.candidates) >= settings.loop.iterations or trial.ended_by is not None
    return over and not trial.not_confirmed


def _spread(values: Sequence[float]) -> dict[str, float] | None:
    if not values:
        return None
    deviation = stdev(values) if len(values) > 1 else 0.0
    return {"mean": fmean(values), "std": deviation, "median": float(median(values))}
