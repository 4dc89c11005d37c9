"""Statistics of repetitions and of noisy measurements: means with confidence intervals, and shrinkage."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
import numpy.typing as npt

CONFIDENCE = 0.95
_LEAST = 1e-6  # of the variance of measurements, that is taken for their spread with any errors


@dataclass(frozen=True)
class Mean:
    """A mean with its 95% confidence interval, by Student's t; without one for a single value or equal values."""

    mean: float
    std: float
    median: float
    count: int
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        return rounded(self.mean) if self.low is None else f"{rounded(self.mean)} ± {rounded(self.mean - self.low)}"


def rounded(value: float) -> str:
    """Write a number with about three digits: 1,482 or 26.1 or 4.33."""
    size = abs(value)
    return f"{value:,.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.2f}"


def mean_of(values: npt.ArrayLike) -> Mean:
    """Average the values of independent repetitions, at least one."""
    given = np.asarray(values, dtype=float)
    mean, median = float(given.mean()), float(np.median(given))
    if float(np.ptp(given)) == 0.0:
        return Mean(mean, 0.0, median, len(given))
    from scipy import stats

    std = float(given.std(ddof=1))
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(given) - 1)) * std / np.sqrt(len(given))
    return Mean(mean, std, median, len(given), float(mean - half), float(mean + half))


def difference_of(first: npt.ArrayLike, second: npt.ArrayLike) -> Mean:
    """Return the difference of two means of independent values, the first less the second (Welch 1947, "The
    Generalization of Student's Problem when Several Different Population Variances are Involved", Biometrika 34:28).

    `std` is the standard error, `count` the number of all values. There is no interval where one of the two is a single
    value, or where all are equal on both sides.
    """
    one, other = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    apart = float(one.mean() - other.mean())
    median, count = float(np.median(one) - np.median(other)), len(one) + len(other)
    if min(len(one), len(other)) < 2:
        return Mean(apart, 0.0, median, count)
    errors = np.array([one.var(ddof=1) / len(one), other.var(ddof=1) / len(other)])
    if not errors.any():
        return Mean(apart, 0.0, median, count)
    from scipy import stats

    freedom = errors.sum() ** 2 / (errors**2 / (len(one) - 1, len(other) - 1)).sum()
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom)) * sqrt(errors.sum())
    return Mean(apart, sqrt(errors.sum()), median, count, apart - half, apart + half)


def sampling_sd(accuracy: float, images: int) -> float:
    """Return the standard deviation, in percent, of an accuracy in percent that was measured on a sample of images.

    It does not contain the spread between seeds of the training. One image more of each kind, right and wrong, keeps it
    above 0.
    """
    share = (accuracy / 100 * images + 1) / (images + 2)
    return 100 * sqrt(share * (1 - share) / (images + 2))


def blocks_sd(means: Sequence[float]) -> float:
    """Return the standard deviation of the error of a mean over a series, from the means of equal blocks of it.

    The blocks lie one behind another and are long, so that their errors are about independent, while neighbours in one
    need not be (the method of batch means).
    """
    return float(np.std(means, ddof=1) / sqrt(len(means))) if len(means) > 1 else 0.0


def weigh(values: npt.ArrayLike, sds: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Shrink measurements with known standard deviations towards their mean: posterior means of normal variables.

    The prior's variance is the variance of the measurements beyond that of their errors. Errors of 0 leave measurements
    as they are; equal errors leave their order. Shapes (n,), in the unit of the measurements.
    """
    given, variances = np.asarray(values, dtype=float), np.asarray(sds, dtype=float) ** 2
    spread = max(float(given.var() - variances.mean()), _LEAST * float(given.var()))
    if spread == 0.0:
        return given
    found: npt.NDArray[np.float64] = given.mean() + spread / (spread + variances) * (given - given.mean())
    return found


def spread_of_runs(groups: Sequence[Sequence[float]]) -> float:
    """Return the standard deviation of a run, pooled over groups of runs of the same; 0 where none is repeated."""
    squares = sum(float(np.var(group)) * len(group) for group in groups if group)
    freedom = sum(len(group) - 1 for group in groups if group)
    return sqrt(squares / freedom) if freedom else 0.0


def shrunk(groups: Sequence[Sequence[float]], sd: float) -> npt.NDArray[np.float64]:
    """Return the posterior mean of each group of runs, none of them empty, where `sd` is that of a run: see `weigh`."""
    return weigh([float(np.mean(group)) for group in groups], [sd / sqrt(len(group)) for group in groups])


def share_interval(share: float, count: int) -> tuple[float, float]:
    """Return the 95% confidence interval of a share of `count` independent cases (Wilson 1927, "Probable Inference",
    Journal of the American Statistical Association 22:158)."""
    from scipy import stats

    z = float(stats.norm.ppf((1 + CONFIDENCE) / 2))
    middle, spread = share + z**2 / (2 * count), z * sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    low, high = ((middle + sign * spread) / (1 + z**2 / count) for sign in (-1, 1))
    return max(low, 0.0), min(high, 1.0)


def share_worse(value: float, others: npt.ArrayLike) -> float:
    """Return the share of `others` that are larger, and so worse, than `value`; equal ones count half."""
    given = np.asarray(others, dtype=float)
    return float(((given > value) + 0.5 * (given == value)).mean())
