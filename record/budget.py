"""The budget of a search for its language models and trainings, and its spending."""

from dataclasses import dataclass

from .candidate import Candidate
from .confirmation import Confirmation


@dataclass(frozen=True)
class Spent:
    """The spending of a run: dollars, tokens of prompts and replies, device-hours of evaluations.

    `unpriced` counts the replies whose price is unknown; `cost` does not include them.
    """

    cost: float = 0.0
    tokens: int = 0
    hours: float = 0.0
    unpriced: int = 0

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(
            self.cost + other.cost,
            self.tokens + other.tokens,
            self.hours + other.hours,
            self.unpriced + other.unpriced,
        )


NOTHING_SPENT = Spent()


def hours_of(evaluated: Candidate | Confirmation) -> float:
    """Return the device-hours of an evaluation: those that its measurement reports, else its duration."""
    told = evaluated.measurement.seconds if evaluated.measurement else 0.0
    return (told or evaluated.evaluation_seconds) / 3600


@dataclass(frozen=True)
class Budget:
    """The limits on a run's spending, in the units of `Spent`; None sets no limit."""

    cost: float | None = None
    tokens: int | None = None
    hours: float | None = None

    def reached(self, spent: Spent) -> str | None:
        """Name the limit that is reached; None where none is."""
        if self.cost is not None and spent.cost >= self.cost:
            return f"the budget of ${self.cost:g} is spent (${spent.cost:.4g}, --max-cost)"
        if self.tokens is not None and spent.tokens >= self.tokens:
            return f"the budget of {self.tokens:,} tokens is spent ({spent.tokens:,}, --max-llm-tokens)"
        if self.hours is not None and spent.hours >= self.hours:
            return f"the budget of {self.hours:g} device-hours is spent ({spent.hours:.3g}, --max-hours)"
        return None

    def words(self, spent: Spent) -> str:
        """Describe the spent part of each limit; empty without limits."""
        said = [f"${spent.cost:.4g} of ${self.cost:g}"] if self.cost is not None else []
        said += [f"{spent.tokens:,} of {self.tokens:,} tokens"] if self.tokens is not None else []
        said += [f"{spent.hours:.3g} of {self.hours:g} device-hours"] if self.hours is not None else []
        return ", ".join(said)


NO_BUDGET = Budget()
