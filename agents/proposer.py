"""The contract of a proposer."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from ..record.call import Reply
from ..record.candidate import Candidate, Message

Proposer = Callable[[Sequence[Message], Sequence[Candidate]], Awaitable["Reply | str"]]
"""Maps a prompt and the trial's finished candidates to a reply. A function that returns text is enough.

It keeps no state of its own: the same prompt and history give the same reply, so that an interrupted search can
continue.
"""


@dataclass(frozen=True)
class Unprompted:
    """A proposer that reads only the refused replies of a prompt, so that the reflector writes no prompt for it."""

    propose: Proposer

    def __call__(self, prompt: Sequence[Message], history: Sequence[Candidate]) -> Awaitable[Reply | str]:
        """Call the proposer."""
        return self.propose(prompt, history)
