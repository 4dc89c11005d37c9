"""The result of a search, read from its journal, and its JSON for programs."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any

from ..spaces import SPACES
from ..spaces.cost import Convention
from ..spaces.disguise import disguise, reveal
from ..spaces.space import Architecture, BadArchitecture, SearchSpace
from .budget import NOTHING_SPENT, Spent
from .candidate import ENDINGS, Candidate, best
from .journal import BrokenRun, Journal, Usage
from .settings import Settings


@dataclass(frozen=True)
class TrialResult:
    """One trial: its candidates in order, and their cost."""

    trial: int
    candidates: Sequence[Candidate] = field(repr=False)
    usage: Usage

    @property
    def best(self) -> Candidate | None:
        """The most accurate candidate by what the search saw; None where nothing was measured."""
        return best(self.candidates)

    @property
    def ended_by(self) -> str | None:
        """Why the trial ended before its iterations were made, as its last candidate says; None where it did not."""
        made = len(self.candidates)
        # what was proposed before the last reply may still be in flight
        last = self.candidates[-1] if made else None
        return last.error if last is not None and last.error in ENDINGS and last.iteration == made else None

    @property
    def seconds(self) -> float:
        """How long any iteration was on its way; what several of them had in common counts once."""
        total, until = 0.0, 0.0
        for start, end in sorted((c.started, c.started + c.seconds) for c in self.candidates):
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
        """The best candidate of all trials."""
        return best([trial.best for trial in self.trials if trial.best])

    @property
    def finished(self) -> bool:
        """Whether every trial made all its iterations, or stopped of itself."""
        return all(_is_finished(trial, self.settings) for trial in self.trials)

    @property
    def stopped(self) -> str | None:
        """Why the search ended with evaluations left, and how many; None where it did not."""
        left = sum(self.settings.loop.iterations - len(trial.candidates) for trial in self.trials)
        if left <= 0:
            return None
        reason = self.settings.loop.budget.reached(self.spent)
        if reason is None and self.finished:
            reason = next(filter(None, (trial.ended_by for trial in self.trials)), None)
        total = self.settings.loop.iterations * len(self.trials)
        return reason and f"{reason}; {left:,} of {total:,} evaluations were not made"

    def to_json(self) -> dict[str, object]:
        """Return the documented JSON: one object, or for several trials a list of them and a summary."""
        trials = [self._trial_json(trial) for trial in self.trials]
        return trials[0] if len(trials) == 1 else {"trials": trials, "summary": self.summary()}

    def summary(self) -> dict[str, object]:
        """Return mean, standard deviation and median over the trials of their best candidates' numbers."""
        found = [trial.best for trial in self.trials if trial.best and trial.best.measurement]
        names = ("accuracy", "test_accuracy", "rank", "test_rank")
        columns = {name: [getattr(c.measurement, name) for c in found] for name in names}
        return {
            "trials": len(self.trials),
            **{name: _spread([v for v in values if v is not None]) for name, values in columns.items()},
        }

    def device_seconds(self) -> dict[str, float]:
        """Return for how many seconds each kind of device was held by trainings, failed ones included."""
        held: dict[str, float] = {}
        for trial in self.trials:
            for candidate in trial.candidates:
                if (m := candidate.measurement) and m.device:
                    held[m.device] = held.get(m.device, 0.0) + m.seconds
        return held

    def _trial_json(self, trial: TrialResult) -> dict[str, object]:
        return {
            "run": str(self.run),
            "space": self.settings.space,
            "proposer": self.settings.proposer,
            "llm": self.settings.llm.first,
            "trial": trial.trial,
            "flops_convention": self.settings.limits.convention,
            "iterations": [
                _iteration_json(candidate, self.settings.limits.convention) for candidate in trial.candidates
            ],
            "best": _best_json(trial.best),
            "usage": asdict(trial.usage),
            "spent": asdict(self.spent),
            "stopped": self.stopped,
            "seconds": round(trial.seconds, 3),
        }


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
        check_journal(journal, settings, disguise(space, settings.run.meanings) if settings.loop.disguise else space)
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


def read_result(run: Path, settings: Settings, journal: Journal) -> SearchResult:
    """Gather the result of a run, finished or not, from its journal."""
    trials = [
        TrialResult(trial, sorted(_real(journal.finished(trial), settings), key=_by_iteration), journal.usage(trial))
        for trial in range(1, settings.loop.trials + 1)
    ]
    return SearchResult(run, settings, trials, journal.spent)


def _real(history: Sequence[Candidate], settings: Settings) -> Sequence[Candidate]:
    """Put the real architectures in place of those that a search in disguise showed."""
    if not settings.loop.disguise:
        return history

    def real(architecture: Architecture | None) -> Any:
        return architecture and reveal(architecture, settings.run.meanings)

    try:
        return [_revealed(candidate, real) for candidate in history]
    except (IndexError, ValueError) as error:
        raise BrokenRun(f"the run's meanings are not those of its architectures: {error}") from error


def _revealed(candidate: Candidate, real: Callable[[Architecture | None], Any]) -> Candidate:
    return replace(
        candidate,
        architecture=real(candidate.architecture),
        shortlist=tuple(replace(s, architecture=real(s.architecture)) for s in candidate.shortlist),
        repair=candidate.repair and replace(candidate.repair, proposed=real(candidate.repair.proposed)),
    )


def _by_iteration(candidate: Candidate) -> int:
    return candidate.iteration


def _is_finished(trial: TrialResult, settings: Settings) -> bool:
    made = len(trial.candidates)
    if made >= settings.loop.iterations:
        return True
    return trial.ended_by is not None


def _iteration_json(candidate: Candidate, convention: Convention) -> dict[str, object]:
    measurement, cost = candidate.measurement, candidate.cost
    return {
        "iteration": candidate.iteration,
        "architecture": list(candidate.architecture) if candidate.architecture else None,
        "accuracy": candidate.accuracy,
        "rank": measurement.rank if measurement else None,
        "flops": cost.counted(convention) if cost else None,
        "params": cost.params if cost else None,
        "proposed": list(candidate.repair.proposed) if candidate.repair else None,
        "changed_by": candidate.repair.by if candidate.repair else None,
        **_advice_json(candidate),
        "llm": candidate.llm,
        "refusals": [refusal.reason for refusal in candidate.refusals],
        "error": candidate.error,
        "failure": measurement.failure if measurement else None,
        "device": measurement.device if measurement else "",
        "device_seconds": round(measurement.seconds, 3) if measurement else 0.0,
    }


def _advice_json(candidate: Candidate) -> dict[str, object]:
    """Return the shortlist and the place taken from it, counted from 1; empty without advice."""
    if not candidate.shortlist:
        return {}
    return {"advised": [list(s.architecture) for s in candidate.shortlist], "taken": candidate.taken}


def _best_json(candidate: Candidate | None) -> dict[str, object] | None:
    if candidate is None or candidate.measurement is None:
        return None
    measurement = candidate.measurement
    return {
        "architecture": list(candidate.architecture or ()),
        "accuracy": measurement.accuracy,
        "test_accuracy": measurement.test_accuracy,
        "rank": measurement.rank,
        "test_rank": measurement.test_rank,
        "iteration": candidate.iteration,
    }


def _spread(values: Sequence[float]) -> dict[str, float] | None:
    if not values:
        return None
    deviation = stdev(values) if len(values) > 1 else 0.0
    return {"mean": fmean(values), "std": deviation, "median": float(median(values))}
