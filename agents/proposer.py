"""What a proposer is."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import update_wrapper
from inspect import isawaitable
from typing import Generic, ParamSpec

from ..errors import GeniusError
from ..plugins import signature_refusing
from ..record.call import Reply
from ..record.candidate import Candidate, Message

P = ParamSpec("P")

Proposer = Callable[[Sequence[Message], Sequence[Candidate]], Awaitable["Reply | str"] | Reply | str]
"""Answers a prompt, knowing the trial's finished candidates, with text or a Reply; a plain function is enough.

It must draw nothing from memory of its own: the same prompt and history ask for the same answer, so that a search
that was cut off can go on where it was.
"""


async def asked(proposer: Proposer, prompt: Sequence[Message], history: Sequence[Candidate]) -> Reply | str:
    """Ask a proposer, which may answer at once or be awaited."""
    answer = proposer(prompt, history)
    return await answer if isawaitable(answer) else answer


MakeProposer = Callable[..., Proposer]
"""Makes the proposer of a trial from the space, the trial's seed and the limits."""


class Seeded(Generic[P]):
    """A function that makes the proposer of each trial from the space, the trial's seed and the limits.

    `@genius.seeded` marks one; any other function is a proposer itself.
    """

    def __init__(self, make: Callable[P, Proposer]) -> None:
        self._make = make
        update_wrapper(self, make)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Proposer:
        """Make a proposer."""
        return self._make(*args, **kwargs)


def seeded(make: Callable[P, Proposer]) -> Seeded[P]:
    """Mark a function that makes the proposer of each trial from the space, the trial's seed and the limits."""
    return Seeded(make)


def maker_of(value: object) -> MakeProposer | None:
    """Return what makes the proposers of a search from a proposer, or from a function that `seeded` marks.

    None stands for what is no function. Raises: GeniusError for a function that takes other arguments.
    """
    if not callable(value):
        return None
    if not isinstance(value, Seeded) and (takes := signature_refusing(value, 2)):
        raise GeniusError(
            f"{getattr(value, '__name__', type(value).__name__)} takes {takes}: a proposer takes (prompt, history); "
            "mark a function that makes one with @genius.seeded"
        )
    return value if isinstance(value, Seeded) else lambda *_: value


@dataclass(frozen=True)
class Unprompted:
    """A proposer that reads nothing of a prompt but the replies that were sent back: no prompt is written for it."""

    propose: Proposer

    def __call__(self, prompt: Sequence[Message], history: Sequence[Candidate]) -> Awaitable[Reply | str] | Reply | str:
        """Answer as the proposer does."""
        return self.propose(prompt, history)
