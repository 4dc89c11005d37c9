"""What a proposer is, and the proposer that asks a chat model."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..spaces.space import Architecture, SearchSpace
from ..tools.candidate import NOTHING_LEFT, Candidate, Message
from ..tools.grammar import architecture_grammar
from ..tools.reply import UnreadableReply, read_reply
from .advice import shortlist_of
from .embedded import constrained, keep_beginning
from .provider import provider_errors

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage
    from langchain_core.runnables import Runnable
    from langchain_openai import ChatOpenAI

EMBEDDED = "embedded model"


@dataclass(frozen=True)
class Reply:
    """A proposer's answer. `model` names the language model that wrote it; None where none did."""

    text: str
    model: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0


Proposer = Callable[[Sequence[Message], Sequence[Candidate]], Awaitable["Reply | str"]]
"""Answers a prompt, knowing the trial's finished candidates. A function that returns text is enough.

It must draw nothing from memory of its own: the same prompt and history ask for the same answer, so that a search
that was cut off can go on where it was.
"""


async def ask(model: "Runnable[Any, AIMessage]", prompt: Sequence[Message], run_name: str) -> "AIMessage":
    """Call a chat model.

    Raises: ProviderError where its server does not answer, or will not.
    """
    with provider_errors():
        return await model.ainvoke([dict(message) for message in prompt], config={"run_name": run_name})


def read_answer(answer: "AIMessage", run_name: str) -> Reply:
    """Take the text and the usage from a chat model's message."""
    usage = answer.usage_metadata
    return Reply(
        text=answer.text,
        model=answer.response_metadata.get("model_name") or run_name,
        input_tokens=usage["input_tokens"] if usage else 0,
        output_tokens=usage["output_tokens"] if usage else 0,
    )


def chat_proposer(model: "BaseChatModel", name: str | None = None) -> Proposer:
    """Make a proposer of a LangChain chat model; `name` is what traces call it."""
    run_name = name or type(model).__name__

    async def propose(prompt: Sequence[Message], history: Sequence[Candidate]) -> Reply:
        return read_answer(await ask(model, prompt, run_name), run_name)

    return propose


def constrained_proposer(model: "ChatOpenAI", space: SearchSpace) -> Proposer:
    """Make a proposer of the embedded model: a grammar lets it write nothing but an untried architecture.

    A model of this size would repeat itself otherwise; what the grammar cannot know is which cells are equal functions.
    """

    async def propose(prompt: Sequence[Message], history: Sequence[Candidate]) -> Reply | str:
        tried = {c.architecture for c in history if c.architecture} | set(_refused(prompt, space))
        if len(tried) == space.size:
            return NOTHING_LEFT
        with provider_errors():
            await keep_beginning(model, prompt[0]["content"], space.description)
        grammar = architecture_grammar(space, tried, reason_words=8, shortlist=shortlist_of(prompt))
        bound = constrained(model, grammar, from_beginning=True)
        return read_answer(await ask(bound, prompt, EMBEDDED), EMBEDDED)

    return propose


def _refused(prompt: Sequence[Message], space: SearchSpace) -> Iterator[Architecture]:
    """Go through the architectures of the replies that were sent back."""
    for message in prompt:
        if message["role"] == "assistant":
            with suppress(UnreadableReply):
                if architecture := read_reply(message["content"], space).architecture:
                    yield architecture
