"""What the loop knows of one proposal, from the reply to its measurement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from typing_extensions import TypedDict

from ..printable import named
from ..schema import CLOSED, Amount, Count, Number, Numbers, Scalar, Schema, Text
from ..spaces.cost import Cost
from .plain import BadValue, number, text, whole
from .statistics import weigh

NOTHING_LEFT = "-"
"""The reply of a proposer that has nothing better to offer."""


class Message(TypedDict):
    """One message of a conversation, as chat models take it; `role` is system, user or assistant."""

    role: Text
    content: Text


Failure = Literal["out of memory", "too large", "diverged", "crashed", "timed out", "lost", "raised"]
"""How an evaluation can fail: the device's memory did not suffice, or was estimated not to; the loss became NaN or
infinite; the process ended by itself; it took too long or showed no life; the machine it ran on was lost; the evaluator
raised an exception, or returned what is no measurement."""

ERROR_LENGTH, DEVICE_LENGTH = 400, 100  # characters that are kept


@dataclass(frozen=True)
class Measurement:
    """What an evaluator returns.

    `accuracy` is top-1 in percent, `sd` the standard deviation of its error where the evaluator knows it: that is all
    that the search may see. `test_accuracy` and both ranks (1 is the best of the whole space) are for reports: no
    prompt and no proposer sees them. `error` says why there is no accuracy, and `failure` what kind of failure it was.
    `seconds` are those for which the `device` was held, all tries together.
    """

    __pydantic_config__ = CLOSED

    accuracy: Number | None = None
    test_accuracy: Number | None = None
    rank: Count | None = None
    test_rank: Count | None = None
    seconds: Amount = 0.0
    error: Text | None = None
    failure: Failure | None = None
    device: Text = ""
    sd: Amount | None = None

    @classmethod
    def of(cls, returned: object) -> "Measurement":
        """Read what an evaluator returned, a measurement or an accuracy alone, as plain JSON types.

        Numbers may be of any library. Texts become one printable line each, and long ones lose their middle. Where
        there is an error, it counts alone. Raises: BadValue, with the field.
        """
        if not isinstance(returned, Measurement):
            expected = "a Measurement or a finite number"
            return cls(accuracy=number("the evaluator's answer", returned, expected=expected))
        seconds, device = number("seconds", returned.seconds, 0.0), text(returned.device, DEVICE_LENGTH)
        failure = _failure(returned.failure)
        if returned.error is not None and (error := text(returned.error, ERROR_LENGTH)):
            return cls(seconds=seconds, error=error, failure=failure, device=device)
        return cls(
            accuracy=None if returned.accuracy is None else number("accuracy", returned.accuracy),
            test_accuracy=None if returned.test_accuracy is None else number("test_accuracy", returned.test_accuracy),
            rank=None if returned.rank is None else whole("rank", returned.rank),
            test_rank=None if returned.test_rank is None else whole("test_rank", returned.test_rank),
            seconds=seconds,
            failure=failure,
            device=device,
            sd=None if returned.sd is None else number("sd", returned.sd, 0.0),
        )


def _failure(given: object) -> Failure | None:
    known = {kind: kind for kind in get_args(Failure)}
    if given is not None and (not isinstance(given, str) or given not in known):
        raise BadValue(f"expected one of {', '.join(known)}, got {named(given)} as failure")
    return None if given is None else known[given]


@dataclass(frozen=True)
class Refusal:
    """A reply that was sent back, and the rule it broke."""

    reply: Text
    reason: Text


RepairedBy = Literal["nearest", "person"]


@dataclass(frozen=True)
class Repair:
    """What was proposed where another architecture was taken, and why, in words.

    `by` is who changed it: `nearest` where it broke the limits and the nearest one within was taken, or a `person`.
    """

    proposed: Numbers
    reason: Text
    by: RepairedBy = "nearest"


@dataclass(frozen=True)
class Suggestion:
    """An architecture that is worth trying, with the accuracy in percent that a measurement of it is expected to give
    and the standard deviation of that; None where nothing was measured yet."""

    architecture: Numbers
    accuracy: Number | None = None
    sd: Amount | None = None


@dataclass(frozen=True)
class Candidate:
    """One iteration of a search: a proposal, filled from left to right; one line of the journal.

    `shortlist` is what the proposer was advised to try. `reply` is the one that settled the iteration, `llm` the
    language model that wrote it, if one did, `fault` why it is not to be read. Replies that were sent back stand in
    `refusals`.
    `values` are the options of the architecture by name, where its space goes by values, `rounded` which of a reply's
    values were taken to the nearest level.
    `started` is Unix time, `seconds` is how long the whole iteration took, `evaluation_seconds` its evaluation alone.
    `error` says why there is no accuracy.
    """

    __pydantic_config__ = CLOSED

    trial: Count
    iteration: Count
    started: Number = 0.0
    shortlist: tuple[Suggestion, ...] = ()
    reply: Text = ""
    llm: Text | None = None
    fault: Text | None = None
    rationale: Text = ""
    architecture: Numbers | None = None
    values: dict[Text, Scalar] | None = None
    rounded: Text = ""
    cost: Cost | None = None
    measurement: Measurement | None = None
    refusals: tuple[Refusal, ...] = ()
    repair: Repair | None = None
    error: Text | None = None
    seconds: Number = 0.0
    evaluation_seconds: Amount = 0.0

    @property
    def accuracy(self) -> float | None:
        """The accuracy that the search may see, in percent; None where nothing was measured."""
        return self.measurement.accuracy if self.measurement else None

    @property
    def written(self) -> str:
        """The architecture for a person: its option numbers, or its values where its space goes by them."""
        if self.values is None:
            return str(list(self.architecture or ()))
        return "{" + ", ".join(f"{name}: {value}" for name, value in self.values.items()) + "}"

    @property
    def taken(self) -> int | None:
        """The place in the shortlist of what was proposed, from 1; None where it is of the proposer's own."""
        proposed = self.repair.proposed if self.repair else self.architecture
        return next((at for at, s in enumerate(self.shortlist, start=1) if s.architecture == proposed), None)

    def to_json(self) -> dict[str, object]:
        """Return plain JSON types."""
        return CANDIDATE.plain(self)

    @classmethod
    def from_json(cls, line: Mapping[str, object]) -> "Candidate":
        """Read what `to_json` wrote.

        Raises: BadRecord where the fields are not a candidate's.
        """
        return CANDIDATE.take(line)


SAYS_NOTHING_LEFT = "the proposer says that nothing better is left"
ALL_TRIED = "every architecture that is allowed was tried"
ENDINGS = (SAYS_NOTHING_LEFT, ALL_TRIED)
"""Errors of a candidate that end a trial."""

MEASUREMENT = Schema[Measurement](Measurement)
CANDIDATE = Schema[Candidate](Candidate)


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
