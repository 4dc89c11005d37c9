"""What each tracker was told of a run, line by line in its folder, so that a search that goes on repeats nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..record.lines import append_records, cut_torn_line, read_records
from ..schema import CLOSED, Count, Schema, Text, Whole

TRACKED_FILE = "tracked.jsonl"


@dataclass(frozen=True)
class TrackedLine:
    """A tracker was told of an evaluation: of one of its epochs or, without one, of its end."""

    __pydantic_config__ = CLOSED

    tracker: Text
    trial: Count
    iteration: Count
    repeat: Whole = 0
    epoch: Whole | None = None


TRACKED_LINE = Schema[TrackedLine](TrackedLine)


class Ledger:
    """The entries of one tracker; one whose store is another begins anew."""

    def __init__(self, folder: Path, tracker: str) -> None:
        """Raises BrokenRun where the file cannot be read."""
        self._path, self._tracker = folder / TRACKED_FILE, tracker
        cut_torn_line(self._path)
        self._finished: set[tuple[int, int, int]] = set()
        self._epochs: dict[tuple[int, int, int], int] = {}
        for entry in self._entries():
            self._take(entry)

    def is_finished(self, place: tuple[int, int, int]) -> bool:
        """Tell whether the end of an evaluation was told."""
        return place in self._finished

    def last_epoch(self, place: tuple[int, int, int]) -> int:
        """Return the last epoch of an evaluation that was told; -1 for none."""
        return self._epochs.get(place, -1)

    def finished(self, trial: int) -> int:
        """Count the candidates of a trial whose end was told."""
        return sum(each == trial and not repeat for each, _, repeat in self._finished)

    def add(self, place: tuple[int, int, int], epoch: int | None = None) -> None:
        """Note that the tracker is told of an epoch, or was told of the end."""
        entry = TrackedLine(self._tracker, *place, epoch)
        append_records(self._path, [TRACKED_LINE.plain(entry)], synced=False)
        self._take(entry)

    def _entries(self) -> Iterator[TrackedLine]:
        return (entry for entry in read_records(self._path, TRACKED_LINE) if entry.tracker == self._tracker)

    def _take(self, entry: TrackedLine) -> None:
        place = entry.trial, entry.iteration, entry.repeat
        if entry.epoch is None:
            self._finished.add(place)
        else:
            self._epochs[place] = max(self.last_epoch(place), entry.epoch)
