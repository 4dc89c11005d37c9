"""The numbers of the paper's Tables 7 to 13: Zheng et al. 2023, "Can GPT-4 Perform Neural Architecture Search?",
arXiv:2304.10970v4, Appendix A. They stand in `paper.csv`: accuracies in percent, ranks among all architectures."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from statistics import fmean, pstdev

ITERATIONS = 10
"""The iterations of each of the paper's trials."""
SOURCE = "Zheng et al. 2023, arXiv:2304.10970v4"
_TEST = "test"


@dataclass(frozen=True)
class PaperCurve:
    """A trial as the paper's tables print one.

    `accuracies` are in percent, by iteration, as the search saw them, `ranks` those among all architectures; None where
    an iteration has none, and no ranks where a table prints none. `test_accuracy` and `test_rank` are the best's.
    """

    accuracies: tuple[float | None, ...]
    ranks: tuple[int | None, ...] = ()
    test_accuracy: float | None = None
    test_rank: int | None = None

    @property
    def best(self) -> int | None:
        """The place of the best accuracy, None without any."""
        known = [(accuracy, -at) for at, accuracy in enumerate(self.accuracies) if accuracy is not None]
        return -max(known)[1] if known else None


@dataclass(frozen=True)
class PrintedTable:
    """A table of the paper: GPT-4's trials on a space at one temperature."""

    number: int
    space: str
    temperature: float
    trials: Sequence[PaperCurve]


@cache
def printed_tables() -> tuple[PrintedTable, ...]:
    """Return the paper's Tables 7 to 13."""
    text = (files(__name__.rpartition(".")[0]) / "paper.csv").read_text(encoding="utf-8")
    tables: dict[tuple[int, str, float], dict[int, list[dict[str, str]]]] = {}
    for row in csv.DictReader(text.splitlines()):
        key = int(row["table"]), row["space"], float(row["temperature"])
        tables.setdefault(key, {}).setdefault(int(row["trial"]), []).append(row)
    return tuple(PrintedTable(*key, [_curve(rows) for rows in trials.values()]) for key, trials in tables.items())


def printed_table(space: str, temperature: float) -> PrintedTable | None:
    """Return the paper's table of a space at a temperature; None where it prints none."""
    return next((t for t in printed_tables() if (t.space, t.temperature) == (space, temperature)), None)


def _curve(rows: Sequence[dict[str, str]]) -> PaperCurve:
    by_iteration = {int(row["iteration"]): row for row in rows if row["iteration"] != _TEST}
    found = [by_iteration.get(iteration) for iteration in range(1, ITERATIONS + 1)]
    accuracies = tuple(float(row["accuracy"]) if row else None for row in found)
    if test := next((row for row in rows if row["iteration"] == _TEST), None):
        return PaperCurve(accuracies, (), float(test["accuracy"]), int(test["rank"]))
    ranks = tuple(int(row["rank"]) if row else None for row in found)
    best = PaperCurve(accuracies).best or 0
    return PaperCurve(accuracies, ranks, accuracies[best], ranks[best])


@dataclass(frozen=True)
class Spread:
    """The mean of some trials and their standard deviation, over the trials themselves, as in the paper's Table 1."""

    mean: float
    sd: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread | None":
        """Return the spread of values; None without any."""
        return cls(fmean(values), pstdev(values), len(values)) if values else None

    def text(self, digits: int) -> str:
        """Write it as `92.97 ± 0.09`."""
        return f"{self.mean:,.{digits}f} ± {self.sd:,.{digits}f}"


def spreads(trials: Sequence[PaperCurve]) -> tuple[Spread | None, Spread | None]:
    """Return the spreads of the test accuracy and of the test rank of the trials' best."""
    accuracies = [trial.test_accuracy for trial in trials if trial.test_accuracy is not None]
    ranks = [float(trial.test_rank) for trial in trials if trial.test_rank is not None]
    return Spread.of(accuracies), Spread.of(ranks)
