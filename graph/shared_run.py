"""A run at which several processes work in turn: each locks it for a while, and first reads the lines of the others."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from ..errors import GeniusError
from ..printable import brief
from ..record.call import CALLS_FILE
from ..record.candidate import Candidate
from ..record.journal import CANDIDATES_FILE, Journal, drop_torn_lines
from ..record.notebook import NOTEBOOK_FILE
from ..record.result import load
from ..record.settings import SETTINGS_FILE, Settings
from .checkpoints import last_states
from .run_folder import locked
from .seal import save_sealed

WAIT = 600.0
"""Seconds for which another process is waited for, such as one that asks a language model."""

_FILES = (SETTINGS_FILE, CANDIDATES_FILE, CALLS_FILE, NOTEBOOK_FILE)


class SharedRun:
    """A run of told values: its settings and its journal as they are while it is locked.

    It belongs to an event loop. `proposing` is held by the call that has a candidate proposed, `telling` by the one
    that tells.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings, self.journal = Settings(), Journal()
        self.proposing, self.telling = asyncio.Lock(), asyncio.Lock()
        self._seen: list[tuple[int, int]] | None = None  # the files as they were when they were last read or written
        self._entering = asyncio.Lock()
        self._callers = 0
        self._lock = AsyncExitStack()

    @asynccontextmanager
    async def locked(self) -> AsyncIterator[None]:
        """Lock the run against other processes, for all calls of this one that overlap.

        Raises: BrokenRun; GeniusError where another process holds it for too long, or for a run of another kind.
        """
        async with self._entering:
            if not self._callers:
                await self._enter()
            self._callers += 1
        try:
            yield
        finally:
            self._callers -= 1
            if not self._callers:
                self._seen = self._look()
                await self._lock.aclose()

    async def _enter(self) -> None:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(locked(self.folder, wait=WAIT))
            if self._seen != self._look():
                await self._read()
            self._lock = stack.pop_all()

    async def _read(self) -> None:
        await asyncio.to_thread(drop_torn_lines, self.folder)
        self.settings, self.journal = await asyncio.to_thread(load, self.folder)
        if not self.settings.is_told:
            raise GeniusError(
                f"{self.folder} is a search that evaluates by itself: go on with it by `genius resume`, or name "
                "another folder"
            )

    async def save(self, settings: Settings) -> None:
        """Go on with other settings, which are written down."""
        if settings != self.settings:
            await asyncio.to_thread(save_sealed, settings, self.folder)
            self.settings = settings

    def _look(self) -> list[tuple[int, int]]:
        """Return size and time of the files that a process writes."""
        paths = [self.folder / name for name in _FILES]
        found = [path.stat() if path.exists() else None for path in paths]
        return [(each.st_size, each.st_mtime_ns) if each else (0, 0) for each in found]

    @property
    def trials(self) -> range:
        """The numbers of the run's trials."""
        return range(1, self.settings.loop.trials + 1)

    def id_of(self, candidate: Candidate) -> str:
        """Return the name of a candidate: its iteration, and in a run of several trials its trial before that."""
        trial = f"{candidate.trial}." if self.settings.loop.trials > 1 else ""
        return f"{trial}{candidate.iteration}"

    def pending(self, state: Mapping[str, Any]) -> list[Candidate]:
        """Return the candidates of a trial that were handed out and not told."""
        running = [Candidate.from_json(candidate) for candidate in state["running"]]
        handed_out = [each for each in running if each.error is None and each.measurement is None]
        return [each for each in handed_out if self.journal.find(each.trial, each.iteration) is None]

    async def all_pending(self) -> list[Candidate]:
        """Return the pending candidates of all trials, by their checkpoints.

        Raises: BrokenRun.
        """
        states = await last_states(self.folder, self.settings)
        return [candidate for state in states for candidate in self.pending(state)]

    async def find(self, id: str) -> Candidate:
        """Return a pending candidate.

        Raises: GeniusError where it does not pend.
        """
        pending = await self.all_pending()
        found = next((candidate for candidate in pending if self.id_of(candidate) == id), None)
        if found is not None:
            return found
        told = any(self.id_of(candidate) == id for trial in self.trials for candidate in self.journal.finished(trial))
        why = f"{id} was told already" if told else f"no candidate has the id {brief(repr(id))}"
        raise GeniusError(f"{why}: {self.words(pending)}")

    def words(self, pending: Sequence[Candidate]) -> str:
        """Say which candidates pend."""
        ids = [self.id_of(candidate) for candidate in pending]
        return "none is pending" if not ids else f"{', '.join(ids)} {'is' if len(ids) == 1 else 'are'} pending"
