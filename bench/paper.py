"""The paper's trials on tables, made again: the plain loop of Algorithm 1, each trial a run folder.

What the paper printed stands beside it. With `repeat` the same search is made several times at temperature 0; with
`disguise` each trial is made once more in a disguise.
"""

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ..agents.backends import REPLAY, check_llm
from ..errors import GeniusError
from ..graph import search as searches
from ..graph.progress import Progress
from ..record.budget import NOTHING_SPENT, Spent
from ..record.call import CALLS_FILE
from ..record.files import write_atomically
from ..record.journal import read_calls
from ..record.measurement import Measurement
from ..record.result import SearchResult, read
from ..record.settings import MODEL, OPTIONS, SETTINGS_FILE, Settings, by_path
from ..record.settings.llm_settings import LLMSettings
from ..spaces import get_space
from ..tables.fetch import downloads_folder
from ..tables.published import Table, load_table
from . import paper_picture, paper_report
from .paper_numbers import ITERATIONS, PaperCurve, Spread, printed_tables
from .plan import Tell, silent, writing

BENCHMARKS = {
    "macro": ("nas-bench-macro",),
    "channel": ("channel-bench-resnet", "channel-bench-mobilenet"),
    "nas-bench-201": ("nas-bench-201-cifar10", "nas-bench-201-cifar100", "nas-bench-201-imagenet16-120"),
}
"""The spaces of the paper's benchmarks on tables."""

_NONE = Measurement()
_LOOP: dict[str, Any] = {"memory": "conversation", "when_done": "stop"}
_FREE = {"llm.timeout", "llm.tries", "llm.price", "loop.max_cost", "loop.max_llm_tokens", "loop.trace"}
"""The settings in which the runs of one folder may differ: the outcome does not depend on them."""


@dataclass(frozen=True)
class Arm:
    """The trials of a space at one temperature, plain or in disguise."""

    space: str
    temperature: float
    disguised: bool = False

    @property
    def words(self) -> str:
        """How reports call it."""
        return f"{self.space}, temperature {self.temperature:g}{', in disguise' * self.disguised}"

    def folder(self, trial: int) -> Path:
        """Return the run folder of a trial, within that of the report."""
        return Path(self.space) / f"temperature-{self.temperature:g}" / f"trial-{trial}{'-disguised' * self.disguised}"


@dataclass(frozen=True)
class PaperOrder:
    """The arguments of a reproduction; `options` are those of the searches, by their keywords."""

    benchmark: str
    llm: Sequence[str]
    trials: int
    temperatures: Sequence[float]
    repeat: int
    disguise: bool
    options: Mapping[str, Any]
    out: Path

    def check(self) -> "PaperOrder":
        """Return the order if it can be made.

        Raises: GeniusError.
        """
        if self.benchmark not in BENCHMARKS:
            raise GeniusError(f"the paper's benchmarks are {', '.join(BENCHMARKS)}, got {self.benchmark!r}")
        if not self.llm:
            raise GeniusError("the paper's loop asks a language model: name one with --llm")
        if self.repeat and (self.disguise or self.trials or self.temperatures):
            raise GeniusError("--repeat makes one plain search several times at temperature 0: name no other trials")
        for name, value, least in (("trials", self.trials, 0), ("repeat", self.repeat or 2, 2)):
            if value < least:
                raise GeniusError(f"{name} must be at least {max(least, 1)}, got {value}")
        if len(set(self.temperatures)) < len(self.temperatures):
            raise GeniusError("each temperature is named once")
        return self

    @cached_property
    def arms(self) -> list[tuple[Arm, int]]:
        """The arms, with the number of trials of each."""
        spaces = BENCHMARKS[self.benchmark]
        return [
            (Arm(space, temperature, disguised), self._count(space))
            for space in spaces
            for temperature in self._temperatures(space)
            for disguised in ([False, True] if self.disguise else [False])
        ]

    def _temperatures(self, space: str) -> Sequence[float]:
        printed = sorted({table.temperature for table in printed_tables() if table.space == space})
        return [0.0] if self.repeat else self.temperatures or printed

    def _count(self, space: str) -> int:
        return self.repeat or self.trials or max(len(t.trials) for t in printed_tables() if t.space == space)

    def asked(self, arm: Arm, trial: int) -> dict[str, Any]:
        """Return the options of a trial's search; repeats all have the same."""
        seed = 0 if self.repeat else trial - 1
        own = {"temperature": arm.temperature, "seed": seed, "disguise": arm.disguised}
        return {"iterations": ITERATIONS, **self.options, **_LOOP, **own}

    def models(self, arm: Arm, trial: int) -> list[str]:
        """Return the language models of a trial; of a recorded reproduction each trial has a recording of its own."""
        return [_recording(spec, arm.folder(trial)) for spec in self.llm]

    def settings(self, arm: Arm, trial: int) -> Settings:
        """Return the settings that a trial's run has to have."""
        named = {"space": arm.space, "proposer": MODEL, "llm.models": tuple(self.models(arm, trial))}
        return Settings().changed(by_path(self.asked(arm, trial)) | named)


