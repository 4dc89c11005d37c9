"""Which architectures were sent back: they are not proposed again, though no evaluation knows of them."""

from collections.abc import Sequence
from functools import lru_cache

from ..spaces.space import Architecture, SearchSpace
from .candidate import Candidate, Message
from .reply import UnreadableReply, read_reply


def refused(space: SearchSpace, prompt: Sequence[Message], history: Sequence[Candidate]) -> set[Architecture]:
    """Return the combinations of options in replies that were sent back: in a prompt, and in earlier iterations.

    What the space's rule forbids is among them.
    """
    replies = [message["content"] for message in prompt if message["role"] == "assistant"]
    replies += [refusal.reply for candidate in history for refusal in candidate.refusals]
    found = (_read(reply, space.without_rule) for reply in replies)
    return {architecture for architecture in found if architecture is not None}


def not_built(space: SearchSpace, prompt: Sequence[Message], history: Sequence[Candidate]) -> set[Architecture]:
    """Return what was sent back in a space whose costs are counted on networks: it may be what cannot be built.

    In other spaces nothing that a surrogate or a baseline proposes is sent back.
    """
    return set() if space.parts else refused(space, prompt, history)


@lru_cache(4096)
def _read(reply: str, space: SearchSpace) -> Architecture | None:
    try:
        return read_reply(reply, space).architecture
    except UnreadableReply:
        return None
