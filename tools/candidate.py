"""What the loop knows of one proposal, from the reply to its measurement."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal, TypedDict

from ..spaces.cost import Cost
from ..spaces.space import Architecture
from .statistics import weigh

NOTHING_LEFT = "-"
"""The reply of a proposer that has nothing better to offer."""


class Message(TypedDict):
    """One message of a conversation, as chat models take it; `role` is system, user or assistant."""

    role: str
    content: str


Failure = Literal["out of memory", "too large", "diverged", "crashed", "timed out", "lost"]
"""How a training can fail: the device's memory did not suffice, or was estimated not to; the loss became NaN or
infinite; the process ended by itself; it took too long or showed no life; the machine it ran on was lost."""


@dataclass(frozen=True)
class Measurement:
    """What an evaluator returns.

    `accuracy` is top-1 in percent, `sd` the standard deviation of its error where the evaluator knows it: that is all
    that the search may see. `test_accuracy` and both ranks (1 is the best of the whole space) are for reports: no
    prompt and no proposer sees them. `error` says why there is no accuracy, and `failure` what kind of failure it was.
    `seconds` are those for which the `device` was held, all tries together.
    """

    accuracy: float | None = None
    test_accuracy: float | None = None
    rank: int | None = None
    test_rank: int | None = None
    seconds: float = 0.0
    error: str | None = None
    failure: Failure | None = None
    device: str = ""
    sd: float | None = None


@dataclass(frozen=True)
class Refusal:
    """A reply that was sent back, and the rule it broke."""

    reply: str
    reason: str


@dataclass(frozen=True)
class Repair:
    """What was proposed where it broke the limits and the nearest architecture within was taken, and why, in words."""

    proposed: Architecture
    reason: str


@dataclass(frozen=True)
class Suggestion:
    """An architecture that is worth trying, with the accuracy in percent that a measurement of it is expected to give
    and the standard deviation of that; None where nothing was measured yet."""

    architecture: Architecture
    accuracy: float | None = None
    sd: float | None = None


@dataclass(frozen=True)
class Candidate:
    """One iteration of a search: a proposal, filled from left to right; one line of the journal.

    `shortlist` is what the proposer was advised to try. `reply` is the one that settled the iteration, `llm` the
    language model that wrote it, if one did, `fault` why it is not to be read. Replies that were sent back stand in
    `refusals`.
    `started` is Unix time, `seconds` is how long the whole iteration took, `evaluation_seconds` its evaluation alone.
    `error` says why there is no accuracy.
    """

    trial: int
    iteration: int
    started: float = 0.0
    shortlist: tuple[Suggestion, ...] = ()
    reply: str = ""
    llm: str | None = None
    fault: str | None = None
    rationale: str = ""
    architecture: Architecture | None = None
    cost: Cost | None = None
    measurement: Measurement | None = None
    refusals: tuple[Refusal, ...] = ()
    repair: Repair | None = None
    error: str | None = None
    seconds: float = 0.0
    evaluation_seconds: float = 0.0

    @property
    def accuracy(self) -> float | None:
        """The accuracy that the search may see, in percent; None where nothing was measured."""
        return self.measurement.accuracy if self.measurement else None

    @property
    def taken(self) -> int | None:
        """The place in the shortlist of what was proposed, from 1; None where it is of the proposer's own."""
        proposed = self.repair.proposed if self.repair else self.architecture
        return next((at for at, s in enumerate(self.shortlist, start=1) if s.architecture == proposed), None)

    def to_json(self) -> dict[str, object]:
        """Return plain JSON types."""
        return asdict(self)

    @classmethod
    def from_json(cls, line: Mapping[str, object]) -> "Candidate":
        """Read what `to_json` wrote.

        Raises: TypeError where the fields are not a candidate's.
        """
        fields = dict(line)
        for name, kind in (("cost", Cost), ("measurement", Measurement)):
            if fields.get(name):
                fields[name] = kind(**fields[name])  # type: ignore[arg-type]
        if fields.get("architecture") is not None:
            fields["architecture"] = tuple(fields["architecture"])  # type: ignore[arg-type]
        if repair := fields.get("repair"):
            fields["repair"] = Repair(tuple(repair["proposed"]), repair["reason"])  # type: ignore[index]
        suggestions = fields.get("shortlist", ())
        fields["shortlist"] = tuple(
            Suggestion(**suggestion | {"architecture": tuple(suggestion["architecture"])})
            for suggestion in suggestions  # type: ignore[attr-defined]
        )
        fields["refusals"] = tuple(Refusal(**refusal) for refusal in fields.get("refusals", ()))  # type: ignore[attr-defined]
        return cls(**fields)  # type: ignore[arg-type]


def measured(history: Sequence[Candidate]) -> list[Candidate]:
    """Return the candidates that have an accuracy, in the order they were measured."""
    return [candidate for candidate in history if candidate.accuracy is not None]


def best(history: Sequence[Candidate]) -> Candidate | None:
    """Return the most accurate candidate; of equals the one measured first.

    Where evaluators tell the errors of their measurements, a lucky measurement with a large error counts for less.
    """
    found = measured(history)
    if not found:
        return None
    errors = [(candidate.measurement and candidate.measurement.sd) or 0.0 for candidate in found]
    worth = weigh([candidate.accuracy or 0.0 for candidate in found], errors)
    return found[int(worth.argmax())]