def _recording(spec: str, folder: Path) -> str:
    kind, _, path = spec.partition(":")
    whole = kind == REPLAY and os.path.isdir(path) and not os.path.exists(Path(path) / CALLS_FILE)
    return f"{kind}:{Path(path) / folder}" if whole else spec


@dataclass(frozen=True)
class Made:
    """The trials of an arm, as far as they were made: the results of their runs, by their numbers."""

    arm: Arm
    results: Mapping[int, SearchResult]

    @property
    def curves(self) -> dict[int, PaperCurve]:
        """The trials as the paper's tables print them, by their numbers."""
        return {trial: curve_of(result) for trial, result in self.results.items()}


def curve_of(result: SearchResult) -> PaperCurve:
    """Return the one trial of a run as the paper's tables print it."""
    (trial,) = result.trials
    found = {candidate.iteration: candidate.measurement for candidate in trial.candidates}
    rows = [found.get(iteration) or _NONE for iteration in range(1, result.settings.loop.iterations + 1)]
    best = (trial.best and trial.best.measurement) or _NONE
    ranks = tuple(row.rank for row in rows)
    return PaperCurve(tuple(row.value for row in rows), ranks, best.test_value, best.test_rank)


@dataclass(frozen=True)
class Paper:
    """A reproduction of the paper's trials on a benchmark: its arms, and the tables of its spaces."""

    order: PaperOrder
    arms: Sequence[Made]
    tables: Mapping[str, Table]

    @property
    def spent(self) -> Spent:
        """The spending of all runs."""
        return sum((result.spent for made in self.arms for result in made.results.values()), NOTHING_SPENT)

    @cached_property
    def models(self) -> list[str]:
        """The names by which the models' servers called themselves in their replies."""
        runs = [result.run for made in self.arms for result in made.results.values()]
        return sorted({reply.model for run in runs for _, _, reply in read_calls(run) if reply.model})

    @cached_property
    def random(self) -> dict[str, tuple[Spread, Spread]]:
        """The test accuracy and the rank of the paper's random baseline, by space."""
        return {space: paper_report.random_spreads(table) for space, table in self.tables.items()}

    def plain(self, disguised: Made) -> Made:
        """Return the plain arm beside a disguised one."""
        return next(made for made in self.arms if made.arm == replace(disguised.arm, disguised=False))

    def to_json(self) -> dict[str, object]:
        """Return plain JSON types."""
        return paper_report.paper_json(self)

    def to_markdown(self) -> str:
        """Return the report."""
        return paper_report.paper_markdown(self)


async def paper(
    benchmark: str,
    *,
    llm: Sequence[str],
    out: Path | str,
    trials: int = 0,
    temperatures: Sequence[float] = (),
    repeat: int = 0,
    disguise: bool = False,
    downloads: Path | str | None = None,
    tell: Tell = silent,
    note: searches.Show = lambda step: None,
    **options: Any,
) -> Paper:
    """Make the paper's trials on a benchmark again, and report them beside those that it printed.

    - `llm`: the models; `replay:FOLDER` of an earlier reproduction answers each trial by that trial's recording.
    - `trials`, `temperatures`: those of the paper's tables unless they are named.
    - `repeat`: make the same search so many times at temperature 0, and count how often it takes the same steps.
    - `disguise`: make each trial once more in a disguise, and compare the ranks.
    - `out`: the folder of the report and of the runs; the same call again goes on there.
    - `tell` is called with the number of iterations made, and of all; `note` with each step of a search.
    - `options`: further settings of the searches, such as `max_tokens`; `max_cost` is for all of them together.

    Raises: GeniusError, before anything is made where that is known; RunFailed where it had to stop.
    """
    temperatures = [float(each) for each in temperatures]
    order = PaperOrder(benchmark, llm, trials, temperatures, repeat, disguise, options, Path(out)).check()
    data = downloads_folder(None if downloads is None else Path(downloads))
    tables = {arm.space: await asyncio.to_thread(load_table, get_space(arm.space), data) for arm, _ in order.arms}
    await asyncio.to_thread(_check, order)
    found = Paper(order, await _Making(order, data, tell, note).arms(), tables)
    await asyncio.to_thread(_write, found)
    return found


