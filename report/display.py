"""A search on the terminal while it runs: live where there is a terminal, plain lines elsewhere."""

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.progress import DownloadColumn, TaskID, TextColumn
from rich.progress import Progress as Bars
from rich.table import Table

from ..agents.arms import START
from ..graph.progress import Progress
from ..graph.trust import going_on
from ..printable import one_line
from ..record.goal import Goal
from ..record.settings import MODEL, Settings
from ..spaces.objective import BITS_PER_CHARACTER
from ..spaces.published_table import PublishedTable
from ..spaces.space import Architecture
from ..tables.fetch import fetch
from ..training.job import Epoch
from .show import as_text

_LONGEST, _REASON = 300, 200  # characters of an error or a note, and of a model's reason
_RUNNING = 16  # evaluations in flight that have a line
_METRICS = 2  # of an epoch that are shown
_NARROW = 60  # columns of a terminal below which the table leaves out the less wanted columns
_COLUMNS = ("trial", "made", "best", "last", "spent", "time", "now")
_FEW_COLUMNS = ("made", "best", "now")
_OF_THE_MODEL = (None, "", MODEL, START)  # the arms whose reasons are a language model's
_TOLD = ("finished", "waiting", "confirmed")  # the stages that are lines where nothing is live


class Display:
    """A live display on standard error, called with each step; `how_to_go_on` is the hint to print at a stop.

    `iterations` are those of a trial; 0 where the run's own settings tell them.
    `model` is the language model that is waited for, if there is one. Its reasons are shown unless it is `quiet`.
    """

    def __init__(self, console: Console, iterations: int, *, live: bool, model: str = "", quiet: bool = False) -> None:
        self.how_to_go_on = "nothing was begun"
        self._model, self._quiet = model, quiet
        self._has_replied = False
        self._run: Path | None = None
        self._console = console
        self._iterations = iterations
        self._started = time.monotonic()
        self._steps: dict[int, Progress] = {}
        self._best: dict[int, Progress | None] = {}
        self._last: dict[int, Progress] = {}
        self._training: dict[int, dict[Architecture | None, Progress]] = {}
        self._confirmed: dict[int, Progress] = {}
        self._live = (
            Live(console=console, get_renderable=self._view, refresh_per_second=4)
            if live and console.is_interactive
            else None
        )

    def __enter__(self) -> "Display":
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def __call__(self, step: Progress) -> None:
        """Take in a step."""
        trial = step.candidate.trial
        if step.run != self._run and step.run is not None:
            # before it is needed: then arithmetic in a thread may leave this one little time
            is_first, self._run = self._run is None, step.run
            self.how_to_go_on = f"go on with `{going_on(step.run)}`"
            self._iterations = self._iterations or Settings.load(step.run).loop.iterations
            if is_first and self._live is None and self._model and not step.tokens:
                self._print(f"waiting for the first reply of {self._model}")
        self._has_replied |= step.tokens > 0
        if step.stage in ("training", "epoch"):
            self._training.setdefault(trial, {})[step.candidate.architecture] = step
        if step.stage in ("confirming", "confirmed"):
            self._confirmed[trial] = step
        elif step.stage not in ("begun", "epoch", "note"):
            self._steps[trial] = step
        if step.stage == "finished":
            self._last[trial] = step
            self._training.get(trial, {}).pop(step.candidate.architecture, None)
            self._best[trial] = _better(self._best.get(trial), step)
        if step.stage == "note" or (self._live is None and step.stage in _TOLD):
            self._print(self._line(step))
        if self._live is None and step.stage == "finished" and (reason := self._reason(step)):
            self._print(reason)

    def _print(self, line: str) -> None:
        self._console.print(as_text(line), soft_wrap=True)

    def _reason(self, step: Progress | None) -> str:
        """Write the reason that a model gave for an architecture; empty without one, and where it is quiet."""
        if step is None or self._quiet or not self._model or step.candidate.arm not in _OF_THE_MODEL:
            return ""
        rationale = one_line(step.candidate.rationale, _REASON)
        return f"- because: {rationale}" if rationale else ""

    def _line(self, step: Progress) -> str:
        candidate = step.candidate
        head = f"trial {candidate.trial}, iteration {candidate.iteration}/{self._iterations}: "
        if step.stage == "waiting":
            return f"{head}no answer from the model: {one_line(step.note, _LONGEST)}"
        if step.stage == "note":  # of an iteration, or of the whole search
            return f"{head if candidate.iteration else ''}{one_line(step.note, _LONGEST)}"
        if step.stage == "confirmed":
            head = f"trial {candidate.trial}, iteration {candidate.iteration} again ({_of(step)}): "
        best = self._best.get(candidate.trial)
        tail = f", best {_value(best, step)}" if best else ""
        taken = f", {_taken(step)}" if _taken(step) else ""
        return f"{head}{_outcome(step, best)}{tail}{taken}, {time.monotonic() - self._started:.0f} s"

    def _view(self) -> Group:
        """The trials, the evaluations in flight, and the model's reasons for the latest ones that ended."""
        reasons = [self._reason(self._last.get(trial)) for trial in sorted(self._last)]
        return Group(self._table(), *self._in_flight(), *(as_text(reason) for reason in reasons if reason))

    def _in_flight(self) -> list[Table]:
        """The table of the evaluations that have told of an epoch, a line for each."""
        running = [step for trial in sorted(self._training) for step in self._training[trial].values() if step.epoch]
        if not running:
            return []
        table = Table(box=None, pad_edge=False, show_header=False)
        for step in running[:_RUNNING]:
            epoch = step.epoch
            assert epoch is not None
            words = (step.candidate.written, _epoch(epoch, step.goal), _left(epoch))
            table.add_row(*(as_text(word) for word in words))
        if (more := len(running) - _RUNNING) > 0:
            table.add_row(as_text(f"and {more} more"))
        return [table]

    def _table(self) -> Table:
        table = Table(box=None, pad_edge=False)
        columns = _COLUMNS if self._console.width >= _NARROW else _FEW_COLUMNS
        for column in columns:
            table.add_column(column, no_wrap=column not in ("best", "now"), overflow="fold")
        for trial, step in sorted(self._steps.items()):
            cells = self._cells(trial, step)
            table.add_row(*(as_text(cells[column]) for column in columns))
        return table

    def _cells(self, trial: int, step: Progress) -> dict[str, str]:
        best, last, again = self._best.get(trial), self._last.get(trial), self._confirmed.get(trial)
        return {
            "trial": str(trial),
            "made": f"{step.candidate.iteration}/{self._iterations}" + (f" + {_of(again)}" if again else ""),
            "best": f"{_value(best, last)} (in {best.candidate.iteration})" if best else "-",
            "last": _value(last, best) if last else "-",
            "spent": _taken(again or step) or "-",
            "time": f"{time.monotonic() - self._started:.0f} s",
            "now": self._now(trial, step),
        }

    def _now(self, trial: int, step: Progress) -> str:
        if step.note:
            return f"no answer: {one_line(step.note, _LONGEST)}"
        if again := self._confirmed.get(trial):
            return "confirming the best" if again.stage == "confirming" or not _is_last(again) else "finished"
        running = self._training.get(trial, {})
        words: list[str] = [self._stage(step)] if step.stage == "proposing" or not running else []
        words += [f"training {len(running)}" if len(running) > 1 else "training"] if running else []
        return ", ".join(words)

    def _stage(self, step: Progress) -> str:
        is_first = step.stage == "proposing" and self._model and not self._has_replied
        return f"waiting for the first reply of {self._model}" if is_first else step.stage


