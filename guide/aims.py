"""More than one quantity: one utility of several objectives, and the probability that limits on metrics are kept."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from .features import Encoded, Floats
from .surrogate import Surrogate

_AUGMENTED = 0.05  # of the weighted sum, so that no dominated point is as good as the one that dominates it

_PROBABLE = 0.5


def scalarised(points: npt.ArrayLike, weights: Floats) -> Floats:
    """Make one utility of the utilities of several objectives, of shape (n, objectives): shape (n,).

    It is the negative of the augmented Chebyshev function of how far each lies below the best one, as a share of the
    range (Knowles 2006, "ParEGO", IEEE Transactions on Evolutionary Computation 10:1).
    """
    rows = np.asarray(points, dtype=float)
    best, ranges = rows.max(axis=0), np.ptp(rows, axis=0)
    short = (best - rows) / np.where(ranges > 0, ranges, 1.0) * weights
    found: Floats = -(short.max(axis=1) + _AUGMENTED * short.sum(axis=1))
    return found


@dataclass(frozen=True, eq=False)
class MetricLimit:
    """A metric within limits, infinite where that end is open, and its surrogate."""

    surrogate: Surrogate
    low: float
    high: float

    def probability(self, architectures: Encoded) -> Floats:
        """Return the probability of n architectures to be measured within the limits: shape (n,)."""
        predicted = self.surrogate.predict(architectures)
        sd = np.maximum(predicted.measured_sd(), 1e-12)
        found: Floats = ndtr((self.high - predicted.mean) / sd) - ndtr((self.low - predicted.mean) / sd)
        return found


@dataclass(frozen=True, eq=False)
class Feasibility:
    """The limits on metrics, and the best feasible utility, in standard units; None where nothing feasible is known."""

    limits: Sequence[MetricLimit]
    best: float | None

    def probability(self, architectures: Encoded) -> Floats:
        """Return the probability of n architectures to be measured within all limits: shape (n,)."""
        found = np.ones(len(architectures))
        for limit in self.limits:
            found = found * limit.probability(architectures)
        return found

    def preferred(self, scores: Floats, architectures: Encoded, least: float = -100.0) -> Floats:
        """Put architectures that are probably not feasible behind all others, those that may be first: shape (n,).

        `least` is less than all scores by more than ten.
        """
        probability = self.probability(architectures)
        found: Floats = np.where(probability >= _PROBABLE, scores, least + 10 * probability)
        return found

    def acquisition(self, mean: Floats, sd: Floats, architectures: Encoded) -> Floats:
        """Return the expected improvement over the best, times the probability to be feasible; without a best one that
        probability alone (Gardner et al. 2014, "Bayesian Optimization with Inequality Constraints")."""
        feasible = self.probability(architectures)
        return feasible if self.best is None else feasible * expected_improvement(mean, sd, self.best)


def expected_improvement(mean: Floats, sd: Floats, best: float) -> Floats:
    """Return by how much normal variables are expected to exceed the best: shape (n,)."""
    spread = np.maximum(sd, 1e-9)
    apart = (mean - best) / spread
    found: Floats = spread * (apart * ndtr(apart) + np.exp(-(apart**2) / 2) / np.sqrt(2 * np.pi))
    return found
