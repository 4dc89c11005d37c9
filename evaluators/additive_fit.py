"""A cost by look-ups, fitted to measurements: ridge regression on options, and on the FLOPs of a space's parts."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..errors import GeniusError
from ..spaces.cost import FIELDS, Cost
from ..spaces.objective import Objective
from ..spaces.region import CostTerm, Integers, PredictedCost
from ..spaces.space import SearchSpace

LEAST = 10
"""How many measurements a fit takes at least."""

_FOLDS = 10  # of which each is predicted from the others, for the error that is told
_PENALTIES = np.logspace(-6, 3, 28)  # times the number of measurements
_USED = [np.array(Cost(flops=1).row), np.array(Cost(norm_outputs=1).row)]  # costs of parts that take time

_Reals = npt.NDArray[np.float64]
_Feature = Sequence[CostTerm]


def fit_cost(space: SearchSpace, objective: Objective, architectures: Integers, values: _Reals) -> PredictedCost:
    """Fit a cost to the measured values of architectures, of shapes (n, decisions) and (n,).

    It is a sum of the effects of options and, where the space has parts, of the FLOPs and norms of each part. Its
    errors are those of ten parts of the measurements, each predicted from the others.
    Raises: GeniusError for fewer than `LEAST` measurements.
    """
    if len(values) < LEAST:
        raise GeniusError(f"a look-up is fitted to at least {LEAST} measurements, got {len(values)}: take more samples")
    features = _features(space)
    matrix = np.column_stack([_column(space, feature, architectures) for feature in features])
    scales = np.where((spread := matrix.std(axis=0)) > 0, spread, np.inf)  # features that never differ are left out
    base, weights = _ridge(matrix / scales, values)
    off = np.abs(_held_out(matrix / scales, values))
    within = float(np.quantile(off, 0.95, method="higher"))
    return PredictedCost(objective, base, _terms(features, weights / scales), float(off.mean()), within)


def _features(space: SearchSpace) -> list[_Feature]:
    """Return the features: the options of each decision, the costs of each part, and of all parts together."""
    counts = [len(decision.options) for decision in space.decisions]
    found: list[_Feature] = [[((at,), one)] for at, count in enumerate(counts) for one in np.eye(count)]
    for used in _USED if space.parts else ():
        terms = [
            (tuple(at), (table.reshape(-1, FIELDS) @ used).reshape(table.shape[:-1])) for at, table in space.part_costs
        ]
        found += [[(decisions, values.astype(float))] for decisions, values in terms if len(decisions) > 1]
        found.append([(decisions, values.astype(float)) for decisions, values in terms])
    return found


def _column(space: SearchSpace, feature: _Feature, architectures: Integers) -> _Reals:
    places = architectures - np.array([decision.first for decision in space.decisions])
    found = np.zeros(len(places))
    for decisions, values in feature:
        found += values[tuple(places[:, at] for at in decisions)]
    return found


def _ridge(matrix: _Reals, values: _Reals) -> tuple[float, _Reals]:
    """Fit by ridge regression, with the penalty of the least leave-one-out error; return intercept and weights."""
    centre, mean = matrix.mean(axis=0), values.mean()
    left, sizes, right = np.linalg.svd(matrix - centre, full_matrices=False)
    best, weights = np.inf, np.zeros(matrix.shape[1])
    for penalty in _PENALTIES * len(values):
        kept = sizes**2 / (sizes**2 + penalty)
        leverage = 1 / len(values) + (left**2 * kept).sum(axis=1)
        off = (values - mean - left @ (kept * (left.T @ (values - mean)))) / np.maximum(1 - leverage, 1e-9)
        if (error := float((off**2).mean())) < best:
            best, weights = error, right.T @ (sizes / (sizes**2 + penalty) * (left.T @ (values - mean)))
    return float(mean - centre @ weights), weights


def _held_out(matrix: _Reals, values: _Reals) -> _Reals:
    """Return the errors of predictions of each measurement, from the measurements of the other folds."""
    fold = np.random.default_rng(0).permutation(len(values)) % min(_FOLDS, len(values))
    off = np.empty(len(values))
    for held in range(fold.max() + 1):
        base, weights = _ridge(matrix[fold != held], values[fold != held])
        off[fold == held] = values[fold == held] - np.maximum(base + matrix[fold == held] @ weights, 0.0)
    return off


def _terms(features: Sequence[_Feature], weights: _Reals) -> tuple[CostTerm, ...]:
    """Return the sums of the features, a term for each group of decisions."""
    found: dict[tuple[int, ...], _Reals] = {}
    for feature, weight in zip(features, weights.tolist(), strict=True):
        for decisions, values in feature:
            found[decisions] = found.get(decisions, np.zeros(values.shape)) + weight * values
    return tuple(found.items())