def _of(step: Progress) -> str:
    """Write how many of a trial's further evaluations have ended, as in 2/6."""
    return "{}/{}".format(*step.confirmed)


def _is_last(step: Progress) -> bool:
    return step.confirmed[0] == step.confirmed[1]


async def fetch_with_bars(sources: Sequence[PublishedTable], data: Path, console: Console) -> list[Path]:
    """Download tables with a bar for each; returns their paths.

    Raises: FetchFailed, BadTable.
    """
    paths = []
    with Bars(TextColumn("{task.description}", markup=False), DownloadColumn(), console=console) as bars:
        for source in sources:
            bar = bars.add_task(source.file, total=None)
            show = partial(_move, bars, bar)
            paths.append(await fetch(source, data, show))
    return paths


def _move(bars: Bars, bar: TaskID, done: int, size: int | None) -> None:
    bars.update(bar, completed=done, total=size)


def _epoch(epoch: Epoch, goal: Goal) -> str:
    words = [] if epoch.loss is None else [f"loss {epoch.loss:.3f}"]
    words += [] if epoch.value is None else [goal.objective.text(epoch.value)]
    words += [f"{one_line(name, 20)} {number:.4g}" for name, number in epoch.metrics.items()][:_METRICS]
    examples = "windows" if goal.quantity(BITS_PER_CHARACTER.name) else "images"
    words += [] if epoch.images_per_second is None else [f"{epoch.images_per_second:,.0f} {examples}/s"]
    of = f"/{epoch.epochs}" if epoch.epochs else ""
    return f"epoch {epoch.epoch}{of}{': ' * bool(words)}{', '.join(words)}"


def _left(epoch: Epoch) -> str:
    """Say how long an evaluation will take, if its epochs go on as until now."""
    if not epoch.epochs or not epoch.epoch or epoch.epochs <= epoch.epoch:
        return ""
    seconds = epoch.seconds / epoch.epoch * (epoch.epochs - epoch.epoch)
    return f"{seconds:.0f} s left" if seconds < 120 else f"{seconds / 60:.0f} min left"


def _taken(step: Progress) -> str:
    """Describe the spending: the trial's tokens, and the dollars and the budget of the whole run, if any."""
    words = [f"{step.tokens:,} tokens"] if step.tokens else []
    words += [f"${step.spent.cost:.4g}"] if step.spent.cost and step.budget.cost is None else []
    words += [budget] if (budget := step.budget.words(step.spent)) else []
    return ", ".join(words)


def _value(step: Progress, other: Progress | None = None) -> str:
    """Write a step's value, with as many digits as tell it from that of another step."""
    value, among = step.candidate.value, other.candidate.value if other else None
    return "failed" if value is None else step.goal.objective.text(value, [] if among is None else [among])


def _outcome(step: Progress, best: Progress | None) -> str:
    candidate = step.candidate
    if candidate.value is None:
        return one_line(candidate.error or "failed", _LONGEST)
    beyond = f" (not feasible: {' and '.join(found)})" if (found := step.goal.beyond(candidate)) else ""
    by = f" by {candidate.arm}" if candidate.arm else ""
    return f"{candidate.written} {_value(step, best)}{by}{beyond}"


def _better(best: Progress | None, step: Progress) -> Progress | None:
    candidate, goal = step.candidate, step.goal
    if candidate.value is None or goal.beyond(candidate):
        return best
    return step if best is None or goal.utility(candidate) > goal.utility(best.candidate) else best
