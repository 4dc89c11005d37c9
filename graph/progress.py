"""The progress of a search: the steps that it tells to whoever shows, or tracks, it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..record.budget import NO_BUDGET, NOTHING_SPENT, Budget, Spent
from ..record.candidate import Candidate
from ..record.goal import GOAL, Goal
from ..record.settings import Settings
from ..spaces.space import SearchSpace
from ..training.job import Epoch

Stage = Literal["begun", "proposing", "waiting", "note", "training", "epoch", "finished", "confirming", "confirmed"]


@dataclass(frozen=True)
class BegunSearch:
    """A search that begins, or goes on: its settings, its space as proposers see it, and all that has finished before.

    `space` finds the space, which may import it. `confirmed` are the further evaluations, each as its candidate with
    that measurement, and the number of the repeat.
    """

    settings: Settings
    space: Callable[[], SearchSpace]
    candidates: Sequence[Candidate] = ()
    confirmed: Sequence[tuple[Candidate, int]] = ()


@dataclass(frozen=True)
class Progress:
    """A step of a search, for whoever shows it.

    `candidate` is filled as far as it is known, `tokens` are the trial's so far, `spent` what the whole run has spent
    of its `budget`, `note` says why it is waiting, or a fact to know, `run` is the run folder, `epoch` the one that
    a training has just ended, `goal` that of the search. Where a candidate is confirmed, `confirmed` is how many of the
    trial's further evaluations have ended, and of how many, and `repeat` the number of this one, from 1. `begun` tells
    of the search, in its first step.
    """

    stage: Stage
    candidate: Candidate
    tokens: int = 0
    spent: Spent = NOTHING_SPENT
    budget: Budget = NO_BUDGET
    note: str = ""
    run: Path | None = None
    epoch: Epoch | None = None
    goal: Goal = GOAL
    confirmed: tuple[int, int] = (0, 0)
    repeat: int = 0
    begun: BegunSearch | None = None


def ignore(progress: Progress) -> None:
    """Show a step to nobody."""
