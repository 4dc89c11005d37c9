"""A small model of an objective that learns from every measurement: additive Gaussian processes, averaged.

It knows utilities: higher is better. Their unit and their zero do not matter, for all is computed in standard units of
the measurements. The utility is a constant, plus a sum of effects of single options, of pairs of options, of what the
options are worth in FLOPs, of the network's size, and of the features of the space; perhaps plus a prior that larger
and deeper is better. How strong each of these is, is drawn some times, and the draws are weighted by the probability
that they give to the measurements (Rasmussen and Williams 2006, "Gaussian Processes for Machine Learning", sections
2.2, 2.7 and 5.2). The draws are a Latin hypercube (McKay, Beckman and Conover 1979,
Technometrics 21:2): few of them cover every range.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .features import Encoded, Floats, Leaning

Matrix = npt.NDArray[np.float32]
Bounds = tuple[float, float]
"""The least and the highest utility there is, infinite where that end is open."""

UNBOUNDED: Bounds = (-np.inf, np.inf)
_AS_EXPECTED = 5  # measurements that are taken to be as uncertain as predicted, before there are any
_OF_FIVE = 1.2816  # standard deviations within which four of five normal variables lie
_BLOCK = 2_048  # architectures that are predicted at once
_ALIKE, _APART = 1e-8, 1e-3  # the least deviation: of the range that bounds leave; of the range of the measurements
_SHARE = 0.01  # of a range, that is the unit where all measurements are equal
_SAME = 1e-12  # of the size of utilities: they are equal but for rounding
_KEPT = 16  # draws
_WEIGHTLESS = 0.02  # draws with a smaller weight are left out of uncertainties


@dataclass(frozen=True)
class Ranges:
    """The ranges of the hyper-parameters, drawn log-uniformly, in units of the measurements' standard deviation.

    `effect` is the scale of each group of effects, and `noise` that of the residuals. `prior` is the gain of an
    architecture that is larger by one standard deviation of the space; every other draw has no prior. Measurements more
    than `tail` robust standard deviations below the median are raised to that level, since the rank among bad networks
    says little about the good ones. `steep` is how fast similarity falls with the distance of two places: by the factor
    exp(-steep) over a whole range, or from one option to another. Of the `draws` the 16 of the most evidence are kept.
    """

    effect: tuple[float, float] = (0.1, 2.0)
    noise: tuple[float, float] = (0.5, 1.0)
    prior: float = 1.0
    tail: float = 1.0
    draws: int = 16
    steep: tuple[float, float] = (0.05, 30.0)


RANGES = Ranges()

RANGES_OF_LEVELS = Ranges(effect=(0.3, 2.0), noise=(0.02, 0.5), tail=2.0, draws=128)
"""Those for a space with ranges: what is measured changes smoothly along a range, and repeats itself more exactly."""

SIZE: tuple[Leaning, ...] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
"""The prior in a whole space: by FLOPs and depth, or by parameters and depth. Which is right differs between spaces."""

SIZE_WITHIN: tuple[Leaning, ...] = ((1.0, 0.0, 0.0), (0.0, 0.0, 1.0))
"""The prior within limits: by FLOPs and depth, or by depth alone. More parameters are had there for fewer FLOPs."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """Utilities of n architectures: means and standard deviations of shape (n,).

    `noise` is the standard deviation of a measurement around them, `calibration` the factor that widens both, from the
    leave-one-out errors.
    """

    mean: Floats
    sd: Floats
    noise: float
    calibration: float = 1.0

    def measured_sd(self) -> Floats:
        """Return the standard deviations of future measurements, noise included."""
        found: Floats = self.calibration * np.sqrt(self.sd**2 + self.noise**2)
        return found


@dataclass(frozen=True, eq=False)
class _Draw:
    """A Gaussian process with one draw of the hyper-parameters, in units of the measurements; its constant has a flat
    prior (universal kriging)."""

    weights: Floats  # variance of each group of effects
    steep: Floats  # of each decision, where places are compared
    noise: float
    prior: Floats  # what each of an architecture's promises is worth
    constant: float
    inverse: Floats  # of the covariance's Cholesky factor
    ones: Floats  # a column of ones, times that
    solved: Floats  # the covariance's inverse times what constant and prior leave
    evidence: float  # logarithm of the probability of the measurements, up to a constant
    surprise: float  # how far four of five lie at most from what the others predict, over how far they should


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two lists of architectures, compared by matrices of shape (left, right).

    - `kernels`: a similarity by each group of effects; 1 is an architecture's mean similarity to itself, 0 that of two
      drawn from the space.
    - `apart`: of each decision the squared distance of the places, at most 1; empty without ranges.
    """

    kernels: Sequence[Matrix]
    apart: Sequence[Matrix]

    @property
    def groups(self) -> int:
        """The groups of effects; all places together are one more."""
        return len(self.kernels) + bool(self.apart)

    def covariance(self, weights: Floats, steep: Floats) -> Matrix:
        """Add the groups up by their variances; the similarity by places is a product over the decisions."""
        total = np.zeros((self.kernels or self.apart)[0].shape, dtype=np.float32)
        for weight, kernel in zip(weights, self.similarities(steep), strict=True):
            total += np.float32(weight) * kernel
        return total

    def exact(self, weights: Floats, steep: Floats) -> Floats:
        """Add the groups up as `covariance` does, in double precision."""
        parts = zip(weights, self.similarities(steep), strict=True)
        found: Floats = sum(weight * kernel.astype(float) for weight, kernel in parts)
        return found

    def similarities(self, steep: Floats) -> list[Matrix]:
        """Return the similarities by each group of effects, that by places the last."""
        return [*self.kernels, self.near(steep)] if self.apart else list(self.kernels)

    def near(self, steep: Floats) -> Matrix:
        """Return the similarity by places."""
        exponent = np.zeros(self.apart[0].shape, dtype=np.float32)
        for factor, matrix in zip(steep, self.apart, strict=True):
            exponent -= np.float32(factor) * matrix
        return np.exp(exponent)


