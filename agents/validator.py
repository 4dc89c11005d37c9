"""The agent that holds a reply against the rules: readable, in the space, not tried before."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from ..spaces.space import Architecture, SearchSpace
from ..tools.candidate import Candidate, Refusal
from ..tools.reply import UnreadableReply, read_reply

WhenDone = Literal["stop", "ask"]
"""What follows a reply that says that nothing better is left: the search stops, or the model is asked again."""

SAYS_NOTHING_LEFT = "the proposer says that nothing better is left"


def validate(
    candidate: Candidate, space: SearchSpace, history: Sequence[Candidate], *, max_replies: int, when_done: WhenDone
) -> Candidate:
    """Judge a candidate's reply.

    Returns the candidate with its architecture and cost; or with one refusal more and no reply, to be asked again; or
    with an error where the last of `max_replies` was refused or nothing better is left: then the iteration is over.
    """
    try:
        reading = read_reply(candidate.reply, space)
    except UnreadableReply as broken:
        return _refuse(candidate, str(broken), max_replies)
    if reading.architecture is None:
        if when_done == "stop":
            return replace(candidate, error=SAYS_NOTHING_LEFT)
        return _refuse(candidate, "the search goes on: propose an architecture that was not tried yet", max_replies)
    if repeat := _repeat(reading.architecture, space, history):
        return _refuse(candidate, repeat, max_replies)
    cost = space.cost(reading.architecture)
    return replace(candidate, architecture=reading.architecture, rationale=reading.rationale, cost=cost)


def _refuse(candidate: Candidate, reason: str, max_replies: int) -> Candidate:
    refusals = (*candidate.refusals, Refusal(candidate.reply, reason))
    spent = len(refusals) >= max_replies
    error = (
        f"none of {max_replies} replies gave a new architecture of this space; the last: {reason}" if spent else None
    )
    return replace(candidate, reply="", refusals=refusals, error=error)


def _repeat(architecture: Architecture, space: SearchSpace, history: Sequence[Candidate]) -> str | None:
    """Say which earlier architecture this one repeats; None where it is new."""
    identity = space.identity(architecture)
    for earlier in history:
        if earlier.architecture is not None and space.identity(earlier.architecture) == identity:
            same = (
                ""
                if earlier.architecture == architecture
                else f" computes the same function as {list(earlier.architecture)}, which"
            )
            return f"{list(architecture)}{same} was tried in iteration {earlier.iteration}"
    return None
