"""The human proposer, a person at the terminal."""

import asyncio
import sys
import threading
from collections.abc import Sequence

from ..errors import RunFailed
from ..printable import printable
from ..record.candidate import Candidate, Message
from .proposer import Proposer


def human_proposer() -> Proposer:
    """Make a proposer that shows each prompt on standard error, and reads a reply of one line from standard input."""

    async def propose(prompt: Sequence[Message], history: Sequence[Candidate]) -> str:
        shown = printable(prompt[-1]["content"])
        print(f"\n{shown}\n\nYour answer, in one line: ", end="", file=sys.stderr, flush=True)
        line = await read_line()
        if not line:
            raise RunFailed("standard input was closed before an answer came")
        return line.strip()

    return propose


async def read_line() -> str:
    """Read a line without blocking the event loop, in a daemon thread, so that Ctrl-C can end the program meanwhile.

    Raises: RunFailed where standard input cannot be read.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[str | Exception] = loop.create_future()

    def read() -> None:
        found: str | Exception
        try:
            found = sys.stdin.readline() if sys.stdin else ""
        except (OSError, ValueError) as error:
            found = error
        loop.call_soon_threadsafe(lambda: None if answer.done() else answer.set_result(found))

    threading.Thread(target=read, daemon=True).start()
    line = await answer
    if isinstance(line, Exception):
        raise RunFailed(f"standard input cannot be read: {line}") from line
    return line
