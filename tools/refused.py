"""Refused architectures: a proposer does not propose them again, though they were never evaluated."""

from collections.abc import Sequence
from functools import lru_cache

from ..record.candidate import Candidate, Message
from ..record.history import History
from ..spaces.space import Architecture, SearchSpace
from .replies import UnreadableReply, read_reply


def refused_architectures(
    space: SearchSpace, prompt: Sequence[Message], history: Sequence[Candidate]
) -> set[Architecture]:
    """Return the architectures of refused replies, those in the prompt and those of earlier iterations.

    Combinations of options that the space's rule forbids are among them.
    """
    replies = [m["content"] for m in prompt if m["role"] == "assistant" and not m.get("tool_calls")]
    replies += History.of(history).sent_back
    found = (_read(reply, space.without_rule) for reply in replies)
    return {architecture for architecture in found if architecture is not None}


@lru_cache(4096)
def _read(reply: str, space: SearchSpace) -> Architecture | None:
    try:
        return read_reply(reply, space).architecture
    except UnreadableReply:
        return None
