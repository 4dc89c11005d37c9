"""The journal of a run: each reply is logged before it is used, and each candidate when it is finished.

Both files only grow, line by line, flushed and synced. A line that a crash cut short is dropped at the next start.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar

from ..schema import Schema
from .budget import NOTHING_SPENT, Spent, hours_of
from .call import CALL, CALLS_FILE, Call, CallPlace, Reply
from .candidate import CANDIDATE, Candidate, Message, Refusal
from .confirmation import CONFIRMATION, CONFIRMATIONS_FILE, Confirmation
from .files import BrokenRun
from .goal import GOAL, Goal
from .history import History, Index
from .lines import append_records, cut_torn_line, read_records
from .notebook import NOTEBOOK_FILE, PAGE, Beliefs, Page, PageKind

CANDIDATES_FILE = "candidates.jsonl"
TRACE_FILE = "trace.jsonl"

_Record = TypeVar("_Record")
_PagePlace = tuple[int, int, PageKind]  # trial, iteration, kind


@dataclass(frozen=True)
class Usage:
    """The number of calls to language models, and their tokens; a replayed recording counts as recorded."""

    llm_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


class Journal:
    """The finished candidates of a run, indexed, and the replies of its unfinished iterations.

    With a folder, its files hold both, and every call with its prompt. A second addition of an entry changes nothing.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self._candidates: dict[tuple[int, int], Candidate] = {}
        self._indices: defaultdict[int, Index] = defaultdict(Index)  # of each trial
        self._replies: defaultdict[tuple[int, int], dict[CallPlace, Reply]] = defaultdict(dict)  # of each iteration
        self._pages: dict[_PagePlace, Page] = {}
        self._confirmations: defaultdict[int, dict[tuple[int, int], Confirmation]] = defaultdict(dict)  # of each trial
        self._usage: defaultdict[int, Usage] = defaultdict(Usage)
        self._tokens: Counter[int] = Counter()
        self._spent = NOTHING_SPENT
        self._writing = asyncio.Lock()

    @classmethod
    def load(cls, folder: Path) -> "Journal":
        """Read a run's journal.

        Raises: BrokenRun, with the file and the line.
        """
        journal = cls(folder)
        for candidate in _read_once(folder / CANDIDATES_FILE, CANDIDATE, attrgetter("trial", "iteration")):
            journal._settle(candidate)
        journal._read_confirmations(folder / CONFIRMATIONS_FILE)
        for call, _, reply in read_calls(folder):
            journal._keep(call, reply)
        for page in _read_once(folder / NOTEBOOK_FILE, PAGE, attrgetter("trial", "iteration", "kind")):
            journal._pages[page.trial, page.iteration, page.kind] = page
        return journal

    def _read_confirmations(self, path: Path) -> None:
        for each in _read_once(path, CONFIRMATION, attrgetter("trial", "iteration", "repeat")):
            if self.find(each.trial, each.iteration) is None:
                where = f"trial {each.trial}, iteration {each.iteration}"
                raise BrokenRun(f"{path} holds an evaluation of {where}, which the journal lacks: remove that line")
            self._settle_confirmation(each)

    def reply(self, call: CallPlace) -> Reply | None:
        """Return the logged reply of a call in an unfinished iteration; None where the call was not made."""
        _, trial, iteration, _ = call
        return self._replies.get((trial, iteration), {}).get(call)

    def page(self, trial: int, iteration: int, kind: PageKind) -> Page | None:
        """Return the page of a kind that was written before an iteration's proposal; None where there is none."""
        return self._pages.get((trial, iteration, kind))

    def pages(self, trial: int) -> list[Page]:
        """Return the pages of a trial's notebook in the order they were written."""
        return [page for page in self._pages.values() if page.trial == trial]

    def usage(self, trial: int) -> Usage:
        """Return the usage of language models by a trial."""
        return self._usage[trial]

    def tokens(self, trial: int) -> int:
        """Return the tokens of a trial's prompts and replies."""
        return self._tokens[trial]

    @property
    def was_answered(self) -> bool:
        """Whether a language model has answered a call of the run."""
        return any(usage.llm_calls for usage in self._usage.values())

    @property
    def spent(self) -> Spent:
        """The spending of the run, over all its trials."""
        return self._spent

    def find(self, trial: int, iteration: int) -> Candidate | None:
        """Return the candidate of a finished iteration; None for an unfinished one."""
        return self._candidates.get((trial, iteration))

    def finished(self, trial: int) -> Sequence[Candidate]:
        """Return a trial's finished candidates in the order of their end; the sequence grows with the search."""
        return self._indices[trial].candidates

    def confirmations(self, trial: int) -> list[Confirmation]:
        """Return the further evaluations of a trial's candidates in the order of their end."""
        return list(self._confirmations[trial].values())

    def history(
        self,
        trial: int,
        first: int,
        running: Sequence[Candidate] = (),
        goal: Goal = GOAL,
        asked: Sequence[Refusal] = (),
        beliefs: Beliefs | None = None,
        notebook: str = "",
        rounds: int = 0,
    ) -> History:
        """Return the history of the `first` finished candidates of a trial, followed by those `running`.

        `asked` are the refusals of the iteration that is being made, `rounds` the replies of it that called tools.
        """
        return History(self._indices[trial], first, running, goal, asked, beliefs, notebook, rounds)

    async def log_reply(self, call: CallPlace, prompt: Sequence[Message], reply: Reply) -> None:
        """Log the reply of a call, before it is used; it is written down even where the caller is cancelled."""
        await _to_the_end(self._log(call, prompt, reply))

    async def _log(self, call: CallPlace, prompt: Sequence[Message], reply: Reply) -> None:
        agent, trial, iteration, attempt = call
        line = CALL.plain(Call(trial, iteration, attempt, list(prompt), reply, agent))
        await self._append(CALLS_FILE, [line])
        self._keep(call, reply)

    def _keep(self, call: CallPlace, reply: Reply) -> None:
        _, trial, iteration, _ = call
        if self.find(trial, iteration) is None:
            self._replies[trial, iteration][call] = reply
        if reply.model:
            known = self._usage[trial]
            self._usage[trial] = Usage(
                known.llm_calls + 1, known.input_tokens + reply.input_tokens, known.output_tokens + reply.output_tokens
            )
        self._tokens[trial] += reply.tokens
        unpriced = reply.model is not None and reply.cost is None
        self._spent += Spent(cost=reply.cost or 0.0, tokens=reply.tokens, unpriced=int(unpriced))

    async def write_page(self, page: Page) -> None:
        """Write a page of a trial's notebook, unless that of its iteration and kind is written already."""
        place = page.trial, page.iteration, page.kind
        if place not in self._pages:
            self._pages[place] = page
            await _to_the_end(self._append(NOTEBOOK_FILE, [PAGE.plain(page)]))

    async def add(self, candidate: Candidate) -> None:
        """Record a finished candidate, unless its iteration is recorded already.

        It is paid for: it is written down even where the caller is cancelled.
        """
        await _to_the_end(self._add(candidate))

    async def _add(self, candidate: Candidate) -> None:
        if self.find(candidate.trial, candidate.iteration) is None:
            await self._append(CANDIDATES_FILE, [candidate.to_json()])
            self._settle(candidate)

    async def confirm(self, confirmation: Confirmation) -> None:
        """Record a further evaluation of a candidate, unless it is recorded already, as `add` does."""
        await _to_the_end(self._confirm(confirmation))

    async def _confirm(self, confirmation: Confirmation) -> None:
        if (confirmation.iteration, confirmation.repeat) not in self._confirmations[confirmation.trial]:
            await self._append(CONFIRMATIONS_FILE, [CONFIRMATION.plain(confirmation)])
            self._settle_confirmation(confirmation)

    def restore(
        self, candidates: Iterable[Candidate], pages: Iterable[Page] = (), confirmations: Iterable[Confirmation] = ()
    ) -> None:
        """Add records from elsewhere than the folder's files, such as a checkpoint: finished candidates, pages, and
        further evaluations of candidates."""
        for candidate in candidates:
            self._settle(candidate)
        for page in pages:
            self._pages.setdefault((page.trial, page.iteration, page.kind), page)
        for confirmation in confirmations:
            self._settle_confirmation(confirmation)

    def _settle_confirmation(self, confirmation: Confirmation) -> None:
        known, place = self._confirmations[confirmation.trial], (confirmation.iteration, confirmation.repeat)
        if place not in known:
            known[place] = confirmation
            self._spent += Spent(hours=hours_of(confirmation))

    def _settle(self, candidate: Candidate) -> None:
        key = candidate.trial, candidate.iteration
        if key in self._candidates:
            return
        self._candidates[key] = candidate
        self._indices[candidate.trial].add(candidate)
        self._spent += Spent(hours=hours_of(candidate))
        self._replies.pop(key, None)

    async def trace(self, runs: Sequence[Mapping[str, object]]) -> None:
        """Append finished runs to the trace file."""
        await self._append(TRACE_FILE, runs)

    async def _append(self, file: str, lines: Sequence[Mapping[str, object]]) -> None:
        if self.folder is not None and lines:
            async with self._writing:
                await asyncio.to_thread(append_records, self.folder / file, lines)


