"""The contract of a tracker: a logger of searches, such as MLflow's, and the records that it is told."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from ..errors import GeniusError
from ..record.candidate import Candidate
from ..record.goal import Goal
from ..record.settings import Settings
from ..schema import Scalar
from ..spaces import short_name
from ..spaces.space import SearchSpace
from ..training.job import Epoch

Status = Literal["finished", "stopped", "failed", "interrupted"]
"""How a search ended: all was made; it may go on; an error ended it; its user did."""


@dataclass(frozen=True)
class Tracked:
    """A search, as a tracker is told of it: its run folder, its identifier, its parameters, its goal and its space.

    A search that goes on has the same identifier. The parameters are the settings by their paths, without any key.
    """

    run: Path
    id: str
    parameters: Mapping[str, Scalar]
    settings: Settings
    space: SearchSpace

    @property
    def goal(self) -> Goal:
        """The goal of the search."""
        return self.settings.goal

    @property
    def name(self) -> str:
        """A name for people, which tells it from other searches."""
        return f"{short_name(self.space.name)}-{self.id}"


@dataclass(frozen=True)
class Evaluation:
    """One evaluation of a search: a candidate as far as it is known, and what of it a tracker shows.

    `repeat` counts the further evaluations of one that is confirmed, from 1; `step` is the last epoch that was told, 0
    for none. `parameters` are the options of the architecture by the names of the decisions that count, `metrics` the
    numbers, `notes` the texts without any key.
    """

    candidate: Candidate
    repeat: int = 0
    step: int = 0
    parameters: Mapping[str, Scalar] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)

    @property
    def place(self) -> tuple[int, int, int]:
        """The trial, the iteration, and the number of the repeat."""
        return self.candidate.trial, self.candidate.iteration, self.repeat

    @property
    def name(self) -> str:
        """The place as a name."""
        again = f"-again-{self.repeat}" if self.repeat else ""
        return f"trial-{self.candidate.trial}-iteration-{self.candidate.iteration:03}{again}"

    @property
    def failed(self) -> bool:
        """Whether there is no value."""
        return self.candidate.value is None


@dataclass(frozen=True)
class TrialStanding:
    """The state of a trial after an evaluation: how many have finished, and numbers such as the best so far.

    Where there are several trials, the names of the numbers begin with that of the trial.
    """

    step: int
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Outcome:
    """The end of a search for this time: how it ended, the numbers of its best, and files worth keeping."""

    status: Status
    metrics: Mapping[str, float] = field(default_factory=dict)
    files: Sequence[Path] = ()


class Tracker:
    """A tracker that ignores all it is told; one of your own overrides the methods that it needs.

    It is made with the words behind its name, as in `mlflow:URI`. Its methods are called one after the other, in a
    thread of its own, so that they may block. An exception of theirs is told once, and the search goes on.
    """

    def __init__(self, argument: str = "") -> None:
        self.argument = argument

    def begin(self, search: Tracked) -> str:
        """Open the run of a search, or go on in it; return a name of the store that is the same next time."""
        return self.argument

    def started(self, evaluation: Evaluation) -> None:
        """Take in an evaluation that begins, or begins again after a crash."""

    def epoch(self, evaluation: Evaluation, epoch: Epoch) -> None:
        """Take in an epoch of an evaluation."""

    def finished(self, evaluation: Evaluation, standing: TrialStanding | None) -> None:
        """Take in a finished evaluation; `standing` is None for a further one of a candidate that is confirmed."""

    def end(self, outcome: Outcome) -> None:
        """Close the run; a resumed search opens it again."""


def check_packages(packages: Iterable[str], name: str, extra: str) -> None:
    """Raises GeniusError where a package that a tracker needs is missing."""
    for package in packages:
        if find_spec(package) is None:
            raise GeniusError(f"{name} needs {package}, which is not installed: pip install 'genius-nas[{extra}]'")


def portable_name(name: str) -> str:
    """Return a name of letters, digits and a few marks, as every tracker takes it."""
    return re.sub(r"[^\w./-]+", "_", name, flags=re.ASCII).strip("_") or "_"


def epoch_metrics(epoch: Epoch, goal: Goal) -> dict[str, float]:
    """Return the numbers of an epoch by their names."""
    told = {goal.objective.name: epoch.value, "loss": epoch.loss, "images_per_second": epoch.images_per_second}
    return dict(epoch.metrics) | {name: value for name, value in told.items() if value is not None}
