"""The searches of a server, each in a process of its own that ends with the server unless it is to go on."""

import asyncio
import json
import sys
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import GeniusError
from ..printable import one_line
from ..record.budget import NOTHING_SPENT, Spent

CHILD = "of-assistant"
"""The command of such a process, which no help lists."""
_COMMAND = (sys.executable, "-P", "-m", __name__.partition(".")[0], CHILD)  # no module of the current folder counts
_LINE = 1 << 24  # bytes of a line
_MOST = 4  # searches at once
_LAST = 5  # lines of standard error that are kept
_POLL = 0.05  # seconds


@dataclass
class SearchProcess:
    """A search that this server has started: its process, and the latest that it told.

    `before` is what the run had spent when it began, and `limits` are its limits, by setting.
    """

    run: Path
    keeps: bool
    before: Spent
    limits: Mapping[str, float]
    process: asyncio.subprocess.Process
    steps: dict[int, dict[str, Any]] = field(default_factory=dict)
    notes: deque[str] = field(default_factory=lambda: deque(maxlen=_LAST))
    question: dict[str, Any] | None = None
    ended: str = ""
    error: str = ""
    said: deque[str] = field(default_factory=lambda: deque(maxlen=_LAST))
    _changes: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def runs(self) -> bool:
        """Whether the process has not ended."""
        return self.process.returncode is None

    @property
    def state(self) -> str:
        """What the search is doing, in a few words."""
        if self.runs:
            return "waits for an answer" if self.question else "running" if self.began else "beginning"
        return self.ended or f"its process ended with code {self.process.returncode}"

    @property
    def began(self) -> bool:
        """Whether the search itself has begun: all that it was asked for is valid, and the run folder is a run."""
        return bool(self.steps or self.notes or self.question)

    async def listen(self) -> None:
        """Take in what the process tells, until it ends."""
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        noting = asyncio.create_task(self._note(self.process.stderr))
        async for line in self.process.stdout:
            self._take(json.loads(line))
            await self._changed()
        await noting
        await self.process.wait()
        self.question = None
        await self._changed()

    async def _note(self, lines: asyncio.StreamReader) -> None:
        async for line in lines:
            self.said.append(one_line(line.decode(errors="replace"), 500))

    def _take(self, message: Mapping[str, Any]) -> None:
        if step := message.get("step"):
            self.steps[step["trial"]] = step
        elif "note" in message:
            self.notes.append(message["note"])
        elif "question" in message:
            self.question = dict(message)
        elif "ended" in message:
            self.ended, self.error = message["ended"], message.get("error", "")

    async def _changed(self) -> None:
        async with self._changes:
            self._changes.notify_all()

    async def until(self, done: Callable[["SearchProcess"], bool], seconds: float) -> None:
        """Wait until something holds, the process has ended, or the time is up."""
        end = asyncio.get_running_loop().time() + seconds
        while self.runs and not done(self) and (left := end - asyncio.get_running_loop().time()) > 0:
            try:
                async with self._changes:
                    await asyncio.wait_for(self._changes.wait(), min(left, 10 * _POLL))
            except TimeoutError:
                continue

    async def tell(self, **message: object) -> None:
        """Tell the process something.

        Raises: GeniusError where it has ended.
        """
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(message).encode() + b"\n")
            await self.process.stdin.drain()
        except (ConnectionError, RuntimeError):
            raise GeniusError("the process of this search has ended meanwhile") from None

    async def answer(self, answer: object) -> None:
        """Answer the open question.

        Raises: GeniusError where there is none.
        """
        if self.question is None:
            raise GeniusError("this search waits for no answer")
        asked, self.question = self.question["id"], None
        await self.tell(id=asked, answer=answer)


class SearchProcesses:
    """All searches that a server has started, by their run folders."""

    def __init__(self) -> None:
        self.all: list[SearchProcess] = []
        self.starting = asyncio.Lock()
        self._listening: set[asyncio.Task[None]] = set()

    def latest(self, run: Path) -> SearchProcess | None:
        """Return the latest process of a run; None where this server has started none."""
        return next((each for each in reversed(self.all) if each.run == run), None)

    def of_runs(self) -> list[tuple[SearchProcess, SearchProcess]]:
        """Return the first and the latest process of each run."""
        first = {each.run: each for each in reversed(self.all)}
        latest = {each.run: each for each in self.all}
        return [(first[run], latest[run]) for run in latest]

    def running(self, run: Path) -> SearchProcess:
        """Return the process of a run.

        Raises: GeniusError where it runs no more, or in another process.
        """
        found = self.latest(run)
        if found is None or not found.runs:
            raise GeniusError(f"{run.name} is not running in this server")
        return found

    async def start(
        self,
        call: str,
        run: Path,
        arguments: Mapping[str, Any],
        *,
        keeps: bool,
        limits: Mapping[str, float],
        before: Spent = NOTHING_SPENT,
    ) -> SearchProcess:
        """Start the process of a search.

        Raises: GeniusError where too many run.
        """
        if sum(each.runs for each in self.all) >= _MOST:
            raise GeniusError(f"{_MOST} searches run already, and a server runs no more: stop one, or wait for it")
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *_COMMAND, stdin=pipe, stdout=pipe, stderr=pipe, limit=_LINE, start_new_session=True
        )
        started = SearchProcess(run, keeps, before, limits, process)
        self.all.append(started)
        listening = asyncio.create_task(started.listen())
        self._listening.add(listening)
        listening.add_done_callback(self._listening.discard)
        await started.tell(call=call, arguments=arguments, keeps=keeps)
        return started

    def end(self) -> None:
        """Close the lines to all processes: each ends its search in order, but for those that go on."""
        for each in self.all:
            if each.process.stdin is not None:
                each.process.stdin.close()
