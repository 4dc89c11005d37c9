"""A tracker that follows a search: it is told of each epoch and each evaluation once, also across crashes."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from ..graph.progress import BegunSearch, Progress
from ..record.candidate import Candidate
from ..record.result import SearchResult, read
from ..record.secrets import redact
from ..spaces.space import Architecture
from ..training.job import Epoch
from .describing import evaluation, numbers, tracked
from .tracked_lines import Ledger
from .tracker import Evaluation, Outcome, Status, Tracked, Tracker, TrialStanding

_FILES = ("search.json", "candidates.jsonl", "search.png", "view.html")
"""Files of a run folder that a tracker keeps, where they are there."""


class Following:
    """A tracker, and how far it has followed a search; for one thread alone."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._followed: tuple[Tracked, Ledger] | None = None
        self._running: dict[tuple[int, Architecture | None, int], Evaluation] = {}
        self._best: dict[int, Candidate | None] = {}

    def take(self, step: Progress | Status) -> None:
        """Take in a step of the search or its end, and tell the tracker; nothing where it could not open its run."""
        if isinstance(step, Progress) and step.begun is not None and step.run is not None:
            self._begin(step.run, step.begun)
        elif self._followed is None:
            return
        elif isinstance(step, str):
            self._end(step)
        elif step.stage in ("training", "confirming"):
            self._started(step)
        elif step.epoch is not None and (known := self._running.get(_key(step))) is not None:
            self._epoch(known, step.epoch)
        elif step.stage in ("finished", "confirmed"):
            self._running.pop(_key(step), None)
            spent = {"tokens": float(step.tokens), "dollars": step.spent.cost, "device_hours": step.spent.hours}
            self._finished(step.candidate, step.repeat, spent)

    def _begin(self, run: Path, begun: BegunSearch) -> None:
        """Open the tracker's run, and tell of the evaluations that finished before and that it does not know."""
        search = tracked(run, begun.settings, begun.space())
        store = self._tracker.begin(search)
        self._followed = search, Ledger(run, redact(f"{type(self._tracker).__name__} {store}"))
        for candidate in begun.candidates:
            self._finished(candidate)
        for candidate, repeat in begun.confirmed:
            self._finished(candidate, repeat)

    def _started(self, step: Progress) -> None:
        search, ledger = self._open
        known = evaluation(step.candidate, search.goal, search.space, step.repeat)
        self._running[_key(step)] = known
        if not ledger.is_finished(known.place):
            self._tracker.started(known)

    def _epoch(self, known: Evaluation, epoch: Epoch) -> None:
        """Tell of an epoch, but not of one that is made again after a crash."""
        _, ledger = self._open
        if epoch.epoch > ledger.last_epoch(known.place) and not ledger.is_finished(known.place):
            ledger.add(known.place, epoch.epoch)
            self._tracker.epoch(known, epoch)

    def _finished(self, candidate: Candidate, repeat: int = 0, spent: Mapping[str, float] | None = None) -> None:
        """Tell of a finished evaluation, and of the standing of its trial."""
        search, ledger = self._open
        if not repeat:
            known = self._best.get(candidate.trial)
            self._best[candidate.trial] = search.goal.best([*filter(None, [known]), candidate])
        found = evaluation(candidate, search.goal, search.space, repeat)
        if ledger.is_finished(found.place):
            return
        curve = self._curve(found) if ledger.last_epoch(found.place) < 0 else 0
        found = replace(found, step=max(curve, ledger.last_epoch(found.place)))
        self._tracker.finished(found, None if repeat else self._standing(found, spent or {}))
        ledger.add(found.place)

    def _end(self, status: Status) -> None:
        """Tell of the end of the search for this time, with the files worth keeping."""
        search, _ = self._open
        result = read(search.run)
        best = numbers(result.best, result.goal) if result.best else {}
        with _files(result) as files:
            ended: Status = "stopped" if status == "finished" and not result.finished else status
            self._tracker.end(Outcome(ended, best, files))

    @property
    def _open(self) -> tuple[Tracked, Ledger]:
        assert self._followed is not None
        return self._followed

    def _curve(self, found: Evaluation) -> int:
        """Tell of the curve of a measurement as of epochs; return how many."""
        curve = found.candidate.measurement.curve if found.candidate.measurement else ()
        for number, value in enumerate(curve, start=1):
            self._tracker.epoch(found, Epoch(number, value=value))
        return len(curve)

    def _standing(self, found: Evaluation, spent: Mapping[str, float]) -> TrialStanding:
        (search, ledger), best = self._open, self._best.get(found.candidate.trial)
        name = search.goal.objective.name
        told = {name: found.candidate.value, f"best_{name}": best.value if best else None}
        known = {key: float(value) for key, value in told.items() if value is not None} | dict(spent)
        of = f"trial_{found.candidate.trial}/" if search.settings.loop.trials > 1 else ""
        metrics = {of + key: value for key, value in known.items()}
        return TrialStanding(ledger.finished(found.candidate.trial) + 1, metrics)


def _key(step: Progress) -> tuple[int, Architecture | None, int]:
    return step.candidate.trial, step.candidate.architecture, step.repeat


@contextmanager
def _files(result: SearchResult) -> Iterator[Sequence[Path]]:
    """Offer the files of a search that are worth keeping, the result as JSON among them."""
    with TemporaryDirectory(prefix="genius-") as folder:
        path = Path(folder) / "result.json"
        path.write_text(json.dumps(result.to_json(), indent=2, ensure_ascii=False))
        yield [path, *(found for name in _FILES if (found := result.run / name).is_file())]
