"""A small model of an objective that learns from every measurement: additive Gaussian processes, averaged.

It knows utilities: higher is better. Their unit and their zero do not matter, for all is computed in units of the
measurements' spread. The utility is a monotone warp of a constant, plus a mean function, plus a sum of effects of
single options, of pairs of options, of what the options are worth in FLOPs, of the network's size, of the features of
the space, and of how often options occur. How strong each of these is, is drawn some times, and the draws are weighted
by the probability that they give to the measurements.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from .draws import Data, Draw, Ranges, drawn
from .features import Encoded, Floats
from .kernels import Comparison, compared, self_similarities
from .means import NO_PRIOR, PriorMean
from .one_thread import one_thread

Bounds = tuple[float, float]
"""The least and the highest utility there is, infinite where that end is open."""

UNBOUNDED: Bounds = (-np.inf, np.inf)
_AS_EXPECTED = 5  # measurements that are taken to be as uncertain as predicted, before there are any
_BLOCK = 2_048  # architectures that are predicted at once
_SHARE = 0.01  # of a range, that is the unit where all measurements are equal
_LEAST = 1e-3  # of the range that bounds leave: the least spread of a space
_BEYOND, _DEEP = 10.0, 1.0  # how far below the best utilities may lie: ranges of the measurements, or of the bounds
_SAME = 1e-12  # of the size of utilities: they are equal but for rounding
_WEIGHTLESS = 0.02  # draws with a smaller weight are left out of uncertainties
_NEGLIGIBLE = 1e-4  # draws with a smaller one are left out
_NODES, _NODE_SHARES = (-(3**0.5), 0.0, 3**0.5), (1 / 6, 2 / 3, 1 / 6)  # of Gauss and Hermite, for a normal variable


RANGES = Ranges()

RANGES_OF_PICKS = replace(RANGES, effect=(0.05, 0.5), scale=(1.0, 1.0), gain=(0.5, 2.0), flat=RANGES)
"""Those by which the guide picks: it goes by the prior for longer, and changes less at once. Where nothing is expected
the effects are all that there is, and keep their ranges. Forecasts by these would be too narrow."""

RANGES_OF_LEVELS = Ranges(effect=(0.3, 2.0), scale=(1.0, 1.0), noise=(0.02, 0.5), tail=(1.0, 30.0), draws=128)
"""Those for a space with ranges: what is measured changes smoothly along a range, and repeats itself more exactly."""


@dataclass(frozen=True, eq=False)
class Mixture:
    """Normal variables of n architectures by k draws: shares of shape (k,), warped means and deviations (n, k)."""

    draws: Sequence[Draw]
    shares: Floats
    means: Floats
    deviations: Floats


@dataclass(frozen=True, eq=False)
class Prediction:
    """Utilities of n architectures: means and standard deviations of shape (n,).

    `noise` is the standard deviation of a measurement around them, `calibration` the factor that widens both, from the
    leave-one-out errors. `mixture` holds what each draw predicts, in units of `unit` below the utility `top`.
    """

    mean: Floats
    sd: Floats
    noise: float
    mixture: Mixture
    top: float
    unit: float
    calibration: float = 1.0

    def measured_sd(self) -> Floats:
        """Return the standard deviations of future measurements, noise included."""
        found: Floats = self.calibration * np.sqrt(self.sd**2 + self.noise**2)
        return found

    def probability_above(self, level: float) -> Floats:
        """Return the probability that the utility itself, without noise, lies above a level: shape (n,)."""
        at = np.array([(level - self.top) / self.unit])
        levels = np.array([draw.warp(at)[0] for draw in self.mixture.draws])
        spread = np.maximum(self.calibration * self.mixture.deviations, 1e-9)
        found: Floats = ndtr((self.mixture.means - levels) / spread) @ self.mixture.shares
        return found


class Surrogate:
    """The posterior of a space's utilities after some measurements.

    `utility` has shape (n,), n at least 1; `sd` are the standard deviations of the measurements where they are known,
    0 elsewhere. No utility lies beyond the `bounds`. `means` are the mean functions that the evidence weighs. `counts`
    are how many options each decision has.
    """

    @one_thread()
    def __init__(
        self,
        tried: Encoded,
        utility: npt.ArrayLike,
        counts: Sequence[int],
        rng: np.random.Generator,
        *,
        sd: npt.ArrayLike = 0.0,
        bounds: Bounds = UNBOUNDED,
        means: Sequence[PriorMean] = NO_PRIOR,
        ranges: Ranges = RANGES,
    ) -> None:
        self._tried, self._counts = tried, counts
        values = np.asarray(utility, dtype=float)
        errors = np.broadcast_to(np.asarray(sd, dtype=float), values.shape)
        self._top, self._unit = float(values.max()), _unit(values, errors, bounds)
        width = bounds[1] - bounds[0] if np.isfinite(bounds).all() else 0.0
        deepest = self._top - max(_BEYOND * float(np.ptp(values)), _DEEP * width) if np.ptp(values) else -np.inf
        self._least, self._most = ((end - self._top) / self._unit for end in (max(bounds[0], deepest), bounds[1]))
        floor = _LEAST * width / self._unit
        standard = (values - self._top) / self._unit
        floor = max(floor, float(errors.mean()) / self._unit) or (1.0 if np.ptp(standard) == 0 else 1e-9)
        if np.ptp(standard) == 0:  # nothing tells in which unit a warp would compress
            ranges = replace(ranges, tail=(np.inf, np.inf))
        data = Data(tried, compared(tried, tried, counts), standard, errors / self._unit, floor)
        weighed = [(weight, draw) for weight, draw in drawn(data, means, ranges, rng) if weight > _NEGLIGIBLE]
        self._draws = [draw for _, draw in weighed]
        weights = np.array([weight for weight, _ in weighed])
        self._weights = weights / weights.sum()
        self._names = tuple(dict.fromkeys(mean.name for mean in means))

    def shares(self) -> dict[str, float]:
        """Return the posterior weights of the mean functions by name."""
        found = dict.fromkeys(self._names, 0.0)
        for weight, draw in zip(self._weights.tolist(), self._draws, strict=True):
            found[draw.mean.name] += weight
        return found

    @one_thread()
    def predict(self, architectures: Encoded) -> Prediction:
        """Predict the utilities of architectures."""
        mixture = self._mixture(architectures)
        mean, second = np.zeros(len(architectures)), np.zeros(len(architectures))
        columns = zip(mixture.draws, mixture.shares, mixture.means.T, mixture.deviations.T, strict=True)
        for draw, share, middle, spread in columns:
            own, own_second = self._moments(draw, middle, spread)
            mean, second = mean + share * own, second + share * own_second
        deviation = np.sqrt(np.maximum(second - mean**2, 0.0))
        noise = np.sqrt(self._weights @ [(draw.unit * draw.noise) ** 2 for draw in self._draws])
        return Prediction(
            self._top + self._unit * mean,
            self._unit * deviation,
            float(self._unit * noise),
            mixture,
            self._top,
            self._unit,
            self._calibration(),
        )

    def _moments(self, draw: Draw, middle: Floats, spread: Floats) -> tuple[Floats, Floats]:
        """Return the means of utilities and of their squares, whose warps are normal variables: shapes (n,)."""
        utilities = [draw.warp.inverse(middle + node * spread) for node in _NODES]
        found = np.clip(utilities, self._least, self._most)
        shares = np.array(_NODE_SHARES)
        return shares @ found, shares @ found**2

    def in_standard_units(self, utility: float) -> float:
        """Return a utility in the units of `standard`."""
        at = np.array([(utility - self._top) / self._unit])
        return float(self._weights @ [draw.warp(at)[0] for draw in self._draws])

    @one_thread()
    def standard(self, architectures: Encoded) -> tuple[Floats, Floats]:
        """Predict means and standard deviations of warped utilities, in standard units below the best: shapes (n,)."""
        mixture = self._mixture(architectures)
        mean = mixture.means @ mixture.shares
        between = (mixture.means - mean[:, None]) ** 2 @ mixture.shares
        return mean, np.sqrt(between + mixture.deviations**2 @ mixture.shares)

    def _mixture(self, architectures: Encoded) -> Mixture:
        """Predict by each draw, by blocks that a processor's cache holds."""
        firsts = range(0, max(len(architectures), 1), _BLOCK)
        rows = [np.arange(first, min(first + _BLOCK, len(architectures))) for first in firsts]
        parts = [self._by_draw(architectures[block]) for block in rows]
        means, deviations = (np.concatenate(column) for column in zip(*parts, strict=True))
        return Mixture(self._draws, self._weights, means, deviations)

    def _by_draw(self, architectures: Encoded) -> tuple[Floats, Floats]:
        """Return the means and deviations by each draw: shapes (n, draws)."""
        across = compared(architectures, self._tried, self._counts)
        own = self_similarities(architectures, across.groups)
        units = np.array([draw.unit for draw in self._draws])
        means = self._means(across, architectures) * units
        deviations = np.zeros(means.shape)
        heavy = [at for at, share in enumerate(self._weights) if share > _WEIGHTLESS]
        for at in heavy:
            deviations[:, at] = units[at] * np.sqrt(self._variance(self._draws[at], across, own))
        typical = np.sqrt(deviations[:, heavy] ** 2 @ self._weights[heavy] / self._weights[heavy].sum())
        rest = [at for at in range(len(units)) if at not in heavy]
        deviations[:, rest] = typical[:, None]
        # a mean function that promises more than there is, or less, promises nothing by it
        ends = [(draw.warp(np.array([self._least]))[0], self._most) for draw in self._draws]
        return np.clip(means, *np.array(ends).T), deviations

    def _calibration(self) -> float:
        """Return the factor that widens the intervals: the leave-one-out error, shrunk towards 1 where they are few."""
        surprise = float(self._weights @ [draw.surprise for draw in self._draws])
        count = len(self._tried)
        return (_AS_EXPECTED + count * surprise) / (_AS_EXPECTED + count)

    @one_thread()
    def joint(self, architectures: Encoded) -> tuple[Floats, Floats]:
        """Predict the utilities of architectures together: means of shape (n,), covariances of shape (n, n).

        Correlations are those of the warped utilities.
        """
        between = compared(architectures, self._tried, self._counts)
        own = compared(architectures, architectures, self._counts)
        mean, second = np.zeros(len(architectures)), np.zeros((len(architectures), len(architectures)))
        for share, draw in zip(self._weights, self._draws, strict=True):
            across = between.covariance(draw.weights, draw.steep)
            half = across @ draw.inverse.T
            unknown = 1.0 - half @ draw.ones
            covariance = (
                own.covariance(draw.weights, draw.steep)
                - half @ half.T
                + np.outer(unknown, unknown) / (draw.ones @ draw.ones)
            )
            middle = draw.unit * (draw.expected(architectures) + across @ draw.solved)
            spread = draw.unit * np.sqrt(np.maximum(np.diag(covariance), 1e-12))
            this, square = self._moments(draw, middle, spread)
            steep = np.sqrt(np.maximum(square - this**2, 0.0)) / spread * draw.unit
            mean += share * this
            second += share * (covariance * np.outer(steep, steep) + np.outer(this, this))
        return self._top + self._unit * mean, self._unit**2 * (second - np.outer(mean, mean))

    def _means(self, across: Comparison, architectures: Encoded) -> Floats:
        """Return the means by each draw: shape (architectures, draws)."""
        draws = self._draws
        found = np.stack([draw.expected(architectures) for draw in draws], axis=1)
        for group, kernel in enumerate(across.kernels.values()):
            weighted = np.stack([draw.weights[group] * draw.solved for draw in draws], axis=1)
            found += kernel @ weighted.astype(np.float32)
        if across.apart:
            found += np.stack([across.near(draw.steep) @ (draw.weights[-1] * draw.solved) for draw in draws], axis=1)
        return found

    def _variance(self, draw: Draw, across: Comparison, own: Floats) -> Floats:
        half = across.covariance(draw.weights, draw.steep) @ draw.inverse.T.astype(np.float32)
        explained = np.einsum("ij,ij->i", half, half)
        unknown = (1.0 - half @ draw.ones.astype(np.float32)) ** 2 / (draw.ones @ draw.ones)
        left: Floats = np.maximum(own @ draw.weights - explained + unknown, 0.0)
        return left


def _unit(values: Floats, errors: Floats, bounds: Bounds) -> float:
    """Return the median of how far utilities lie below the best or, where all are equal, another size with their unit.

    Unlike the standard deviation it does not depend on how bad the worst is.
    """
    gaps, same = values.max() - values, _SAME * float(np.abs(values).max())
    if gaps.max() > same:
        return float(np.median(gaps[gaps > same]))
    sizes = (bounds[1] - bounds[0], float(errors.mean()) / _SHARE, *(abs(values[0] - end) for end in bounds))
    return next((_SHARE * size for size in sizes if np.isfinite(size) and size > same), 1.0)
