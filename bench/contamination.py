"""Whether a model searches better with the names of a published space than in a disguise."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..record.statistics import Mean, difference_of


@dataclass(frozen=True)
class Contamination:
    """The mean ranks of the best of plain trials and of trials in disguise, and the latter less the former."""

    plain: float
    disguised: float
    difference: Mean

    @property
    def verdict(self) -> str:
        """Whether names help, in one sentence."""
        apart = self.difference
        ranks = f"the mean rank of the best is {self.plain:,.1f} with names and {self.disguised:,.1f} without"
        if apart.low is None or apart.high is None:
            return f"undecided: {ranks}, and two trials of each at least, not all alike, are needed for an interval"
        told = f"{ranks}; the difference is {apart.mean:+,.1f} (95% interval {apart.low:+,.1f} to {apart.high:+,.1f})"
        if apart.low > 0:
            why = "it knows the table, or the meaning of its options: the disguise takes both away"
            return f"names help: {told}; {why}"
        return f"names {'harm' if apart.high < 0 else 'make no difference that these trials show'}: {told}"


def contamination(plain: Sequence[float], disguised: Sequence[float]) -> Contamination | None:
    """Compare the ranks of the best of independent trials; None where one side has none."""
    if not plain or not disguised:
        return None
    means = sum(plain) / len(plain), sum(disguised) / len(disguised)
    return Contamination(*means, difference_of(disguised, plain))
