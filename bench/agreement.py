"""How far cheap trainings order architectures as long ones do: rank correlations with bootstrap intervals."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..guide.features import Floats
from ..record.statistics import CONFIDENCE
from ..spaces.region import Integers

_SAMPLES = 2_000
ENOUGH = 0.7
"""Kendall's correlation that is taken for enough where nothing says how far two long trainings agree: 85% of the pairs
are in the same order."""
_SLACK = 0.1  # a cheap fidelity may lie so far below the agreement of two long trainings

RankCorrelation = Callable[[Floats, Floats], Floats]
"""A rank correlation of lists of values, both of shape (lists, n): shape (lists,), NaN where one of two is constant."""

_AT_ONCE = 2_000_000  # differences of two values that are held in memory


def tau_b(values: Floats, others: Floats) -> Floats:
    """Return Kendall's τ-b."""
    signs, against = (np.sign(each[:, :, None] - each[:, None, :]) for each in (values, others))
    return _ratio(*((one * other).sum((1, 2)) for one, other in _products(signs, against)))


def rho(values: Floats, others: Floats) -> Floats:
    """Return Spearman's ρ; equal values share the mean of their ranks."""
    from scipy.stats import rankdata

    middle = (values.shape[1] + 1) / 2
    ranks, against = (rankdata(each, axis=1) - middle for each in (values, others))
    return _ratio(*((one * other).sum(1) for one, other in _products(ranks, against)))


def _products(one: Floats, other: Floats) -> list[tuple[Floats, Floats]]:
    return [(one, other), (one, one), (other, other)]


def _ratio(together: Floats, one: Floats, other: Floats) -> Floats:
    size = np.sqrt(one * other)
    found: Floats = np.divide(together, size, out=np.full(len(size), np.nan), where=size > 0)
    return found


@dataclass(frozen=True)
class Correlation:
    """A rank correlation over `count` architectures, with its 95% interval of the bootstrap over architectures.

    It is the mean over `pairs` of trainings. None stands for what is not defined, as where all values are equal.
    """

    value: float | None
    low: float | None
    high: float | None
    count: int
    pairs: int

    def __str__(self) -> str:
        if self.value is None:
            return "-"
        return f"{self.value:.2f}" + (f" ({self.low:.2f} to {self.high:.2f})" if self.low is not None else "")


@dataclass(frozen=True)
class Bootstrapped:
    """A rank correlation, and those of the samples of the bootstrap, shape (samples,), NaN where not defined."""

    value: float
    samples: Floats
    count: int
    pairs: int

    @property
    def told(self) -> Correlation:
        """The correlation with its interval."""
        if np.isnan(self.value):
            return Correlation(None, None, None, self.count, self.pairs)
        known = self.samples[~np.isnan(self.samples)]
        low, high = np.quantile(known, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]) if len(known) else (None, None)
        ends = [None if end is None else float(end) for end in (low, high)]
        return Correlation(float(self.value), ends[0], ends[1], self.count, self.pairs)


def correlate(pairs: Sequence[tuple[Floats, Floats]], measure: RankCorrelation = tau_b, seed: int = 0) -> Bootstrapped:
    """Correlate pairs of lists of values of the same architectures, each of shape (n,); the mean over the pairs.

    The bootstrap draws architectures, the same for all pairs and for every call of the same seed and n, so that samples
    of two calls can be compared one by one.
    """
    if not pairs:
        return Bootstrapped(float("nan"), np.full(_SAMPLES, np.nan), 0, 0)
    count = len(pairs[0][0])
    drawn = np.random.default_rng((seed, count)).integers(count, size=(_SAMPLES, count))
    parts = np.array_split(drawn, max(1, _SAMPLES * count**2 // _AT_ONCE))
    samples = np.concatenate([_mean(pairs, measure, part) for part in parts])
    return Bootstrapped(float(_mean(pairs, measure, np.arange(count)[None])[0]), samples, count, len(pairs))


def _mean(pairs: Sequence[tuple[Floats, Floats]], measure: RankCorrelation, chosen: Integers) -> Floats:
    """Return the mean correlation of all pairs for each choice of architectures, of shape (choices, n)."""
    found: Floats = np.mean([measure(values[chosen], others[chosen]) for values, others in pairs], axis=0)
    return found


@dataclass(frozen=True)
class CostedFidelity:
    """A fidelity as the choice among them sees it: its name, the device-seconds of a training, and its correlation τ
    with long trainings."""

    name: str
    seconds: float
    tau: Bootstrapped


def recommend(levels: Sequence[CostedFidelity], full: CostedFidelity) -> str:
    """Say which fidelity is the cheapest that orders architectures as long trainings do, and how sure that is.

    The τ of `full` is that of two long trainings with different seeds, NaN where there was one seed. A fidelity is
    enough where its τ is at most 0.1 below that, else at least 0.7.
    """
    count, agreed = full.tau.count or (levels[0].tau.count if levels else 0), full.tau
    known = not np.isnan(agreed.value)
    if known and agreed.told.low is not None and agreed.told.low <= 0:
        return (
            f"Not decided: two trainings at full fidelity order these {count} networks alike by τ {agreed.told} only, "
            "which chance could do: train longer, or more architectures and seeds."
        )
    target = agreed.samples - _SLACK if known else np.full(_SAMPLES, ENOUGH)
    least = agreed.value - _SLACK if known else ENOUGH
    reason = f"two trainings at full fidelity agree by τ {agreed.told}" if known else f"τ {ENOUGH} is taken for enough"
    cheaper = sorted((each for each in levels if each.seconds < full.seconds), key=lambda each: each.seconds)
    chosen = next((each for each in cheaper if each.tau.value >= least), None)
    if chosen is None:
        return f"No cheaper fidelity orders these {count} networks well enough ({reason}): search at full fidelity."
    sure = np.mean(np.nan_to_num(chosen.tau.samples, nan=-1.0) >= target)
    return (
        f"Search with {chosen.name}: it orders these {count} networks by τ {chosen.tau.told} as full trainings do, at "
        f"{100 * chosen.seconds / full.seconds:.0f}% of their cost; {reason}. It is enough in {100 * sure:.0f}% of the "
        f"bootstrap's samples of {count} networks{'' if sure >= CONFIDENCE else ': more architectures would tell'}."
    )
