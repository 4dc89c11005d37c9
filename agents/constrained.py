"""The proposer that asks the embedded model, under a grammar of the untried architectures."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..record.call import Reply
from ..record.candidate import NOTHING_LEFT, Candidate, Message
from ..record.settings.llm_settings import LLMSettings
from ..spaces.space import SearchSpace
from ..tools.grammar import NothingLeft, architecture_grammar
from ..tools.refused import refused_architectures
from .advice import shortlist_of
from .answer import read_answer
from .embedded import EmbeddedModel, keep_beginning, with_grammar
from .proposer import Proposer
from .provider import provider_errors

if TYPE_CHECKING:
    from langchain_openai import ChatOpenAI

EMBEDDED = "embedded model"
_MOST_TOKENS = 2_048


def embedded_proposer(server: EmbeddedModel, space: SearchSpace, options: LLMSettings, trial: int = 1) -> Proposer:
    """Make the proposer of a trial, with a seed of its own, by default at temperature 0."""
    model = server.chat_model(
        temperature=options.temperature or 0.0,
        seed=(options.seed or 0) + trial - 1,
        max_tokens=options.max_tokens or _MOST_TOKENS,
        timeout=options.timeout,
    )
    return constrained_proposer(model, space)


def constrained_proposer(model: "ChatOpenAI", space: SearchSpace) -> Proposer:
    """Make a proposer of the embedded model, under a grammar that excludes architectures tried or refused.

    A model of this size would repeat itself without it. The grammar does not know which cells are equal functions.
    """

    async def propose(prompt: Sequence[Message], history: Sequence[Candidate]) -> Reply | str:
        tried = {c.architecture for c in history if c.architecture} | refused_architectures(space, prompt, history)
        try:
            grammar = architecture_grammar(space, tried, reason_words=8, shortlist=shortlist_of(prompt))
        except NothingLeft:
            return NOTHING_LEFT
        messages = [{"role": message["role"], "content": message["content"]} for message in prompt]
        with provider_errors():
            await keep_beginning(model, prompt[0]["content"], space.description)
            bound = with_grammar(model, grammar, from_beginning=True)
            return read_answer(await bound.ainvoke(messages, config={"run_name": EMBEDDED}), EMBEDDED)

    return propose
