"""How similar architectures are: a kernel for each group of effects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .features import Encoded, Floats

Matrix = npt.NDArray[np.float32]

_PLACES = "places"


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two lists of architectures, compared by matrices of shape (left, right).

    - `kernels`: by name, a similarity by each group of effects; 1 is an architecture's mean similarity to itself, 0
      that of two drawn from the space.
    - `apart`: of each decision the squared distance of the places, at most 1; empty without ranges.
    """

    kernels: Mapping[str, Matrix]
    apart: Sequence[Matrix]

    @property
    def groups(self) -> tuple[str, ...]:
        """The names of the groups of effects; all places together are one more, the last."""
        return (*self.kernels, _PLACES) if self.apart else tuple(self.kernels)

    def covariance(self, weights: Floats, steep: Floats) -> Matrix:
        """Add the groups up by their variances; the similarity by places is a product over the decisions."""
        total = np.zeros(self._shape, dtype=np.float32)
        for weight, kernel in zip(weights, self.similarities(steep), strict=True):
            total += np.float32(weight) * kernel
        return total

    def exact(self, weights: Floats, steep: Floats) -> Floats:
        """Add the groups up as `covariance` does, in double precision."""
        parts = zip(weights, self.similarities(steep), strict=True)
        found: Floats = sum((weight * kernel.astype(float) for weight, kernel in parts), np.zeros(self._shape))
        return found

    def similarities(self, steep: Floats) -> list[Matrix]:
        """Return the similarities by each group of effects, that by places the last."""
        kernels = list(self.kernels.values())
        return [*kernels, self.near(steep)] if self.apart else kernels

    def near(self, steep: Floats) -> Matrix:
        """Return the similarity by places."""
        exponent = np.zeros(self.apart[0].shape, dtype=np.float32)
        for factor, matrix in zip(steep, self.apart, strict=True):
            exponent -= np.float32(factor) * matrix
        return np.exp(exponent)

    @property
    def _shape(self) -> tuple[int, ...]:
        return [*self.kernels.values(), *self.apart][0].shape


def compared(left: Encoded, right: Encoded, counts: Sequence[int]) -> Comparison:
    """Compare architectures; `counts` are how many options each decision has.

    Without ranges, sums over options and over pairs of options that two architectures have in common depend on nothing
    but how many options these are.
    """
    with np.errstate(invalid="ignore"):  # BLAS computes beyond the edges of a matrix, perhaps with no numbers
        products = {name: mine @ right.groups[name].T for name, mine in left.groups.items()}
    if left.places.shape[1]:
        columns = zip(left.places.swapaxes(0, 1), right.places.swapaxes(0, 1), strict=True)
        return Comparison(products, [_apart(mine, other) for mine, other in columns])
    same = left.one_hot(counts) @ right.one_hot(counts).T
    chance = 1.0 / np.asarray(counts, dtype=float)
    decisions = len(chance)
    singles, pairs = chance.sum(), (chance.sum() ** 2 - (chance**2).sum()) / 2
    found = {
        "options": (same, singles, decisions),
        "pairs": (same * (same - 1) / 2, pairs, decisions * (decisions - 1) / 2),
    }
    kernels = {
        name: ((matrix - mean) / (most - mean)).astype(np.float32)
        for name, (matrix, mean, most) in found.items()
        if most - mean > 1e-9
    }
    return Comparison(kernels | products, [])


def self_similarities(architectures: Encoded, groups: Sequence[str]) -> Floats:
    """Return how similar each architecture is to itself in each group: shape (n, groups)."""
    one = np.ones(len(architectures))
    lengths = {name: (group.astype(float) ** 2).sum(axis=1) for name, group in architectures.groups.items()}
    return np.stack([lengths.get(name, one) for name in groups], axis=1)


def _apart(mine: Matrix, other: Matrix) -> Matrix:
    """Return the squared distances of points of the plane, at most 1: shape (mine, other)."""
    across, up = (mine[:, None, axis] - other[None, :, axis] for axis in (0, 1))
    found: Matrix = np.minimum(across**2 + up**2, 1)
    return found
