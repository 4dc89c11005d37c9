"""Means with confidence intervals, and differences between pairs."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Mean:
    """A mean with its 95% confidence interval, by Student's t; with one value, or equal ones, there is no interval."""

    mean: float
    std: float
    median: float
    count: int
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        return number(self.mean) if self.low is None else f"{number(self.mean)} ± {number(self.mean - self.low)}"


def number(value: float) -> str:
    """Write a number with as many digits as matter: 1,482 or 26.1 or 4.33."""
    size = abs(value)
    return f"{value:,.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.2f}"


def mean_of(values: npt.ArrayLike) -> Mean:
    """Average values of independent repetitions; at least one."""
    given = np.asarray(values, dtype=float)
    mean, median = float(given.mean()), float(np.median(given))
    std = float(given.std(ddof=1)) if len(given) > 1 else 0.0
    if std == 0.0:
        return Mean(mean, 0.0, median, len(given))
    from scipy import stats

    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(given) - 1)) * std / np.sqrt(len(given))
    return Mean(mean, std, median, len(given), float(mean - half), float(mean + half))


def share_worse(value: float, others: npt.ArrayLike) -> float:
    """Return the share of others that a lower value beats; equals count half."""
    given = np.asarray(others, dtype=float)
    return float(((given > value) + 0.5 * (given == value)).mean())
