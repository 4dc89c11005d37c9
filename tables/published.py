"""The published benchmark tables: the accuracy of every architecture of a space, trained by others.

Protocol of the paper (Zheng et al. 2023, section 4): on NAS-Bench-201 the search sees the validation accuracy, reports
give the test accuracy. The macro and channel tables hold test accuracy only, so there the search sees that.
"""

import json
import shlex
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import GeniusError
from ..plugins import Plugins
from ..record.files import sha256_of
from ..record.measurement import Measurement
from ..spaces import SPACES
from ..spaces.objective import ACCURACY, Objective
from ..spaces.published_table import PublishedTable
from ..spaces.space import Architecture, SearchSpace


def _read(value: object) -> PublishedTable | None:
    """Take a table, or that of a space."""
    table = value.table if isinstance(value, SearchSpace) else value
    return table if isinstance(table, PublishedTable) else None


_BUILTIN = {space.table.name: space.table for space in SPACES.values() if space.table}
TABLES = Plugins("table", _BUILTIN, _read, "a PublishedTable, or a space that names one")
"""The published tables, which their spaces name, and the door for one's own."""


class BadTable(GeniusError):
    """A table that is missing, or whose file is not the published one."""


def _itself(architecture: Architecture) -> Hashable:
    return architecture


@dataclass(frozen=True, eq=False)
class Table:
    """The value of an objective for every architecture of a space.

    `values` are for searches, `test_values` are for reports alone; both follow the order of `architectures`. `runs` are
    the values of the single trainings, shape (architectures, trainings), where the table holds them; test values are
    their means. `identity` is the space's: equal for architectures that are the same function. `sha256` is that of a
    file of one's own.
    """

    architectures: Sequence[Architecture]
    values: npt.NDArray[np.float64]
    test_values: npt.NDArray[np.float64]
    identity: Callable[[Architecture], Hashable] = _itself
    sha256: str = ""
    objective: Objective = ACCURACY
    runs: npt.NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.architectures)

    def measure(self, architecture: Architecture) -> Measurement:
        """Look an architecture up. Ranks count the strictly better ones, so equals share the better rank."""
        if (at := self.place(architecture)) is None:
            return Measurement(error="the table does not hold it")
        return Measurement(
            value=float(self.values[at]),
            test_value=float(self.test_values[at]),
            rank=int(self.ranks[at]),
            test_rank=int(self.test_ranks[at]),
        )

    def measure_run(self, architecture: Architecture, seed: int, repeat: int = 0) -> Measurement:
        """Look up a single training of an architecture; its test value and its ranks are by the mean of all.

        The `seed` draws the order of an architecture's trainings, and `repeat` is the place in it, from 0.
        Raises: BadTable where the table holds no single training of that place.
        """
        found, at = self.measure(architecture), self.place(architecture)
        return found if at is None else replace(found, value=self.run_at(at, seed, repeat))

    def run_at(self, place: int, seed: int, repeat: int = 0) -> float:
        """Return the value of a single training of the architecture at a place.

        Raises: BadTable.
        """
        if repeat >= self.trainings:
            raise BadTable(f"the table holds {self.trainings} single trainings of an architecture, not {repeat + 1}")
        assert self.runs is not None
        order = np.random.default_rng([seed, *self.architectures[place]]).permutation(self.trainings)
        return float(self.runs[place, order[repeat]])

    @property
    def trainings(self) -> int:
        """How many single trainings of each architecture the table holds; 0 where it holds means alone."""
        return 0 if self.runs is None else self.runs.shape[1]

    @cached_property
    def training_sd(self) -> float | None:
        """The standard deviation of an architecture's trainings, the median over the table; None without several."""
        return float(np.median(self.runs.std(axis=1, ddof=1))) if self.runs is not None and self.trainings > 1 else None

    def procedure_in_words(self, *, single: bool) -> str:
        """Say how a value was measured, for a single training or for the mean of all; nothing where that is unknown."""
        if not self.training_sd:
            return ""
        varies = f"by about ±{self.objective.near(0.0, self.training_sd).partition(' ± ')[2]}"
        if single:
            return f"that of one of an architecture's {self.trainings} trainings, which vary {varies}"
        return f"the mean of {self.trainings} trainings, of which each varies {varies}"

    def place(self, architecture: Architecture) -> int | None:
        """Return where an architecture stands in the table; None where it does not."""
        return self._index.get(architecture)

    @property
    def utilities(self) -> npt.NDArray[np.float64]:
        """The values, as a search sees them: higher is better."""
        return self.objective.utility(1.0) * self.values

    @property
    def test_utilities(self) -> npt.NDArray[np.float64]:
        """The same of the test values."""
        return self.objective.utility(1.0) * self.test_values

    def part(self, inside: npt.NDArray[np.bool_]) -> "Table":
        """Return the table of some of the architectures: ranks are among these."""
        architectures = [self.architectures[at] for at in np.flatnonzero(inside).tolist()]
        runs = None if self.runs is None else self.runs[inside]
        values, test_values = self.values[inside], self.test_values[inside]
        return replace(self, architectures=architectures, values=values, test_values=test_values, runs=runs)

    @cached_property
    def ranks(self) -> npt.NDArray[np.int64]:
        """Rank by the values that the search sees; 1 is the best."""
        return _ranks(self.utilities)

    @cached_property
    def test_ranks(self) -> npt.NDArray[np.int64]:
        """Rank by test value among all architectures, as the paper ranks them; 1 is the best."""
        return _ranks(self.test_utilities)

    @cached_property
    def function_ranks(self) -> npt.NDArray[np.int64]:
        """Rank by test value among the functions that architectures compute: equal functions count once.

        A function counts as better by the best of its architectures, and never as better than one of its own.
        """
        best = np.full(self.functions, -np.inf)
        np.maximum.at(best, self._function, self.test_utilities)
        not_better = np.searchsorted(np.sort(best), self.test_utilities, side="right")
        own = best[self._function] > self.test_utilities
        return (len(best) - not_better - own + 1).astype(np.int64)

    @property
    def functions(self) -> int:
        """How many different functions the architectures are."""
        return int(self._function.max()) + 1

    @cached_property
    def _function(self) -> npt.NDArray[np.int64]:
        """Of each architecture the number of its function, from 0 on."""
        numbers: dict[Hashable, int] = {}
        return np.array([numbers.setdefault(self.identity(a), len(numbers)) for a in self.architectures])

    @cached_property
    def _index(self) -> dict[Architecture, int]:
        return {architecture: at for at, architecture in enumerate(self.architectures)}