def compared(left: Encoded, right: Encoded, counts: Sequence[int]) -> Comparison:
    """Compare architectures; `counts` are how many options each decision has.

    Without ranges, sums over options and over pairs of options that two architectures have in common depend on nothing
    but how many options these are.
    """
    with np.errstate(invalid="ignore"):  # what BLAS computes beyond the edges of a matrix may be no number
        products = [mine @ other.T for mine, other in zip(left.groups, right.groups, strict=True)]
    if left.places.shape[1]:
        columns = zip(left.places.swapaxes(0, 1), right.places.swapaxes(0, 1), strict=True)
        return Comparison(products, [_apart(mine, other) for mine, other in columns])
    same = np.zeros((len(left), len(right)), dtype=np.float32)
    for mine, other in zip(left.options.T, right.options.T, strict=True):
        same += mine[:, None] == other
    chance = 1.0 / np.asarray(counts, dtype=float)
    decisions = len(chance)
    singles, pairs = chance.sum(), (chance.sum() ** 2 - (chance**2).sum()) / 2
    found = [(same, singles, decisions), (same * (same - 1) / 2, pairs, decisions * (decisions - 1) / 2)]
    kernels = [(matrix - mean) / (most - mean) for matrix, mean, most in found if most - mean > 1e-9]
    return Comparison([kernel.astype(np.float32) for kernel in (*kernels, *products)], [])


def _apart(mine: Matrix, other: Matrix) -> Matrix:
    """Return the squared distances of points of the plane, at most 1: shape (mine, other)."""
    across, up = (mine[:, None, axis] - other[None, :, axis] for axis in (0, 1))
    found: Matrix = np.minimum(across**2 + up**2, 1)
    return found


