"""The journal: what was paid for. Replies are logged before they are used, finished candidates when they are settled.

Both files only grow, a line at a time, flushed and synced. A line that a crash cut short is dropped at the next start.
"""

import asyncio
import errno
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from operator import attrgetter
from pathlib import Path
from typing import TypeVar

import aiofiles

from ..agents.proposer import CALL, Reply
from ..agents.replay import CALLS_FILE
from ..spaces.errors import GeniusError
from ..spaces.record import BadRecord, Schema
from ..tools.candidate import CANDIDATE, Candidate, Message
from ..tools.files import cut_torn_line, plain, read_lines
from .budget import NOTHING_SPENT, Spent, hours_of

CANDIDATES_FILE = "candidates.jsonl"
TRACE_FILE = "trace.jsonl"

_Line = TypeVar("_Line")
_Call = tuple[int, int, int]  # trial, iteration, attempt


class BrokenRun(GeniusError):
    """A run folder that cannot be read."""


class Journal:
    """The candidates and replies of a run, in memory and, where there is a folder, on disk.

    Line for line the files hold what the memory holds; adding what is there already changes nothing.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self._candidates: dict[tuple[int, int], Candidate] = {}
        self._calls: dict[_Call, tuple[list[Message], Reply]] = {}
        self._tokens: Counter[int] = Counter()
        self._spent = NOTHING_SPENT
        self._writing = asyncio.Lock()

    @classmethod
    def load(cls, folder: Path) -> "Journal":
        """Read a run's journal.

        Raises: BrokenRun, with the file and the line.
        """
        journal = cls(folder)
        for candidate in _read_lines(folder / CANDIDATES_FILE, CANDIDATE, attrgetter("trial", "iteration")):
            journal._settle(candidate)
        for call in _read_lines(folder / CALLS_FILE, CALL, attrgetter("trial", "iteration", "attempt")):
            journal._keep((call.trial, call.iteration, call.attempt), call.prompt, call.reply)
        return journal

    @property
    def calls(self) -> Mapping[_Call, tuple[list[Message], Reply]]:
        """The logged prompts and replies by (trial, iteration, attempt), all counted from 1."""
        return self._calls

    def reply(self, call: _Call) -> Reply | None:
        """Return a logged reply, if that call was made."""
        return self._calls[call][1] if call in self._calls else None

    def tokens(self, trial: int) -> int:
        """Return how many tokens a trial's replies took, prompts included."""
        return self._tokens[trial]

    @property
    def spent(self) -> Spent:
        """What the run has spent, all its trials together."""
        return self._spent

    def find(self, trial: int, iteration: int) -> Candidate | None:
        """Return a finished candidate, if that iteration is finished."""
        return self._candidates.get((trial, iteration))

    def history(self, trial: int, first: int | None = None) -> list[Candidate]:
        """Return a trial's candidates in the order they finished, the first so many where a number is given."""
        return [candidate for (t, _), candidate in self._candidates.items() if t == trial][:first]

    async def log_reply(self, call: _Call, prompt: Sequence[Message], reply: Reply) -> None:
        """Write a reply down before anyone uses it."""
        trial, iteration, attempt = call
        place = {"trial": trial, "iteration": iteration, "attempt": attempt}
        await self._append(CALLS_FILE, [place | {"prompt": list(prompt), "reply": asdict(reply)}])
        self._keep(call, prompt, reply)

    def _keep(self, call: _Call, prompt: Sequence[Message], reply: Reply) -> None:
        self._calls[call] = (list(prompt), reply)
        self._tokens[call[0]] += reply.tokens
        unpriced = reply.model is not None and reply.cost is None
        self._spent += Spent(cost=reply.cost or 0.0, tokens=reply.tokens, unpriced=int(unpriced))

    async def add(self, candidate: Candidate) -> None:
        """Write a finished candidate down, unless its iteration is there already."""
        if self.find(candidate.trial, candidate.iteration) is None:
            await self._append(CANDIDATES_FILE, [candidate.to_json()])
            self._settle(candidate)

    def _settle(self, candidate: Candidate) -> None:
        self._candidates[candidate.trial, candidate.iteration] = candidate
        self._spent += Spent(hours=hours_of(candidate))

    async def trace(self, runs: Sequence[Mapping[str, object]]) -> None:
        """Write finished runs of the trace down."""
        await self._append(TRACE_FILE, runs)

    async def _append(self, file: str, lines: Sequence[Mapping[str, object]]) -> None:
        if self.folder is None or not lines:
            return
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        async with self._writing:
            await _append_synced(self.folder / file, text.encode())


async def _append_synced(path: Path, content: bytes) -> None:
    """Append all of the content or, where the disk is full, nothing."""
    async with aiofiles.open(path, "ab", buffering=0, opener=plain) as file:
        size = await file.seek(0, os.SEEK_END)
        try:
            if await file.write(content) < len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
            await asyncio.to_thread(os.fsync, file.fileno())
        except OSError:
            await file.truncate(size)
            raise


def _read_lines(path: Path, schema: Schema[_Line], place: Callable[[_Line], tuple[int, ...]]) -> Iterator[_Line]:
    """Yield a file's records, each of which has a place of its own.

    Raises: BrokenRun, with the file and the line.
    """
    known, number = set(), 0
    try:
        for number, line in enumerate(read_lines(path), start=1):
            record = schema.read(line)
            if (at := place(record)) in known:
                raise BrokenRun(f"{path}, line {number}, tells again of what an earlier line tells: remove one of them")
            known.add(at)
            yield record
    except BadRecord as error:
        raise BrokenRun(f"{path}, line {number}, cannot be read: {error}") from None
    except OSError as error:
        raise BrokenRun(f"{path} cannot be read: {error.strerror}") from error


def drop_torn_lines(folder: Path) -> None:
    """Cut off what a crash left of a last line, so that the next line starts on its own."""
    for file in (CANDIDATES_FILE, CALLS_FILE, TRACE_FILE):
        cut_torn_line(folder / file)
