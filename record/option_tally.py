"""How often each option of a space was tried, and the values that were measured with it."""

from dataclasses import dataclass

from ..spaces.space import SearchSpace
from .candidate import Candidate


@dataclass
class Tried:
    """The tries of an option: how many there were, how many gave a value, and the sum of these values."""

    tries: int = 0
    measured: int = 0
    total: float = 0.0

    @property
    def mean(self) -> float | None:
        """The mean of the values; None without any."""
        return self.total / self.measured if self.measured else None

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

    def add(self, candidate: Candidate) -> None:
        """Count the options of a candidate in the decisions that count."""
        self.candidates += 1
        if candidate.architecture is None:
            return
        chosen = zip(self._tried, candidate.architecture, self.space.visible(candidate.architecture), strict=True)
        for tried, option, counts in chosen:
            if counts:
                tried.setdefault(option, Tried()).add(candidate.value)

    def of(self, decision: int) -> dict[int, Tried]:
        """Return the tries of a decision's options, by their numbers; those never tried are left out."""
        return self._tried[decision]