class Surrogate:
    """The posterior of a space's utilities after some measurements.

    `utility` has shape (n,), n at least 1; `sd` are the standard deviations of the measurements where they are known,
    0 elsewhere. No utility lies beyond the `bounds`. `prior` is 1 where larger networks are taken to be better until
    measurements say otherwise, 0 for none, -1 for the opposite; draws that have one take the `leanings` in turn.
    `counts` are how many options each decision has.
    """

    def __init__(
        self,
        tried: Encoded,
        utility: npt.ArrayLike,
        counts: Sequence[int],
        rng: np.random.Generator,
        *,
        sd: npt.ArrayLike = 0.0,
        bounds: Bounds = UNBOUNDED,
        prior: float = 1.0,
        leanings: Sequence[Leaning] = SIZE,
        ranges: Ranges = RANGES,
    ) -> None:
        self._tried, self._counts = tried, counts
        given = np.asarray(utility, dtype=float)
        errors = np.broadcast_to(np.asarray(sd, dtype=float), given.shape)
        values = lift_tail(given, ranges.tail, bounds)
        self._centre, self._unit = float(values.mean()), _unit(values, errors, bounds)
        self._least, self._most = ((end - self._centre) / self._unit for end in bounds)
        known = (errors / self._unit) ** 2
        own = compared(tried, tried, counts)
        targets = (values - self._centre) / self._unit
        lifted = (values - given) / self._unit
        levels = _latin_hypercube(rng, ranges.draws, own.groups + 1 + len(own.apart))
        draws = [
            self._draw(own, targets, lifted, known, _prior_of_draw(at, prior * ranges.prior, leanings), level, ranges)
            for at, level in enumerate(levels)
        ]
        draws = _heaviest(draws)
        evidence = np.array([draw.evidence for draw in draws])
        shares = np.exp(evidence - evidence.max())
        self._draws = list(zip(shares / shares.sum(), draws, strict=True))

    def _draw(
        self,
        own: Comparison,
        targets: Floats,
        lifted: Floats,
        known: Floats,
        prior: Floats,
        level: Floats,
        ranges: Ranges,
    ) -> _Draw:
        effects, residual, steepness = np.split(level, [own.groups, own.groups + 1])
        weights, steep = _log_scale(ranges.effect, effects) ** 2, _log_scale(ranges.steep, steepness)
        noise = float(_log_scale(ranges.noise, residual)[0])
        lower = np.linalg.cholesky(own.exact(weights, steep) + np.diag(noise**2 + known))
        inverse = np.linalg.inv(lower)
        ones, left = inverse.sum(axis=1), inverse @ (targets - self._tried.promises @ prior)
        constant = float(ones @ left / (ones @ ones))
        left = left - constant * ones
        evidence = -(left @ left + np.log(ones @ ones)) / 2 - np.log(np.diag(lower)).sum()
        solved = inverse.T @ left
        return _Draw(
            weights,
            steep,
            noise,
            prior,
            constant,
            inverse,
            ones,
            solved,
            float(evidence),
            _surprise(inverse, ones, solved, lifted),
        )

    def predict(self, architectures: Encoded) -> Prediction:
        """Predict the utilities of architectures."""
        mean, sd = self.standard(architectures)
        noise = np.sqrt(sum(share * draw.noise**2 for share, draw in self._draws))
        return Prediction(
            self._centre + self._unit * mean, self._unit * sd, float(self._unit * noise), self._calibration()
        )

    def in_standard_units(self, utility: float) -> float:
        """Return a utility in the units of `standard`."""
        return (utility - self._centre) / self._unit

    def standard(self, architectures: Encoded) -> tuple[Floats, Floats]:
        """Predict means and standard deviations in standard units, by blocks that a processor's cache holds."""
        blocks = [
            np.arange(first, min(first + _BLOCK, len(architectures))) for first in range(0, len(architectures), _BLOCK)
        ]
        found = [self._predict(architectures[rows]) for rows in blocks] or [(np.empty(0), np.empty(0))]
        mean, variance = (np.concatenate(column) for column in zip(*found, strict=True))
        return mean, np.sqrt(variance)

    def _predict(self, architectures: Encoded) -> tuple[Floats, Floats]:
        """Return means and variances in standard units."""
        across = compared(architectures, self._tried, self._counts)
        own = _self_similarities(architectures, across.groups)
        means = self._means(across, architectures.promises)
        # a prior that promises more than there is, or less, promises nothing by it
        means = np.clip(means, self._least, self._most)
        shares = np.array([share for share, _ in self._draws])
        mean = means @ shares
        between = (means - mean[:, None]) ** 2 @ shares
        heavy = [(share, draw) for share, draw in self._draws if share > _WEIGHTLESS]
        within = sum(share * self._variance(draw, across, own) for share, draw in heavy)
        return mean, between + within / sum(share for share, _ in heavy)

    def _calibration(self) -> float:
        """Return the factor that widens the intervals: the leave-one-out error, shrunk towards 1 where they are few."""
        surprise = sum(share * draw.surprise for share, draw in self._draws)
        count = len(self._tried)
        return float((_AS_EXPECTED + count * surprise) / (_AS_EXPECTED + count))

    def joint(self, architectures: Encoded) -> tuple[Floats, Floats]:
        """Predict the utilities of architectures together: means of shape (n,), covariances of shape (n, n)."""
        between = compared(architectures, self._tried, self._counts)
        own = compared(architectures, architectures, self._counts)
        mean, second = np.zeros(len(architectures)), np.zeros((len(architectures), len(architectures)))
        for share, draw in self._draws:
            across = between.covariance(draw.weights, draw.steep)
            half = across @ draw.inverse.T
            unknown = 1.0 - half @ draw.ones
            this = architectures.promises @ draw.prior + draw.constant + across @ draw.solved
            covariance = (
                own.covariance(draw.weights, draw.steep)
                - half @ half.T
                + np.outer(unknown, unknown) / (draw.ones @ draw.ones)
            )
            mean += share * this
            second += share * (covariance + np.outer(this, this))
        return self._centre + self._unit * mean, self._unit**2 * (second - np.outer(mean, mean))

    def _means(self, across: Comparison, promises: Floats) -> Floats:
        """Return the means by each draw: shape (architectures, draws)."""
        draws = [draw for _, draw in self._draws]
        found = np.stack([promises @ draw.prior + draw.constant for draw in draws], axis=1)
        for group, kernel in enumerate(across.kernels):
            weighted = np.stack([draw.weights[group] * draw.solved for draw in draws], axis=1)
            found += kernel @ weighted.astype(np.float32)
        if across.apart:
            found += np.stack([across.near(draw.steep) @ (draw.weights[-1] * draw.solved) for draw in draws], axis=1)
        return found

    def _variance(self, draw: _Draw, across: Comparison, own: Floats) -> Floats:
        half = across.covariance(draw.weights, draw.steep) @ draw.inverse.T.astype(np.float32)
        explained = np.einsum("ij,ij->i", half, half)
        unknown = (1.0 - half @ draw.ones.astype(np.float32)) ** 2 / (draw.ones @ draw.ones)
        left: Floats = np.maximum(own @ draw.weights - explained + unknown, 0.0)
        return left


