"""The trial: an object for a user's function beside the configuration, to report its epochs and to keep its files."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ..printable import named
from ..record.lines import append_records
from ..record.measurement import Measurement
from ..record.plain import BadValue, real, whole
from ..spaces.objective import SCORE
from ..spaces.space import Architecture
from ..training.job import Epoch, JobFiles, OnEpoch, read_epochs, unheard
from .outcome import is_lost, measurement_of, read_metrics


class NotFinite(Exception):
    """A reported value is NaN or infinite."""


@dataclass(frozen=True)
class Reports:
    """The reported epochs of one evaluation, of all its tries: the lines of a file.

    `names` are the quantities that the goal needs, that of the first objective first. `earlier` are the seconds of
    earlier tries, `started` is when this one began, in seconds since 1970.
    """

    files: JobFiles
    names: Sequence[str] = (SCORE.name,)
    earlier: float = 0.0
    started: float = field(default_factory=time.time)
    on_epoch: OnEpoch = unheard

    @property
    def seconds(self) -> float:
        """The seconds that all tries have taken."""
        return self.earlier + max(0.0, time.time() - self.started)

    def add(self, epoch: int, epochs: object, given: Mapping[str, object]) -> None:
        """Write down an epoch, of `epochs` or None, with a dict of metrics.

        Raises: BadValue; NotFinite; OSError.
        """
        found = read_metrics(given, self.names)
        if found.value is not None and is_lost(found.value):
            raise NotFinite(f"{self.names[0]} is {found.value:g} in epoch {epoch}")
        line = Epoch(
            epoch=epoch,
            epochs=None if epochs is None else whole("epochs", epochs),
            value=found.value,
            seconds=self.seconds,
            metrics={name: number for name, number in found.metrics.items() if not is_lost(number)},
        )
        self.files.folder.mkdir(parents=True, exist_ok=True)
        append_records(self.files.epochs, [asdict(line)], synced=False)
        self.on_epoch(line)

    def result(self, returned: object) -> Measurement:
        """Return the measurement of an evaluation that returned this; after None the last reported value counts.

        Raises: BadValue where nothing usable was returned or reported.
        """
        epochs = read_epochs(self.files.epochs)
        valued = [epoch for epoch in epochs if epoch.value is not None]
        if returned is None and valued:
            returned = {**valued[-1].metrics, self.names[0]: valued[-1].value}
        found = measurement_of(returned, self.names)
        if found.error is not None or found.curve:
            return found
        return replace(found, curve=tuple(epoch.value for epoch in valued if epoch.value is not None))


@dataclass(frozen=True)
class Trial:
    """One evaluation of a search, as a function of a user's own is handed it.

    - `config`: the options that were chosen, by the names of the decisions that count.
    - `architecture`: the same as option numbers.
    - `seed`: the seed of this evaluation. `device`: `cpu`, `cuda` (the only GPU that this process sees) or `mps`.
      `threads`: the number of CPU threads to use. `memory_limit`: bytes that it may use, None where none are named.

    One that a test makes by itself, as in `Trial({"lr": 0.1})`, reports to nobody and has the current folder.
    """

    config: Mapping[str, Any]
    architecture: Architecture = ()
    seed: int = 0
    device: str = "cpu"
    threads: int = 1
    memory_limit: int | None = None
    reports: Reports | None = field(default=None, repr=False)

    @property
    def folder(self) -> Path:
        """The folder for the files of this evaluation, such as checkpoints.

        It is kept when the evaluation is killed: the function is then called again with the same folder, and goes on
        from the files there.
        """
        folder = Path() if self.reports is None else self.reports.files.own
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def report(self, epoch: int, value: object = None, *, epochs: int | None = None, **metrics: object) -> None:
        """Report an epoch, or another step: the value of the objective after it, and further numbers.

        The values are the measurement's curve, and each report is a sign of life. An epoch that is reported anew takes
        the place of the earlier report and of those after it. `epochs` is how many there will be, where that is known.

        Raises: BadValue for an epoch that is no whole number from 0; NotFinite for a value that is NaN or infinite,
        which ends the evaluation as diverged; OSError.
        """
        number = whole("epoch", epoch, 0)
        if value is not None and real(value) is None:
            raise BadValue(f"expected a number, got {named(value)} as the value of epoch {number}")
        if self.reports is not None:
            given = metrics if value is None else {**metrics, self.reports.names[0]: value}
            self.reports.add(number, epochs, given)