def _check(order: PaperOrder) -> None:
    """Raises GeniusError where a model cannot be asked, or a run in the folder has other settings."""
    models: dict[tuple[str, float], LLMSettings] = {}
    for arm, count in order.arms:
        for trial in range(1, count + 1):
            asked, folder = order.settings(arm, trial).check(), order.out / arm.folder(trial)
            if (folder / SETTINGS_FILE).exists():
                _check_same(folder, Settings.load(folder), asked)
            models |= {(spec, arm.temperature): asked.llm for spec in asked.llm.models}
    for (spec, _), how in models.items():
        check_llm(spec, how)


def _check_same(folder: Path, held: Settings, asked: Settings) -> None:
    for path, option in OPTIONS.items():
        of_search = path in ("space", "proposer") or option.group in ("llm", "loop")
        if of_search and path not in _FREE and held.at(path) != asked.at(path):
            raise GeniusError(
                f"{folder} was made with {option.name} {held.at(path)!r}, and this call has {asked.at(path)!r}: name "
                "another folder with --out"
            )


class _Making:
    """The trials being made, one after the other, within one budget."""

    def __init__(self, order: PaperOrder, data: Path, tell: Tell, note: searches.Show) -> None:
        self._order, self._data, self._tell, self._note = order, data, tell, note
        self._most: int = order.options.get("iterations", ITERATIONS)
        self._of = sum(count for _, count in order.arms) * self._most
        self._done = 0
        self._spent: dict[Path, Spent] = {}

    async def arms(self) -> list[Made]:
        """Make all trials that the folder does not hold yet.

        Raises: GeniusError, RunFailed.
        """
        every = [(arm, trial) for arm, count in self._order.arms for trial in range(1, count + 1)]
        for folder in (self._order.out / arm.folder(trial) for arm, trial in every):
            if (folder / SETTINGS_FILE).exists():
                self._spent[folder] = (await asyncio.to_thread(read, folder)).spent
        results = {place: await self._trial(*place) for place in every}
        return [
            Made(arm, {trial: found for trial in range(1, count + 1) if (found := results[arm, trial])})
            for arm, count in self._order.arms
        ]

    async def _trial(self, arm: Arm, trial: int) -> SearchResult | None:
        """Make a trial, or go on with it; None where the budget is spent before it began."""
        folder, before = self._order.out / arm.folder(trial), self._done
        self._done += self._most
        begun, left = folder in self._spent, self._left(folder)
        if any(amount <= 0 for amount in left.values()):
            return await asyncio.to_thread(read, folder) if begun else None

        def progress(step: Progress) -> None:
            if step.stage == "finished":
                self._tell(before + step.candidate.iteration, self._of)
            self._note(step)

        asked = self._order.asked(arm, trial) | left | {"downloads": self._data, "progress": progress}
        asked |= {"llm": self._order.models(arm, trial), "proposer": MODEL}
        if begun:
            await searches.resume(folder, **asked)
        else:
            await searches.search(arm.space, run=folder, **asked)
        result = await asyncio.to_thread(read, folder)  # with the facts that the run has learnt, such as refusals
        self._spent[folder] = result.spent
        self._tell(self._done, self._of)
        return result

    def _left(self, folder: Path) -> dict[str, float]:
        """Return what the other trials leave of each limit on spending."""
        others = sum((spent for run, spent in self._spent.items() if run != folder), NOTHING_SPENT)
        taken = {"max_cost": others.cost, "max_llm_tokens": others.tokens}
        return {name: most - taken[name] for name in taken if (most := self._order.options.get(name)) is not None}


def _write(found: Paper) -> None:
    """Write the report beside the runs.

    Raises: RunFailed where the folder cannot be written to.
    """
    out = found.order.out
    with writing(out):
        for space in found.tables:
            paper_picture.draw_paper(found, space, out / f"{space}.png")
        write_atomically(out / "paper.md", found.to_markdown())
        write_atomically(out / "paper.json", json.dumps(found.to_json(), indent=1) + "\n")
