"""The process of one search that an assistant has started: it is told by lines on standard input, and tells by lines.

Each line is a JSON object. The first one received is the request, the later ones are answers and the word to stop. The
end of the lines is the end of the server, and of the search, unless that is to go on.
"""

import asyncio
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

from ..errors import GeniusError
from ..graph.pause import Paused
from ..graph.progress import Progress
from ..graph.search import resume, search
from ..record.result import SearchResult
from ..record.search_picture import draw

if TYPE_CHECKING:
    from langgraph.types import Interrupt

_GRACE = 5.0  # seconds for an orderly end, before the second signal
_CALLS: Mapping[str, Callable[..., Awaitable[SearchResult]]] = {"search": search, "resume": resume}


@dataclass
class Tether:
    """The two ends of the lines, and the questions that wait for an answer, by id."""

    told: BinaryIO
    tells: BinaryIO
    keeps: bool = False
    _open: dict[str, "asyncio.Future[Any]"] = field(default_factory=dict)
    _cut: bool = False

    async def search(self) -> None:
        """Make the search of the request, to its end.

        Raises: GeniusError, after it was told.
        """
        request = json.loads(self.told.readline())
        self.keeps = request["keeps"]
        threading.Thread(target=self._listen, args=(asyncio.get_running_loop(),), daemon=True).start()
        call = _CALLS[request["call"]]
        try:
            draw(await call(**_tuples(request["arguments"]), progress=self._step, ask=self._ask))
            self._tell(ended="the search ended")
        except asyncio.CancelledError:
            self._tell(ended="it was stopped")
            raise
        except Paused as error:
            self._tell(ended="it waits for an answer", error=str(error))
            raise
        except GeniusError as error:
            self._tell(ended="it had to stop", error=str(error))
            raise

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        for line in self.told:
            message = json.loads(line)
            if "stop" in message:
                return _stop()
            loop.call_soon_threadsafe(self._answer, message["id"], message["answer"])
        loop.call_soon_threadsafe(self._cut_off)
        return None if self.keeps else _stop()

    def _answer(self, id: str, answer: object) -> None:
        if (waiting := self._open.pop(id, None)) and not waiting.done():
            waiting.set_result(answer)

    def _cut_off(self) -> None:
        """Leave the open questions without an answer: a search that goes on pauses there."""
        self._cut = True
        for id in list(self._open):
            self._answer(id, None)

    async def _ask(self, question: "Interrupt") -> object:
        if self._cut:
            return None
        self._open[question.id] = answer = asyncio.get_running_loop().create_future()
        self._tell(question=question.value, id=question.id)
        return await answer

    def _step(self, step: Progress) -> None:
        candidate, epoch = step.candidate, step.epoch
        if step.stage == "note":
            return self._tell(note=step.note)
        told: dict[str, object] = {"stage": step.stage, "trial": candidate.trial}
        told |= {"iteration": candidate.iteration} if candidate.iteration else {}
        told |= {"note": step.note} if step.note else {}
        if candidate.architecture is not None:
            told["architecture"] = list(candidate.architecture)
        if epoch is not None:
            told["epoch"] = {"epoch": epoch.epoch, "of": epoch.epochs, "value": epoch.value, "loss": epoch.loss}
        return self._tell(step=told)

    def _tell(self, **message: object) -> None:
        with suppress(OSError):  # the server has ended
            self.tells.write(json.dumps(message, default=str).encode() + b"\n")
            self.tells.flush()


def tethered() -> Tether:
    """Take standard input and standard output for the lines; all that is printed goes to standard error."""
    tells = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return Tether(sys.stdin.buffer, tells)


def _stop() -> None:
    """End the search as Ctrl-C does; a few seconds later, as the second Ctrl-C does."""
    for _ in range(3):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_GRACE)


def _tuples(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments with lists as tuples, as settings take them."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in arguments.items()}
