"""Trackers fed by the progress of a search, each in a thread of its own."""

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from types import TracebackType

from ..errors import is_pause, warn
from ..graph.pause import Paused
from ..graph.progress import Progress
from ..printable import one_line, reason
from ..record.secrets import keep_secret, redact
from . import TRACKERS, MakeTracker
from .following import Following
from .tracker import Status, Tracker

_PATIENCE = 60.0  # seconds in the end for what is still to be told
_LONGEST = 400  # characters of an error


class Tracking:
    """Tells trackers of a search: pass it as `progress`, within `with` or `async with`, whose end closes the trackers.

    Trackers are named as in `mlflow:URI`, or are classes as `genius.Tracker`. `say` is told why one fails, once for
    each; by default that is a warning. Raises: GeniusError for an unknown name, and for a package that is missing.
    """

    def __init__(self, *trackers: str | MakeTracker, say: Callable[[str], None] = warn) -> None:
        self._tellers = [_Teller(*_opened(each), say) for each in trackers]

    def __enter__(self) -> "Tracking":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for teller in self._tellers:
            teller.put(_status(error))
        until = time.monotonic() + _PATIENCE
        for teller in self._tellers:
            teller.close(until)

    async def __aenter__(self) -> "Tracking":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.__exit__, kind, error, traceback)

    def __call__(self, step: Progress) -> None:
        """Take in a step of a search; its trackers are told of it later."""
        for teller in self._tellers:
            teller.put(step)


def _opened(given: str | MakeTracker) -> tuple[str, Tracker]:
    """Make a tracker; return how messages call it, too.

    Raises: GeniusError.
    """
    if not isinstance(given, str):
        return getattr(given, "__name__", type(given).__name__), TRACKERS.take(given)("")
    keep_secret(given, "tracker")
    name, _, argument = given.partition(":")
    return (name, TRACKERS[name](argument)) if name in TRACKERS else (given, TRACKERS.find(given)(""))


def _status(error: BaseException | None) -> Status:
    if error is None:
        return "finished"
    if isinstance(error, Paused) or is_pause(error):
        return "stopped"
    return "failed" if isinstance(error, Exception) else "interrupted"


class _Teller:
    """The thread of a tracker: it tells of steps in their order, and says once why one could not be told."""

    def __init__(self, name: str, tracker: Tracker, say: Callable[[str], None]) -> None:
        self._name, self._say, self._following = name, say, Following(tracker)
        self._steps: queue.SimpleQueue[Progress | Status | None] = queue.SimpleQueue()
        self._has_failed = False
        self._thread = threading.Thread(target=self._run, name=f"tracker {name}", daemon=True)
        self._thread.start()

    def put(self, step: Progress | Status) -> None:
        """Have a step, or the end of the search, told later."""
        self._steps.put(step)

    def close(self, until: float) -> None:
        """Wait until all is told, but no longer than until a time of the monotonic clock."""
        self._steps.put(None)
        self._thread.join(max(0.0, until - time.monotonic()))
        if self._thread.is_alive():
            self._fail(f"it has not taken in all that it was told within {_PATIENCE:.0f} s")

    def _run(self) -> None:
        while (step := self._steps.get()) is not None:
            try:
                self._following.take(step)
            except (Exception, SystemExit) as error:
                self._fail(one_line(redact(reason(error)), _LONGEST))

    def _fail(self, why: str) -> None:
        if not self._has_failed:
            self._has_failed = True
            self._say(
                f"the tracker {self._name} failed, and the search goes on: {why}; `genius resume` tells it the rest"
            )
