"""The random baseline of the paper: the best of a few uniform samples, averaged over many repetitions."""

import numpy as np
import numpy.typing as npt

from ..errors import GeniusError
from .published import Table

_BATCH = 1_000  # repetitions drawn at once, to bound the memory


def random_baseline(table: Table, samples: int, repetitions: int, seed: int) -> dict[str, dict[str, float]]:
    """Draw `samples` different architectures uniformly, take the best by the accuracy that a search sees, and repeat.

    Returns mean, standard deviation and median of the accuracies and ranks of the best. Raises: GeniusError.
    """
    if not 1 <= samples <= len(table):
        raise GeniusError(f"samples must lie between 1 and {len(table):,}, got {samples}")
    if repetitions < 1:
        raise GeniusError(f"repetitions must be at least 1, got {repetitions}")
    rng = np.random.default_rng(seed)
    sizes = [min(_BATCH, repetitions - done) for done in range(0, repetitions, _BATCH)]
    best = np.concatenate([_best_of(table, samples, size, rng) for size in sizes])
    columns = {
        "accuracy": table.values,
        "test_accuracy": table.test_values,
        "rank": table.ranks,
        "test_rank": table.test_ranks,
    }
    return {name: _spread(column[best]) for name, column in columns.items()}


def _best_of(table: Table, samples: int, repetitions: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return, for each repetition, the place of its best sample in the table: shape (repetitions,)."""
    drawn = np.stack([rng.choice(len(table), samples, replace=False) for _ in range(repetitions)])
    best: npt.NDArray[np.int64] = drawn[np.arange(repetitions), table.utilities[drawn].argmax(axis=1)]
    return best


def _spread(values: npt.NDArray[np.float64] | npt.NDArray[np.int64]) -> dict[str, float]:
    return {"mean": float(values.mean()), "std": float(values.std()), "median": float(np.median(values))}
