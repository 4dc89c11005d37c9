"""What the graph carries: the state that is checkpointed, and the context that travels with a run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from typing_extensions import TypedDict

from ..agents.advice import Advice
from ..agents.memory import Memory, empty_memory
from ..agents.proposer import Proposer
from ..agents.reflector import Order, write_prompt
from ..agents.validator import Repair, WhenDone
from ..evaluators.evaluator import Evaluator
from ..spaces.limits import NO_LIMITS, Limits
from ..spaces.record import BadRecord, Count, Schema, Text, Whole
from ..spaces.space import SearchSpace
from ..tools.candidate import Candidate, Message, Suggestion
from ..training.job import Epoch
from .budget import NO_BUDGET, NOTHING_SPENT, Budget, Spent
from .journal import BrokenRun, Journal
from .slots import Slots


class InFlight(TypedDict):
    """What the nodes read of the state; a trace shows a node no more than it reads.

    `done` counts a trial's finished iterations; `candidate` is on its way through the nodes, None between invocations;
    `running` are the candidates whose evaluation goes on; `stopped` says why nothing more is proposed, though
    iterations are left.
    """

    trial: int
    done: int
    candidate: dict[str, object] | None
    running: list[dict[str, object]]
    stopped: str | None


class Asking(InFlight):
    """What the proposer reads: `prompt` is what it is asked next, `shortlist` what it is advised there to try."""

    prompt: list[Message]
    shortlist: list[dict[str, object]]


class Remembering(InFlight):
    """What the reflector reads."""

    memory: Memory


class SearchState(Asking, Remembering):
    """One trial, in plain JSON types and of bounded size: what is checkpointed."""


Stage = Literal["proposing", "waiting", "note", "training", "epoch", "finished"]


@dataclass(frozen=True)
class Progress:
    """A step of a search, for whoever shows it.

    `candidate` is filled as far as it is known, `tokens` are the trial's so far, `spent` what the whole run has spent
    of its `budget`, `note` says why it is waiting or what is to be known, `run` is the run folder, `epoch` the one that
    a training has just ended.
    """

    stage: Stage
    candidate: Candidate
    tokens: int = 0
    spent: Spent = NOTHING_SPENT
    budget: Budget = NO_BUDGET
    note: str = ""
    run: Path | None = None
    epoch: Epoch | None = None


def _ignore(progress: Progress) -> None: ...


@dataclass(frozen=True)
class Context:
    """What an invocation of the graph works with, and what is never checkpointed.

    `budget` is what the run may spend. `advice` is whether prompts tell what a surrogate makes of the history, with the
    trial's `seed`. `iterations` is how many a trial makes in all, None for as many as the graph is invoked for; `slots`
    are its evaluations in flight.
    """

    space: SearchSpace
    proposer: Proposer
    evaluator: Evaluator
    journal: Journal = field(default_factory=Journal)
    limits: Limits = NO_LIMITS
    repair: Repair = "ask"
    max_replies: int = 10
    when_done: WhenDone = "ask"
    budget: Budget = NO_BUDGET
    order: Order = "best"
    advice: bool = False
    seed: Sequence[int] = (0,)
    iterations: int | None = None
    slots: Slots = field(default_factory=Slots)
    progress: Callable[[Progress], None] = _ignore

    def tell(self, stage: Stage, candidate: Candidate, note: str = "") -> None:
        """Tell whoever shows the search how far it is."""
        tokens = self.journal.tokens(candidate.trial)
        spent, folder = self.journal.spent, self.journal.folder
        self.progress(Progress(stage, candidate, tokens, spent, self.budget, note, folder))

    @property
    def is_spent(self) -> bool:
        """Whether the budget leaves no room for a further proposal."""
        return self.budget.reached(self.journal.spent) is not None

    @property
    def is_spent_on_training(self) -> bool:
        """Whether the budget leaves no room for a further training; a proposal that was paid for is trained."""
        return self.budget.reached(Spent(hours=self.journal.spent.hours)) is not None


def first_state(
    space: SearchSpace,
    trial: int = 1,
    order: Order = "best",
    limits: Limits = NO_LIMITS,
    advice: Advice | None = None,
) -> SearchState:
    """Return the state of a trial that has not begun."""
    return SearchState(
        trial=trial,
        done=0,
        candidate=None,
        running=[],
        memory=empty_memory(),
        prompt=write_prompt(space, empty_memory(), order, limits, advice=advice),
        shortlist=shortlisted(advice),
        stopped=None,
    )


def shortlisted(advice: Advice | None) -> list[dict[str, object]]:
    """Return the shortlist of an advice as the state holds it."""
    return [asdict(suggestion) for suggestion in advice.shortlist] if advice else []


def read_shortlist(shortlist: Sequence[Mapping[str, Any]]) -> tuple[Suggestion, ...]:
    """Read what `shortlisted` wrote."""
    return tuple(Suggestion(tuple(s["architecture"]), s["accuracy"], s["sd"]) for s in shortlist)


class _Kept(TypedDict):
    """What is checkpointed of a trial, as a file must hold it."""

    trial: Count
    done: Whole
    candidate: Candidate | None
    running: list[Candidate]
    stopped: Text | None
    memory: Memory
    prompt: list[Message]
    shortlist: list[Suggestion]


_KEPT = Schema[_Kept](_Kept)


def read_state(folder: Path | None, values: Mapping[str, Any], trial: int) -> SearchState | None:
    """Return a checkpointed state; None where nothing is checkpointed.

    Raises: BrokenRun where it is none of this trial's.
    """
    if not values:
        return None
    try:
        kept = _KEPT.take(values)
    except BadRecord as error:
        raise BrokenRun(f"the checkpoints in {folder} cannot be used: {error}") from None
    if kept["trial"] != trial:
        raise BrokenRun(f"the checkpoints in {folder} cannot be used: that of trial {trial} is of {kept['trial']}")
    return cast("SearchState", values)
