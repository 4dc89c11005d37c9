"""The plan of a bench, and its trials, made on all cores. Finished trials are kept, so that a bench can continue."""

import asyncio
import multiprocessing
import os
import signal
import threading
import warnings
from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..errors import GeniusError, GeniusWarning, RunFailed
from ..printable import one_line, reason
from ..record.confirmation import UNCONFIRMED, Confirming
from ..record.files import BrokenRun, check_folder
from ..record.lines import append_records, cut_torn_line, read_records
from ..record.secrets import redact
from .entrants import check_proposer, read_entrant
from .starts import starts_for
from .task import Task, load_task
from .trial import TRIAL, BenchTrial, run_trial

TRIALS_FILE = "trials.jsonl"
_LONGEST = 1_000  # characters of a failure's reason
_TOGETHER = 5  # trials of a proposer that a process makes in one go; those of a language model are made singly

Tell = Callable[[int, int], None]
"""Called with the number of trials made, and of all trials."""


def silent(made: int, of: int) -> None:
    """Ignore the progress."""


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Convert the error of a folder that cannot be written into one sentence.

    Raises: RunFailed.
    """
    try:
        yield
    except OSError as error:
        raise RunFailed(f"cannot write {folder}: {error.strerror or error}; everything until then is kept") from error


@dataclass(frozen=True)
class Plan:
    """The tasks and proposers of a bench, the number of seeds, counted from 0, and of iterations of each trial.

    `confirming` is how many of the best are evaluated again behind them, on noisy tasks; that adds no trials.
    """

    tasks: Sequence[Task]
    proposers: Sequence[str]
    seeds: int = 100
    iterations: int = 10
    confirming: Confirming = UNCONFIRMED

    @property
    def starts(self) -> dict[str, Path]:
        """The files of starts, by the proposers that get them."""
        files = {proposer: read_entrant(proposer).starts for proposer in self.proposers}
        return {proposer: file for proposer, file in files.items() if file is not None}

    def check(self) -> "Plan":
        """Check the plan, and return it.

        Raises: GeniusError.
        """
        for name, value in (("seeds", self.seeds), ("iterations", self.iterations)):
            if value < 1:
                raise GeniusError(f"{name} must be at least 1, got {value}")
        for proposer in self.proposers:
            check_proposer(proposer)
        if self.confirming.count and not any(task.noisy for task in self.tasks):
            raise GeniusError(
                "--confirm needs noisy evaluations, and a table's means are the same each time: add --noisy, on a "
                "space whose table holds single trainings"
            )
        return self


@dataclass(frozen=True)
class _Chunk:
    """Trials of one proposer on one task, which a process makes one after the other."""

    task: Task
    proposer: str
    seeds: Sequence[int]
    iterations: int
    data: Path


async def make_trials(
    plan: Plan, data: Path, out: Path | None = None, *, processes: int = 0, tell: Tell = silent
) -> list[BenchTrial]:
    """Make all trials of a plan that the folder `out` does not hold yet; return all of them.

    `processes` run at once, by default one for each core. Raises: GeniusError; RunFailed where a process was killed.
    """
    plan.check()
    if processes < 0:
        raise GeniusError(f"processes must be at least 1, or 0 for one a core, got {processes}")
    if out:
        with writing(out):
            await asyncio.to_thread(_mend, out / TRIALS_FILE)
    done = {_key(trial): trial for trial in (read_trials(out) if out else [])}
    _check_tables(plan, done.values(), data)
    _check_starts(plan, done, data)
    wanted = [(task, name, seed) for task in plan.tasks for name in plan.proposers for seed in range(plan.seeds)]
    found = {key: done[key] for key in (_wanted_key(*each) for each in wanted) if _suffices(done.get(key), plan)}
    tell(len(found), len(wanted))
    # closed in every case: at the event loop's end the generator could not wait for its processes
    async with aclosing(_made(list(_chunks(plan, data, found)), processes or os.cpu_count() or 1)) as made:
        async for trials in made:
            found |= {_key(trial): trial for trial in trials}
            if out:
                with writing(out):
                    await asyncio.to_thread(append_records, out / TRIALS_FILE, [TRIAL.plain(each) for each in trials])
            tell(len(found), len(wanted))
    return [found[_wanted_key(*each)] for each in wanted]


def read_trials(out: Path) -> list[BenchTrial]:
    """Read the trials in a folder, without a last line that a kill tore.

    Raises: BrokenRun, with the file and the line.
    """
    try:
        return list(read_records(out / TRIALS_FILE, TRIAL))
    except BrokenRun as error:
        raise BrokenRun(f"{error}; name another folder with --out") from None


_Key = tuple[str, str, bool, str, int]


def _key(trial: BenchTrial) -> _Key:
    return trial.space, trial.pool, trial.noisy, trial.proposer, trial.seed


def _wanted_key(task: Task, proposer: str, seed: int) -> _Key:
    return task.space, task.pool, task.noisy, proposer, seed


def _check_tables(plan: Plan, done: Collection[BenchTrial], data: Path) -> None:
    """Raise GeniusError where the existing trials were made with another table than the present one."""
    now = {task.space: load_task(task, data)[1].sha256 for task in plan.tasks} if done else {}
    if changed := [trial.space for trial in done if trial.table != now.get(trial.space, trial.table)]:
        made = f"{len(changed):,} trials there were made with another table of {changed[0]}"
        raise GeniusError(f"{made}: name another folder with --out")


def _check_starts(plan: Plan, done: Mapping[_Key, BenchTrial], data: Path) -> None:
    """Read the starts of all tasks. Raises GeniusError where trials of a proposer were made with others."""
    for task in plan.tasks:
        for proposer, file in plan.starts.items():
            now = starts_for(file, task, data)
            made = (done.get(_wanted_key(task, proposer, seed)) for seed in range(plan.seeds))
            if any(trial.starts != now for trial in made if trial):
                was = f"trials there were made with other starts for {task.name} than {file} holds"
                raise GeniusError(f"{was}: name another folder with --out")


def _suffices(trial: BenchTrial | None, plan: Plan) -> bool:
    return trial is not None and trial.iterations >= plan.iterations


def _chunks(plan: Plan, data: Path, found: Collection[_Key]) -> Iterator[_Chunk]:
    for task in plan.tasks:
        for proposer in plan.proposers:
            seeds = [seed for seed in range(plan.seeds) if _wanted_key(task, proposer, seed) not in found]
            together = _TOGETHER if read_entrant(proposer).llm is None else 1
            for first in range(0, len(seeds), together):
                yield _Chunk(task, proposer, seeds[first : first + together], plan.iterations, data)


async def _made(chunks: Sequence[_Chunk], processes: int) -> AsyncGenerator[list[BenchTrial], None]:
    """Yield the trials of each chunk when they are made."""
    if not chunks:
        return
    others = set(multiprocessing.active_children())
    context = multiprocessing.get_context("spawn")
    loop = asyncio.get_running_loop()
    with _no_signals():  # multiprocessing's resource tracker starts here, and unblocks SIGINT and SIGTERM
        pool = ProcessPoolExecutor(min(processes, len(chunks)), context, initializer=_prepare)
    with _no_signals():
        making = [loop.run_in_executor(pool, _make, chunk) for chunk in chunks]
    try:
        for made in asyncio.as_completed(making):
            yield await made
    except BrokenProcessPool as error:
        raise RunFailed("a process of the bench was ended; finished trials are kept: run the same again") from error
    finally:
        for process in set(multiprocessing.active_children()) - others:
            process.kill()
        await asyncio.to_thread(pool.shutdown, cancel_futures=True)
        await asyncio.gather(*making, return_exceptions=True)  # asyncio logs exceptions that are never retrieved


@contextmanager
def _no_signals() -> Iterator[None]:
    """Block SIGINT, SIGTERM and SIGHUP, and so in all processes that start meanwhile.

    A terminal sends the signals to them as well, but the bench ends them.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _prepare() -> None:
    """Prepare a process of the bench: one thread for arithmetic, and an end when the bench ends."""
    from threadpoolctl import threadpool_limits

    warnings.simplefilter("ignore", GeniusWarning)  # the bench itself has printed it
    threadpool_limits(1)
    threading.Thread(target=_end_with_the_bench, daemon=True).start()


def _end_with_the_bench() -> None:
    if parent := multiprocessing.parent_process():
        parent.join()
    os._exit(1)


def _make(chunk: _Chunk) -> list[BenchTrial]:
    """Make the trials of a chunk.

    Raises: RunFailed for every exception of a proposer, since not all exceptions can be sent to another process.
    """

    async def make() -> list[BenchTrial]:
        return [await run_trial(chunk.task, chunk.proposer, seed, chunk.iterations, chunk.data) for seed in chunk.seeds]

    try:
        return asyncio.run(make())
    except GeniusError:
        raise
    except (Exception, SystemExit) as error:
        why = one_line(redact(reason(error)), _LONGEST)
        raise RunFailed(f"{chunk.proposer} failed on {chunk.task.name}: {why}; finished trials are kept") from None


def _mend(path: Path) -> None:
    """Make the folder, and cut off a last line that a kill tore."""
    path.parent.mkdir(parents=True, exist_ok=True)
    check_folder(path.parent)
    cut_torn_line(path)
