"""The proposer that is a person at the terminal."""

import asyncio
import sys
import threading
from collections.abc import Sequence

from ..spaces.errors import RunFailed
from ..tools.candidate import Candidate, Message
from .proposer import Proposer


def human_proposer() -> Proposer:
    """Make a proposer that shows each prompt on standard error and reads the answer, one line, from standard input."""

    async def propose(prompt: Sequence[Message], history: Sequence[Candidate]) -> str:
        print(f"\n{prompt[-1]['content']}\n\nYour answer, in one line: ", end="", file=sys.stderr, flush=True)
        line = await _read_line()
        if not line:
            raise RunFailed("standard input was closed before an answer came")
        return line.strip()

    return propose


async def _read_line() -> str:
    """Wait for a line without holding up the event loop; the daemon thread lets Ctrl-C end the program meanwhile."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[str] = loop.create_future()

    def read() -> None:
        line = sys.stdin.readline()
        loop.call_soon_threadsafe(lambda: None if answer.done() else answer.set_result(line))

    threading.Thread(target=read, daemon=True).start()
    return await answer