def _ranks(utilities: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    not_better = np.searchsorted(np.sort(utilities), utilities, side="right")
    return (len(utilities) - not_better + 1).astype(np.int64)


def table_path(source: PublishedTable, data: Path) -> Path:
    """Return where the table lies: in the data folder itself or in its folder `tables`, where `fetch` puts it."""
    beside = data / source.file
    return beside if beside.is_file() else data / "tables" / source.file


def load_table(space: SearchSpace, data: Path) -> Table:
    """Load the table of a space from the data folder, after checking that the file is the published one.

    Raises: BadTable where it is missing, truncated or changed.
    """
    if (source := space.table) is None:
        raise BadTable(f"{space.name} has no table; the spaces with tables are: {', '.join(TABLES)}")
    path = table_path(source, data)
    if not path.is_file():
        command = shlex.join(["genius", "fetch", source.name, "--downloads", str(data)])
        raise BadTable(f"the table {source.file} is not in {data}: get it with `{command}`")
    content = path.read_bytes()
    check_sha256(path, sha256_of(content), source)
    return _table(space, source, json.loads(content))


def check_sha256(path: Path, found: str, source: PublishedTable) -> None:
    """Refuse a file that is not the published one.

    Raises: BadTable.
    """
    if found != source.sha256:
        raise BadTable(
            f"{path} is truncated or changed: its SHA-256 is {found}, expected {source.sha256}; "
            f"delete it and run `genius fetch {source.name}`"
        )


def _table(space: SearchSpace, source: PublishedTable, rows: Mapping[str, Mapping[str, Any]]) -> Table:
    architectures = list(space.architectures())
    try:
        found = [rows[space.key(architecture)] for architecture in architectures]
        accuracy, test_accuracy = (
            np.array([row[name] for row in found]) for name in (source.accuracy, source.test_accuracy)
        )
        runs = _runs([row[source.runs] for row in found], source) if source.runs else None
    except KeyError as missing:
        raise BadTable(f"the table {source.file}, which {space.name} names, has no entry {missing}") from None
    return Table(architectures, accuracy, test_accuracy, space.identity, runs=runs)


def _runs(rows: Sequence[Sequence[float]], source: PublishedTable) -> npt.NDArray[np.float64]:
    """Return the values of single trainings, as many of each architecture.

    Raises: BadTable.
    """
    try:
        found = np.array(rows, dtype=float)
    except (TypeError, ValueError):
        found = np.empty(0)
    if found.ndim != 2 or not found.shape[1]:
        raise BadTable(f"{source.runs} in the table {source.file} is no list of as many numbers for each architecture")
    return found
