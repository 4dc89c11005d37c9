"""How often each option of a space was tried, the values that were measured with it, and those of pairs of experiments
that are alike but for it."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ..spaces.space import SearchSpace
from .candidate import Candidate

_COMPARED = 1_000  # of the latest measured candidates, with which a new one is paired


@dataclass
class PairedDifferences:
    """Pairs of experiments of which one has an option and the other has not: how many, and the sum of the differences
    of their values."""

    count: int = 0
    total: float = 0.0

    @property
    def mean(self) -> float:
        """The mean difference; 0 without any."""
        return self.total / self.count if self.count else 0.0

    def add(self, difference: float) -> None:
        """Count one more pair."""
        self.count += 1
        self.total += difference


@dataclass
class Tried:
    """The tries of an option: how many there were, how many gave a value, and the sum of these values.

    `alone` are the pairs of experiments that differ in the option's decision alone, `with_other` those that differ in
    one further decision.
    """

    tries: int = 0
    measured: int = 0
    total: float = 0.0
    alone: PairedDifferences = field(default_factory=PairedDifferences)
    with_other: PairedDifferences = field(default_factory=PairedDifferences)

    @property
    def mean(self) -> float | None:
        """The mean of the values; None without any."""
        return self.total / self.measured if self.measured else None

    @property
    def paired(self) -> PairedDifferences | None:
        """The pairs that tell most of the option; None where there are none."""
        return next((pairs for pairs in (self.alone, self.with_other) if pairs.count), None)

    def add(self, value: float | None) -> None:
        """Count one more try."""
        self.tries += 1
        if value is not None:
            self.measured += 1
            self.total += value


class OptionTally:
    """The tries of all options of a space in the first candidates of a trial; it only grows."""

    def __init__(self, space: SearchSpace) -> None:
        self.space, self.candidates = space, 0
        self._tried: list[dict[int, Tried]] = [{} for _ in space.decisions]
        self._rows = np.empty((0, len(space.decisions)), dtype=np.int32)  # those of the latest measured candidates
        self._values = np.empty(0)

    def add(self, candidate: Candidate) -> None:
        """Count the options of a candidate in the decisions that count."""
        self.candidates += 1
        if candidate.architecture is None:
            return
        row = np.array(candidate.architecture, dtype=np.int32)
        row[~np.array(self.space.visible(candidate.architecture), dtype=bool)] = -1
        for tried, option in zip(self._tried, row.tolist(), strict=True):
            if option >= 0:
                tried.setdefault(option, Tried()).add(candidate.value)
        if candidate.value is not None:
            self._pair(row, candidate.value)
            self._rows = np.concatenate([self._rows, row[None]])[-_COMPARED:]
            self._values = np.append(self._values, candidate.value)[-_COMPARED:]

    def _pair(self, row: npt.NDArray[np.int32], value: float) -> None:
        """Pair a measured candidate with the earlier ones that differ from it in one decision or two."""
        apart = self._rows != row
        counts = apart.sum(axis=1)
        for place in np.flatnonzero((counts == 1) | (counts == 2)).tolist():
            difference = value - float(self._values[place])
            for at in np.flatnonzero(apart[place]).tolist():
                options = int(row[at]), int(self._rows[place, at])
                if min(options) >= 0:
                    for option, gain in zip(options, (difference, -difference), strict=True):
                        tried = self._tried[at][option]
                        (tried.alone if counts[place] == 1 else tried.with_other).add(gain)

    def of(self, decision: int) -> dict[int, Tried]:
        """Return the tries of a decision's options, by their numbers; those never tried are left out."""
        return self._tried[decision]
