"""Draws of a surrogate's hyper-parameters: a Gaussian process for each, and the evidence that the measurements give it.

See Rasmussen and Williams 2006, "Gaussian Processes for Machine Learning", sections 2.2, 2.7 and 5.4.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.linalg import solve_triangular
from scipy.linalg.lapack import dtrtri

from .features import Encoded, Floats
from .kernels import Comparison
from .means import NONE, PriorMean
from .warp import Warp

_OF_FIVE = 1.2816  # standard deviations within which four of five normal variables lie
_KEPT = 8  # draws of each mean function
_SCALARS = 4  # hyper-parameters besides those of groups and of places
_OPTIONAL = "shared"  # the group of effects that some draws do without


@dataclass(frozen=True)
class Ranges:
    """The ranges of the hyper-parameters, drawn log-uniformly.

    The unit of a draw is the spread of its warped measurements, times a `scale`: what was measured may lie closer
    together than the space does. `effect` is the scale of each group of effects, and `gain` that of the mean function,
    in this unit; `noise` is that of the residuals, in the spread alone. The effects of `shared` options have a scale of
    their own, and a share of the draws, `without_shared`, does without them. `tail` is that of the warp, in medians of
    how far measurements lie below the best. `steep` is how fast similarity falls with the distance of two places: by
    the factor exp(-steep) over a whole range, or from one option to another. There are as many `draws` for each mean
    function. `flat` are those of the mean function that expects the same of all architectures, where they differ.
    """

    effect: tuple[float, float] = (0.1, 1.0)
    scale: tuple[float, float] = (1.0, 4.0)
    noise: tuple[float, float] = (0.2, 1.0)
    gain: tuple[float, float] = (0.3, 1.0)
    tail: tuple[float, float] = (0.5, 20.0)
    shared: tuple[float, float] = (0.1, 1.0)
    without_shared: float = 0.8
    draws: int = 32
    steep: tuple[float, float] = (0.05, 30.0)
    flat: "Ranges | None" = None

    def of(self, mean: PriorMean) -> "Ranges":
        """Return the ranges of a mean function; the tail is the same for all."""
        return replace(self.flat, tail=self.tail) if self.flat and mean.name == NONE else self


@dataclass(frozen=True, eq=False)
class Data:
    """Measurements: n architectures, compared with each other, and their utilities below the best, in units of their
    spread, with their standard deviations, 0 where these are not known. `floor` is the least spread of a draw."""

    tried: Encoded
    own: Comparison
    utility: Floats
    sd: Floats
    floor: float


@dataclass(frozen=True, eq=False)
class Draw:
    """A Gaussian process with one draw of the hyper-parameters; its constant has a flat prior (universal kriging).

    All but `unit` is in units of `unit`, in which warped utilities are measured.
    """

    mean: PriorMean
    gain: float
    warp: Warp
    unit: float
    weights: Floats  # variance of each group of effects
    steep: Floats  # of each decision, where places are compared
    noise: float
    lower: Floats  # the covariance's Cholesky factor
    ones: Floats  # a column of ones, times its inverse
    left: Floats  # the residuals of mean and constant, times the same
    constant: float
    evidence: float  # logarithm of the probability of the measurements times the prior odds, up to a constant

    @cached_property
    def inverse(self) -> Floats:
        """The inverse of the covariance's Cholesky factor."""
        found, _ = dtrtri(self.lower, lower=1)
        return np.asarray(found)

    @cached_property
    def solved(self) -> Floats:
        """The covariance's inverse, times the residuals."""
        found: Floats = self.inverse.T @ self.left
        return found

    @cached_property
    def surprise(self) -> float:
        """The 80% quantile of the standardised leave-one-out errors, in units of that of a normal variable.

        Rasmussen and Williams 2006, section 5.4.2, with a constant.
        """
        if len(self.left) < 2:
            return 1.0
        precision = (self.inverse**2).sum(axis=0) - (self.inverse.T @ self.ones) ** 2 / (self.ones @ self.ones)
        return float(np.quantile(np.abs(self.solved) / np.sqrt(precision), 0.8) / _OF_FIVE)

    def expected(self, architectures: Encoded) -> Floats:
        """Return the mean function and the constant: shape (n,)."""
        found: Floats = self.gain * self.mean.function(architectures) + self.constant
        return found


