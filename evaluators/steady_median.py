"""Repeated measurements of a number, until the 95% confidence interval of their median is narrow."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, floor, sqrt
from time import perf_counter

NARROW = 0.03
"""Half of the interval, as a share of the median, at which measurements end."""

_Z = 1.96  # standard deviations of a normal variable on either side of 95%
_GROWTH = 1.2  # of the number of measurements, between two looks at the interval
_WARM = 0.1  # of the time that there is, for the warm-up

Clock = Callable[[], float]
"""Returns seconds."""


@dataclass(frozen=True)
class Median:
    """The median of `runs` measurements, and the ends of its 95% confidence interval."""

    value: float
    low: float
    high: float
    runs: int

    @property
    def sd(self) -> float:
        """The standard deviation of the median's error."""
        return (self.high - self.low) / (2 * _Z)

    @classmethod
    def of_sd(cls, value: float, sd: float) -> "Median":
        """Make a median of the standard deviation of its error."""
        return cls(value, value - _Z * sd, value + _Z * sd, 0)

    @property
    def off(self) -> float:
        """Half of the interval, as a share of the median."""
        return (self.high - self.low) / 2 / abs(self.value) if self.value else float(self.high > self.low)

    @property
    def is_narrow(self) -> bool:
        """Whether no further measurement is needed."""
        return self.off <= NARROW


def median_of(found: Sequence[float]) -> Median:
    """Return the median of independent measurements, with the interval that order statistics give, of any distribution.

    Of up to five measurements the interval is their range, which covers less than 95%.
    """
    ordered, runs = sorted(found), len(found)
    middle = (ordered[(runs - 1) // 2] + ordered[runs // 2]) / 2
    low = max(0, floor(runs / 2 - _Z * sqrt(runs) / 2))
    high = min(runs - 1, ceil(runs / 2 + _Z * sqrt(runs) / 2))
    return Median(middle, ordered[low], ordered[high], runs)


def steady_median(
    run: Callable[[], float], *, least: int, seconds: float, clock: Clock = perf_counter, warm_up: bool = True
) -> Median:
    """Measure at least `least` times, until the interval is narrow, or until so many `seconds` have passed.

    `run` makes one measurement. Those of the warm-up, a tenth of the time and one at least, are left out.
    """
    begun = clock()
    if warm_up:
        run()
        while clock() - begun < _WARM * seconds:
            run()
    found, look = [run()], least
    while clock() - begun < seconds:
        if len(found) >= look:
            if (median := median_of(found)).is_narrow:
                return median
            look = ceil(look * _GROWTH)
        found.append(run())
    return median_of(found)
