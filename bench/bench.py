"""A bench from Python: proposers on tables, many seeds, an honest report."""

import asyncio
import json
import os
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import GeniusError
from ..record.confirmation import UNCONFIRMED, Confirming
from ..record.files import write_atomically
from ..spaces import SPACES, get_space
from ..spaces.space import SearchSpace
from ..tables.fetch import downloads_folder
from ..tables.own import table_sha256
from . import pictures, report
from .across import Overall, overall
from .criteria import Criterion, criteria
from .entrants import models_at
from .plan import Plan, Tell, make_trials, silent, writing
from .scores import Row, Scores, remarks, rows, score
from .starts import starts_for
from .task import Task, capped, check_trainings, holds_trainings, load_task, percentage
from .trial import BenchTrial

COMPARED = ("guided", "random", "largest", "local-search", "evolution")
ALL_TABLES = "all"
_WITH_TABLES = [name for name, space in SPACES.items() if space.table]


@dataclass(frozen=True)
class Bench:
    """The result of a bench: a row for each task, proposer and number of evaluations, and the files of its report.

    `across` holds the ranks over all tasks, `judged` the criteria for models whose proposers are in the bench.
    """

    plan: Plan
    rows: Sequence[Row]
    scores: Sequence[Scores]
    across: Sequence[Overall]
    judged: Sequence[Criterion]
    notes: Sequence[str]
    folder: Path
    command: str

    def to_json(self) -> dict[str, object]:
        """Return plain JSON types."""
        return report.to_json(self)

    def to_markdown(self) -> str:
        """Return the report."""
        return report.to_markdown(self)


def new_folder() -> Path:
    """Name a folder for a report, by the time."""
    return Path("runs") / f"bench-{time.strftime('%Y%m%d-%H%M%S')}"


async def bench(
    spaces: Sequence[str],
    *,
    proposers: Sequence[str] = COMPARED,
    taus: Sequence[float] = (),
    seeds: int = 100,
    iterations: Sequence[int] = (10,),
    flops_caps: Sequence[float] = (),
    tables: Mapping[str, Path | str] | None = None,
    downloads: Path | str | None = None,
    out: Path | str | None = None,
    processes: int = 0,
    noisy: bool = False,
    confirm: int = 0,
    confirm_seeds: int = UNCONFIRMED.repeats,
    tell: Tell = silent,
) -> Bench:
    """Have every proposer search every space with every seed, and report the results.

    - `spaces`: names of spaces with a table, `all` for all of them, or MODULE:NAME with a table of one's own.
    - `proposers`: see `genius bench --help`; differences are to the first.
    - `taus`: of simulated models, each of which proposes in the plain loop and in a hybrid search, beside the others.
    - `iterations`: after how many evaluations to report; as many as the most are made.
    - `flops_caps`: shares of the largest FLOPs; each adds the pool of the architectures up to it.
    - `tables`: files of one's own for some of the spaces, see `tables.own`; only architectures in them are searched.
    - `out`: a folder for the report; one that holds trials already is gone on with.
    - `noisy`: an evaluation is one of an architecture's trainings, drawn by the seed, where the table holds them; ranks
      stay those of the mean.
    - `confirm`: so many of the best are then evaluated `confirm_seeds` times more each, and the best is chosen by all.

    Raises: GeniusError; RunFailed where it had to stop.
    """
    further = Confirming(confirm, confirm_seeds)
    order = _Order(spaces, proposers, taus, seeds, iterations, flops_caps, tables or {}, downloads, noisy, further)
    plan = await asyncio.to_thread(order.plan)
    folder = new_folder() if out is None else Path(out)
    trials = await make_trials(plan, order.data, folder, processes=processes, tell=tell)
    found = await asyncio.to_thread(order.result, plan, trials, folder)
    await asyncio.to_thread(_write, found)
    return found