def drawn(data: Data, means: Sequence[PriorMean], ranges: Ranges, rng: np.random.Generator) -> list[tuple[float, Draw]]:
    """Draw hyper-parameters for each mean function, and weigh the draws by evidence.

    They are a Latin hypercube (McKay, Beckman and Conover 1979, Technometrics 21:2): few of them cover every range. Of
    each mean function the draws of the most evidence are kept, and share the weight of all of its draws.
    """
    columns = _SCALARS + len(data.own.groups) + len(data.own.apart)
    by_mean = [
        [_draw(data, mean, level, ranges.of(mean)) for level in _latin_hypercube(rng, ranges.draws, columns)]
        for mean in means
    ]
    evidence = np.array([[draw.evidence for draw in draws] for draws in by_mean])
    weights = np.exp(evidence - evidence.max())
    weights /= weights.sum()
    found = []
    for draws, own in zip(by_mean, weights, strict=True):
        kept = np.argsort(-own, kind="stable")[:_KEPT]
        found += [(float(own[at] * own.sum() / own[kept].sum()), draws[at]) for at in sorted(kept.tolist())]
    return found


def _draw(data: Data, mean: PriorMean, level: Floats, ranges: Ranges) -> Draw:
    scalars = zip((ranges.scale, ranges.noise, ranges.gain, ranges.tail), level, strict=False)
    scale, noise, gain, tail = (float(_log_scale(ends, np.array(part))) for ends, part in scalars)
    effects, steepness = np.split(level[_SCALARS:], [len(data.own.groups)])
    weights, steep = (scale * _effects(data.own.groups, effects, ranges)) ** 2, _log_scale(ranges.steep, steepness)
    warp = Warp(tail)
    warped, slope = warp(data.utility), warp.slope(data.utility)
    unit = max(float(warped.std()), data.floor)
    known: Floats = noise**2 + (data.sd * slope / unit) ** 2
    lower = np.asarray(np.linalg.cholesky(data.own.exact(weights, steep) + np.diag(known)), dtype=float)
    wanted: Floats = warped / unit - scale * gain * mean.function(data.tried)
    ones, left = solve_triangular(lower, np.stack([np.ones(len(wanted)), wanted], axis=1), lower=True).T
    constant = float(ones @ left / (ones @ ones))
    left = left - constant * ones
    likelihood = -(left @ left + np.log(ones @ ones)) / 2 - np.log(np.diag(lower)).sum()
    change = np.log(slope).sum() - (len(wanted) - 1) * np.log(unit)  # of variables, from utilities to these
    evidence = float(likelihood + change + np.log(mean.odds))
    return Draw(mean, scale * gain, warp, unit, weights, steep, noise, lower, ones, left, constant, evidence)


def _effects(groups: Sequence[str], levels: Floats, ranges: Ranges) -> Floats:
    """Return the scale of each group of effects, 0 where a draw does without it."""
    found = _log_scale(ranges.effect, levels)
    if _OPTIONAL in groups:
        at, share = groups.index(_OPTIONAL), ranges.without_shared
        level = (levels[at] - share) / (1 - share)
        found[at] = 0.0 if level < 0 else _log_scale(ranges.shared, level)
    return found


def _latin_hypercube(rng: np.random.Generator, count: int, columns: int) -> Floats:
    """Draw points of the unit cube: shape (count, columns), in each column one point of every `count`-th part."""
    parts = rng.permuted(np.tile(np.arange(count)[:, None], columns), axis=0)
    found: Floats = (parts + rng.random(parts.shape)) / count
    return found


def _log_scale(ends: tuple[float, float], level: Floats) -> Floats:
    """Go from one end, where the level is 0, to the other, where it is 1, by equal factors."""
    low, high = ends
    found: Floats = low * (high / low) ** level if low < high else np.full(np.shape(level), low)
    return found
