"""What a proposer is."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from ..record.call import Reply
from ..record.candidate import Candidate, Message

Proposer = Callable[[Sequence[Message], Sequence[Candidate]], Awaitable["Reply | str"]]
"""Answers a prompt, knowing the trial's finished candidates. A function that returns text is enough.

It must draw nothing from memory of its own: the same prompt and history ask for the same answer, so that a search
that was cut off can go on where it was.
"""


@dataclass(frozen=True)
class Unprompted:
    """A proposer that reads nothing of a prompt but the replies that were sent back: no prompt is written for it."""

    propose: Proposer

    def __call__(self, prompt: Sequence[Message], history: Sequence[Candidate]) -> Awaitable[Reply | str]:
        """Answer as the proposer does."""
        return self.propose(prompt, history)
