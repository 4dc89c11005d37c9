"""The front of several objectives: the points that no other one dominates, and the volume that they dominate."""

import numpy as np
import numpy.typing as npt

_Floats = npt.NDArray[np.float64]


def nondominated(points: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Tell of utilities of shape (n, objectives), higher is better, which no other row dominates: shape (n,).

    A row dominates another where it is nowhere worse and somewhere better; of equal rows the first one stays.
    """
    rows = np.asarray(points, dtype=float)
    kept = np.ones(len(rows), dtype=bool)
    for at, row in enumerate(rows):
        no_worse = (rows >= row).all(axis=1)
        equal = (rows == row).all(axis=1)
        kept[at] = not (no_worse & ~equal).any() and not equal[:at].any()
    return kept


def hypervolume(points: npt.ArrayLike, reference: npt.ArrayLike) -> float:
    """Return the volume that utilities of shape (n, objectives) dominate above a reference of shape (objectives,).

    It is exact: a sweep over the last objective, down to intervals; for two and three objectives that is fast.
    """
    rows, least = np.asarray(points, dtype=float), np.asarray(reference, dtype=float)
    above = rows.reshape(-1, len(least)) - least
    return _volume(above[(above > 0).all(axis=1)])


def _volume(above: _Floats) -> float:
    """Sum up the slabs between the heights of the last objective, each as high as its cross-section is constant."""
    if not len(above):
        return 0.0
    if above.shape[1] == 1:
        return float(above.max())
    ordered = above[np.argsort(-above[:, -1])]
    heights = ordered[:, -1] - np.append(ordered[1:, -1], 0.0)
    slabs = (height * _volume(ordered[: at + 1, :-1]) for at, height in enumerate(heights.tolist()) if height)
    return float(sum(slabs))