def _heaviest(draws: list[_Draw]) -> list[_Draw]:
    """Return the draws of the most evidence, in their order; of equals the first."""
    first = np.argsort([-draw.evidence for draw in draws], kind="stable")[:_KEPT]
    return [draws[at] for at in sorted(first.tolist())]


def _surprise(inverse: Floats, ones: Floats, solved: Floats, lifted: Floats) -> float:
    """Return the 80% quantile of the standardised leave-one-out errors, in units of that of a normal variable.

    Rasmussen and Williams 2006, section 5.4.2, with a constant. Errors are from measurements before `lift_tail`.
    """
    if len(solved) < 2:
        return 1.0
    precision = (inverse**2).sum(axis=0) - (inverse.T @ ones) ** 2 / (ones @ ones)
    apart = np.abs(solved / precision - lifted) * np.sqrt(precision)
    return float(np.quantile(apart, 0.8) / _OF_FIVE)


def _self_similarities(architectures: Encoded, groups: int) -> Floats:
    """Return how similar each architecture is to itself in each group: shape (n, groups)."""
    lengths = [(group.astype(float) ** 2).sum(axis=1) for group in architectures.groups]
    ones = [np.ones(len(architectures))] * (groups - len(lengths))
    ordered = [*lengths, *ones] if architectures.places.shape[1] else [*ones, *lengths]
    return np.stack(ordered, axis=1)


def _prior_of_draw(at: int, gain: float, leanings: Sequence[Leaning]) -> Floats:
    leaning = np.array(leanings[at // 2 % len(leanings)])
    return leaning * (gain if at % 2 == 0 else 0.0)


def _latin_hypercube(rng: np.random.Generator, count: int, columns: int) -> Floats:
    """Draw points of the unit cube: shape (count, columns), in each column one point of every `count`-th part."""
    parts = rng.permuted(np.tile(np.arange(count)[:, None], columns), axis=0)
    found: Floats = (parts + rng.random(parts.shape)) / count
    return found


def _log_scale(ends: tuple[float, float], level: Floats) -> Floats:
    """Go from one end, where the level is 0, to the other, where it is 1, by equal factors."""
    low, high = ends
    found: Floats = low * (high / low) ** level
    return found


def lift_tail(utility: Floats, tail: float, bounds: Bounds = UNBOUNDED) -> Floats:
    """Move utilities far below the median up, to `tail` robust standard deviations below it."""
    if len(utility) < 3:
        return utility
    median = np.median(utility)
    deviation = 1.4826 * np.median(np.abs(utility - median))
    widest = bounds[1] - bounds[0]
    least = _ALIKE * widest if np.isfinite(widest) else _APART * float(np.ptp(utility))
    return np.maximum(utility, median - tail * max(float(deviation), least))


def _unit(values: Floats, errors: Floats, bounds: Bounds) -> float:
    """Return the standard deviation of utilities or, where all are equal, another size that has their unit."""
    spread, same = float(values.std()), _SAME * float(np.abs(values).max())
    if spread > same:
        return spread
    sizes = (bounds[1] - bounds[0], float(errors.mean()) / _SHARE, *(abs(values[0] - end) for end in bounds))
    return next((_SHARE * size for size in sizes if np.isfinite(size) and size > same), 1.0)
