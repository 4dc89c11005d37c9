"""The candidate: one proposal, from the reply to its measurement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from ..schema import CLOSED, Amount, Count, Flag, Number, Numbers, Scalar, Schema, Text, Whole
from ..spaces.cost import Cost
from .measurement import Measurement, Metrics

NOTHING_LEFT = "-"
"""The reply of a proposer that has nothing better to offer."""


_CALLS = 64  # of a message


@dataclass(frozen=True)
class ToolCall:
    """A call of a tool in a model's reply: its id, the tool's name, and the arguments as the model wrote them."""

    id: Text
    name: Text
    arguments: Text


ToolCalls = Annotated[tuple[ToolCall, ...], Field(max_length=_CALLS)]


class Message(TypedDict):
    """One message of a conversation, as chat models take it; `role` is system, user, assistant or tool.

    `tool_calls` are those of an assistant's message, `tool_call_id` names the one that a tool's message answers.
    """

    role: Text
    content: Text
    tool_calls: NotRequired[ToolCalls]
    tool_call_id: NotRequired[Text]


@dataclass(frozen=True)
class Refusal:
    """A reply that was sent back, and the rule it broke.

    `metrics` are those of its network, and `architecture` is whose they are, where these were measured. `teaches` is
    whether the reason says something of architectures, rather than of the reply alone: then it is told later, too.
    """

    reply: Text
    reason: Text
    architecture: Numbers | None = None
    metrics: Metrics = field(default_factory=dict)
    teaches: Flag = False


RepairedBy = Literal["nearest", "person"]


@dataclass(frozen=True)
class Repair:
    """The proposed architecture, where another one was taken in its place, and the reason in words.

    `by` is `nearest` where the proposal broke the limits and the nearest architecture within was taken, or `person`.
    """

    proposed: Numbers
    reason: Text
    by: RepairedBy = "nearest"


@dataclass(frozen=True)
class Suggestion:
    """An architecture that is worth trying, with the value that a measurement of it is expected to give and the
    standard deviation of that; None where nothing was measured yet.

    `improvement` is the probability that its value, without the error of a measurement, is feasible and better than the
    best so far. `why` is the reason to try it.
    """

    architecture: Numbers
    value: Number | None = None
    sd: Amount | None = None
    improvement: Amount | None = None
    why: Text = ""


@dataclass(frozen=True)
class Offer:
    """The architecture that an arm of a hybrid search offered in an iteration, and the probability that it improves on
    the best so far, under the surrogate that weighed the arms; `fault` says why an arm offered none.

    `rationale`, `expected` and `expected_sd` are the arm's own, as those of a candidate.
    """

    arm: Text
    architecture: Numbers | None = None
    probability: Amount | None = None
    fault: Text = ""
    rationale: Text = ""
    expected: Number | None = None
    expected_sd: Amount | None = None


@dataclass(frozen=True)
class ToolUse:
    """A call of a tool by the proposer: the tool's name, its arguments as JSON, and the answer as text.

    `attempt` is the number of the reply with the call among those of the iteration, refused ones included.
    """

    name: Text
    arguments: Text
    answer: Text = ""
    attempt: Count = 1


@dataclass(frozen=True)
class Candidate:
    """One iteration of a search: a proposal, filled from left to right; one line of the journal.

    `shortlist` holds the architectures that the proposer was advised to try. `reply` is the one that settled the
    iteration, `llm` the language model that wrote it, if one did, `fault` why it is not to be read. Replies that were
    sent back stand in `refusals`. `values` are the options of the architecture by name, where its space goes by values,
    `rounded` which of a reply's values were taken to the nearest level. `started` is Unix time, `seconds` is how long
    the whole iteration took, `evaluation_seconds` its evaluation alone. `error` says why there is no value.

    `arm` is who proposed it in a hybrid search, chosen among the `offers`; `belief` is the posterior probability of the
    language model's beliefs then, None where nothing was weighed. `tools` are the calls of tools before the reply, and
    `rounds` is in how many messages they were asked for. `expected` is the value that the proposer itself expects, and
    `expected_sd` its standard deviation; that of the language model if it offered the same.
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
    expected: Number | None = None
    expected_sd: Amount | None = None
    tools: tuple[ToolUse, ...] = ()
    rounds: Whole = 0
    arm: Text | None = None
    offers: tuple[Offer, ...] = ()
    belief: Amount | None = None
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
    def value(self) -> float | None:
        """The measured value of the first objective; None where nothing was measured."""
        return self.measurement.value if self.measurement else None

    @property
    def accuracy(self) -> float | None:
        """Another name for the value, where the objective is accuracy."""
        return self.value

    @property
    def written(self) -> str:
        """The architecture for a person: its option numbers, or its values where its space goes by them."""
        if self.values is None:
            return str(list(self.architecture or ()))
        return "{" + ", ".join(f"{name}: {value}" for name, value in self.values.items()) + "}"

    @property
    def taken(self) -> int | None:
        """The place of the proposal in the shortlist, from 1; None where it is not from there."""
        proposed = self.repair.proposed if self.repair else self.architecture
        return next((at for at, s in enumerate(self.shortlist, start=1) if s.architecture == proposed), None)

    def to_json(self) -> dict[str, object]:
        """Return plain JSON types."""
        return CANDIDATE.plain(self)

    @classmethod
    def from_json(cls, line: Mapping[str, object]) -> "Candidate":
        """Read a candidate from the output of `to_json`.

        Raises: BadRecord where the fields are not a candidate's.
        """
        return CANDIDATE.take(line)


SAYS_NOTHING_LEFT = "the proposer says that nothing better is left"
ALL_TRIED = "every architecture that is allowed was tried"
ENDINGS = (SAYS_NOTHING_LEFT, ALL_TRIED)
"""Errors of a candidate that end a trial."""

CANDIDATE = Schema[Candidate](Candidate)


def measured(history: Sequence[Candidate]) -> list[Candidate]:
    """Return the candidates that have a value, in the order they were measured."""
    return [candidate for candidate in history if candidate.value is not None]