@dataclass(frozen=True)
class _Order:
    """The arguments of a bench."""

    spaces: Sequence[str]
    proposers: Sequence[str]
    taus: Sequence[float]
    seeds: int
    iterations: Sequence[int]
    flops_caps: Sequence[float]
    tables: Mapping[str, Path | str]
    downloads: Path | str | None
    noisy: bool
    confirming: Confirming

    @property
    def data(self) -> Path:
        """The folder of published tables."""
        return downloads_folder(None if self.downloads is None else Path(self.downloads))

    def plan(self) -> Plan:
        """Plan the trials.

        Raises: GeniusError for arguments that make no bench, before anything is made.
        """
        if not self.iterations or not self.proposers:
            raise GeniusError("name at least one proposer and one number of iterations")
        tasks = _tasks(self.spaces, self.flops_caps, self.tables, self.noisy)
        named = dict.fromkeys((*self.proposers, *(name for tau in self.taus for name in models_at(tau))))
        plan = Plan(tasks, list(named), self.seeds, max(self.iterations), self.confirming).check()
        if min(self.iterations) < 1:
            raise GeniusError(f"iterations must be at least 1, got {min(self.iterations)}")
        _check_files(plan, self.data)
        return plan

    def result(self, plan: Plan, trials: Sequence[BenchTrial], folder: Path) -> Bench:
        """Judge the trials."""
        scores, budgets = score(plan, trials, self.data), sorted(set(self.iterations))
        return Bench(
            plan,
            rows(scores, budgets, self.confirming),
            scores,
            overall(plan, scores, budgets),
            criteria(plan, scores),
            remarks(plan, scores, self.data, noisy=self.noisy),
            folder,
            self._command(plan, budgets),
        )

    def _command(self, plan: Plan, budgets: Sequence[int]) -> str:
        """Write the command that makes this bench again."""
        words = ["genius", "bench", *self.spaces, "--proposers", ",".join(plan.proposers), "--seeds", str(plan.seeds)]
        words += ["--iterations", ",".join(map(str, budgets))]
        words += ["--flops-cap", ",".join(map(percentage, self.flops_caps))] if self.flops_caps else []
        words += [word for name, file in self.tables.items() for word in ("--table", f"{name}={file}")]
        words += ["--noisy"] if self.noisy else []
        if plan.confirming.count:
            words += ["--confirm", str(plan.confirming.count), "--confirm-seeds", str(plan.confirming.repeats)]
        words += ["--downloads", str(self.downloads)] if self.downloads else []
        return shlex.join(words)


def _check_files(plan: Plan, data: Path) -> None:
    """Raises GeniusError where tables or starts are missing or wrong."""
    for task in plan.tasks:
        check_trainings(task, load_task(task, data)[1], plan.confirming)
        for file in plan.starts.values():
            starts_for(file, task, data)


def _tasks(spaces: Sequence[str], caps: Sequence[float], tables: Mapping[str, Path | str], noisy: bool) -> list[Task]:
    named = [name for given in spaces for name in (_WITH_TABLES if given == ALL_TABLES else [given])]
    files = {_name(name): Path(file) for name, file in tables.items()}
    whole = [_task(name, files.get(name), noisy) for name in dict.fromkeys(map(_name, named))]
    if unused := [name for name in files if name not in {task.space for task in whole}]:
        raise GeniusError(f"there is a table for {unused[0]}, which is not among the spaces: name it there as well")
    return [task for each in whole for task in (each, *(capped(each, share) for share in caps))]


def _task(name: str, file: Path | None, noisy: bool) -> Task:
    if file is None:
        return Task(name, noisy=noisy and holds_trainings(name))
    return Task(name, table=Path(os.path.abspath(file)), sha256=table_sha256(file))


def _name(given: str) -> str:
    space: SearchSpace = get_space(given)
    return space.name if SPACES.get(space.name) is space else given


def _write(found: Bench) -> None:
    """Write the report beside the trials.

    Raises: RunFailed where the folder cannot be written to.
    """
    with writing(found.folder):
        write_atomically(found.folder / "bench.md", found.to_markdown())
        write_atomically(found.folder / "bench.csv", report.to_csv(found.rows))
        write_atomically(found.folder / "bench.json", json.dumps(found.to_json(), indent=1) + "\n")
        pictures.draw_pictures(found.scores, found.folder)
