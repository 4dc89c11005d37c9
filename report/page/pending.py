"""The evaluations of a run that have no answer yet, and how far they are."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ...training.job import Epoch, JobFiles, read_epochs

_MOST = 32


@dataclass(frozen=True)
class Pending:
    """An evaluation without an answer: the name of its folder, and its latest epoch, None before the first."""

    trial: int
    name: str
    epoch: Epoch | None

    @property
    def words(self) -> str:
        """How far it is."""
        if self.epoch is None:
            return "begun"
        of = f" of {self.epoch.epochs:,}" if self.epoch.epochs else ""
        loss = f", loss {self.epoch.loss:.3f}" if self.epoch.loss is not None else ""
        return f"epoch {self.epoch.epoch:,}{of}{loss}"


def pending_evaluations(run: Path) -> list[Pending]:
    """Return the evaluations of a run without an answer, at most 32.

    Raises: BrokenRun, NotPlain.
    """
    return list(_pending(run))[:_MOST]


def _pending(run: Path) -> Iterator[Pending]:
    for folder in sorted((run / "evaluations").glob("trial-*/*/")):
        files, number = JobFiles(folder), folder.parent.name.removeprefix("trial-")
        if number.isdecimal() and files.job.is_file() and not files.answer.exists():
            epochs = read_epochs(files.epochs)
            yield Pending(int(number), folder.name, epochs[-1] if epochs else None)
