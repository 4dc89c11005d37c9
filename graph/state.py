"""What the graph carries: the state that is checkpointed, and the context that travels with a run."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypedDict

from ..agents.memory import Memory, empty_memory
from ..agents.proposer import Proposer
from ..agents.reflector import Order, write_prompt
from ..agents.validator import Repair, WhenDone
from ..evaluators.evaluator import Evaluator
from ..spaces.limits import NO_LIMITS, Limits
from ..spaces.space import SearchSpace
from ..tools.candidate import Candidate, Message
from .journal import Journal


class InFlight(TypedDict):
    """What the nodes read of the state; a trace shows a node no more than it reads.

    `done` counts a trial's finished iterations; `candidate` is in flight, None between iterations.
    """

    trial: int
    done: int
    candidate: dict[str, object] | None


class Asking(InFlight):
    """What the proposer reads: `prompt` is what it is asked next."""

    prompt: list[Message]


class Remembering(InFlight):
    """What the reflector reads."""

    memory: Memory


class SearchState(Asking, Remembering):
    """One trial, in plain JSON types and of bounded size: what is checkpointed.

    `stopped` says why the search ended early; `journal_lines` is how many lines of this trial the journal holds.
    """

    stopped: str | None
    journal_lines: int


Stage = Literal["proposing", "waiting", "training", "finished"]


@dataclass(frozen=True)
class Progress:
    """A step of a search, for whoever shows it.

    `candidate` is filled as far as it is known, `tokens` are the trial's so far, `note` says why it is waiting, `run`
    is the run folder.
    """

    stage: Stage
    candidate: Candidate
    tokens: int = 0
    note: str = ""
    run: Path | None = None


def _ignore(progress: Progress) -> None: ...


@dataclass(frozen=True)
class Context:
    """What an invocation of the graph works with, and what is never checkpointed."""

    space: SearchSpace
    proposer: Proposer
    evaluator: Evaluator
    journal: Journal = field(default_factory=Journal)
    limits: Limits = NO_LIMITS
    repair: Repair = "ask"
    max_replies: int = 10
    when_done: WhenDone = "stop"
    order: Order = "best"
    progress: Callable[[Progress], None] = _ignore

    def tell(self, stage: Stage, candidate: Candidate, note: str = "") -> None:
        """Tell whoever shows the search how far it is."""
        tokens = self.journal.tokens(candidate.trial)
        self.progress(Progress(stage, candidate, tokens, note, self.journal.folder))


def first_state(space: SearchSpace, trial: int = 1, order: Order = "best", limits: Limits = NO_LIMITS) -> SearchState:
    """Return the state of a trial that has not begun."""
    return SearchState(
        trial=trial,
        done=0,
        candidate=None,
        memory=empty_memory(),
        prompt=write_prompt(space, empty_memory(), order, limits),
        stopped=None,
        journal_lines=0,
    )
