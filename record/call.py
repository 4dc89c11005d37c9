"""A call of a proposer: the prompt, and the reply that came back."""

from dataclasses import dataclass, fields, replace
from typing import Any

from ..errors import RunFailed
from ..schema import CLOSED, Amount, Count, Schema, Text, Whole
from .candidate import Message
from .secrets import redactor

_HEAD, _TAIL = 2_000, 60_000
"""Characters that are kept of the beginning and of the end of a longer reply."""


@dataclass(frozen=True)
class Reply:
    """A proposer's answer.

    - `model`: what the language model that wrote it is called by its server; None where no model did.
    - `llm`: by what name it was asked. `passed`: who was asked before it without an answer, each with the reason.
    - `finish`: why the reply ended, in the provider's own word; `refusal`: the words in which a model refused.
    - `fault`: why the reply is not to be read at all, such as that it was cut off; None where it is.
    - `cost`: in dollars, None where the price is not known.
    - `notes`: what was left out of the call because the server refuses it.
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

    @property
    def tokens(self) -> int:
        """The tokens of prompt and reply; of a server that counts none, a quarter of the reply's characters."""
        return self.input_tokens + self.output_tokens or (len(self.text) // 4 if self.model else 0)


@dataclass(frozen=True)
class Call:
    """One line of a log of calls: the prompt and the reply of an attempt, trial, iteration and attempt from 1."""

    __pydantic_config__ = CLOSED

    trial: Count
    iteration: Count
    attempt: Count
    prompt: list[Message]
    reply: Reply


CALL = Schema[Call](Call)
CALLS_FILE = "calls.jsonl"


def received(answer: object) -> Reply:
    """Take a proposer's answer in: as a Reply, cleared of secrets and of what no file can hold, and not too long.

    Raises: RunFailed where it is neither text nor a Reply.
    """
    reply = Reply(answer) if isinstance(answer, str) else answer
    if not isinstance(reply, Reply) or not isinstance(reply.text, str):
        raise RunFailed(f"a proposer returns text or a genius.Reply, got {type(answer).__name__}")
    redact = redactor()

    def clean(value: Any) -> Any:
        """Clear a text, or several, of secrets and of halves of surrogates, and shorten it."""
        if isinstance(value, tuple):
            return tuple(map(clean, value))
        if not isinstance(value, str):
            return value
        return shortened(redact(value).encode(errors="replace").decode(), _HEAD, _TAIL)

    return replace(reply, **{one.name: clean(getattr(reply, one.name)) for one in fields(reply)})


def shortened(text: str, head: int, tail: int) -> str:
    """Leave out the middle of a text that is longer than its head and its tail together, in characters."""
    left_out = len(text) - head - tail
    return text if left_out <= 0 else f"{text[:head]}\n[… {left_out:,} characters left out …]\n{text[-tail:]}"