async def _to_the_end(writing: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine to its end, even where the caller is cancelled meanwhile."""
    task = asyncio.create_task(writing)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


def read_calls(folder: Path) -> Iterator[tuple[CallPlace, list[Message], Reply]]:
    """Yield the calls of a run: their places, their prompts and their replies.

    Raises: BrokenRun, with the line.
    """
    for call in _read_once(folder / CALLS_FILE, CALL, attrgetter("place")):
        yield call.place, call.prompt, call.reply


def _read_once(
    path: Path, schema: Schema[_Record], place: Callable[[_Record], tuple[object, ...]]
) -> Iterator[_Record]:
    """Yield the records of a file, no two of which may have the same place.

    Raises: BrokenRun, with the file and the line.
    """
    known = set()
    for number, record in enumerate(read_records(path, schema), start=1):
        if (at := place(record)) in known:
            raise BrokenRun(f"{path}, line {number}, repeats the record of an earlier line: remove one of them")
        known.add(at)
        yield record


def drop_torn_lines(folder: Path) -> None:
    """Cut off the last line of each file where a crash tore it, so that the next line starts on its own."""
    for file in (CANDIDATES_FILE, CONFIRMATIONS_FILE, CALLS_FILE, TRACE_FILE, NOTEBOOK_FILE):
        cut_torn_line(folder / file)
