"""A call of a proposer: its prompt and its reply."""

from dataclasses import dataclass, fields, replace
from typing import Annotated, Any

from pydantic import Field

from ..errors import RunFailed
from ..schema import CLOSED, Amount, Count, Schema, Text, Whole
from .candidate import Message, ToolCall, ToolCalls
from .secrets import redactor

_HEAD, _TAIL = 2_000, 60_000
"""Characters that are kept from the beginning and from the end of a longer reply."""


@dataclass(frozen=True)
class Reply:
    """The reply of a proposer.

    - `model`: the server's name of the language model that wrote the reply; None where no model did.
    - `llm`: the name by which the model was asked. `passed`: the models that failed before it, each with the reason.
    - `finish`: the reason for the reply's end, in the provider's word; `refusal`: the words in which a model refused.
    - `fault`: the reason not to read the reply, such as that it was cut off; None where it is read.
    - `cost`: in dollars, None where the price is unknown.
    - `notes`: parameters that were left out of the call because the server refuses them.
    - `tool_calls`: the tools that it calls before it settles; then it is no proposal yet.
    """

    __pydantic_config__ = CLOSED

    text: Text
    model: Text | None = None
    input_tokens: Whole = 0
    output_tokens: Whole = 0
    llm: Text | None = None
    passed: tuple[Text, ...] = ()
    finish: Text = ""
    refusal: Text = ""
    fault: Text | None = None
    cost: Amount | None = None
    notes: tuple[Text, ...] = ()
    tool_calls: ToolCalls = ()

    @property
    def tokens(self) -> int:
        """The tokens of prompt and reply; a quarter of the reply's characters where the server counts none."""
        return self.input_tokens + self.output_tokens or (len(self.text) // 4 if self.model else 0)


Agent = Annotated[str, Field(strict=True, pattern=r"^(proposer|starter|reflector|concluder|arm:.{1,500})$")]
"""Who asks a model: for a proposal, for its starts and beliefs, to reflect on the measurements, in the end for its
design principles, or for the offer of a further arm of a hybrid search, as `arm:NAME`."""


@dataclass(frozen=True)
class Call:
    """One line of a log of calls: the prompt and the reply of an agent's attempt; trial, iteration and attempt count
    from 1."""

    __pydantic_config__ = CLOSED

    trial: Count
    iteration: Count
    attempt: Count
    prompt: list[Message]
    reply: Reply
    agent: Agent = "proposer"

    @property
    def place(self) -> "CallPlace":
        """Where the call belongs: no two calls of a run share it."""
        return self.agent, self.trial, self.iteration, self.attempt


CallPlace = tuple[Agent, int, int, int]
"""The agent that made a call, the trial, the iteration and the attempt."""

CALL = Schema[Call](Call)
CALLS_FILE = "calls.jsonl"


def received(answer: object) -> Reply:
    """Convert a proposer's answer into a Reply, redacted, without lone surrogates, and shortened.

    Raises: RunFailed where it is neither text nor a Reply.
    """
    reply = Reply(answer) if isinstance(answer, str) else answer
    if not isinstance(reply, Reply) or not isinstance(reply.text, str):
        hint = "; a function that makes a proposer is marked by @genius.seeded" if callable(answer) else ""
        raise RunFailed(f"a proposer returns text or a genius.Reply, got {type(answer).__name__}{hint}")
    redact = redactor()

    def clean(value: Any) -> Any:
        """Redact a text, or each of several, replace lone surrogates, and shorten it."""
        if isinstance(value, tuple):
            return tuple(map(clean, value))
        if isinstance(value, ToolCall):
            return ToolCall(clean(value.id), clean(value.name), clean(value.arguments))
        if not isinstance(value, str):
            return value
        return shortened(redact(value).encode(errors="replace").decode(), _HEAD, _TAIL)

    return replace(reply, **{one.name: clean(getattr(reply, one.name)) for one in fields(reply)})


def shortened(text: str, head: int, tail: int) -> str:
    """Leave out the middle of a text that has more than `head` + `tail` characters."""
    left_out = len(text) - head - tail
    return text if left_out <= 0 else f"{text[:head]}\n[… {left_out:,} characters left out …]\n{text[-tail:]}"
