"""How far architectures are off a region."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from .feasible import Integers, Reals
from .limits import Counts

if TYPE_CHECKING:
    from .region import Region

OUTLAWED = 100.0
"""The distance of an architecture that cannot be built or breaks the rule: as of costs e^100 times too high."""

_LEAST = 1e-12  # the distance of a cost that is one off a limit beyond 10^12
_REMEMBERED = 200_000  # architectures whose costs are kept, where each has to be asked for


class Distance:
    """How far architectures are off a region: the logarithms by which their costs are too high or too low.

    Where a rule, or costs that are no look-ups, have to be asked for one by one, answers are kept.
    """

    def __init__(self, region: "Region") -> None:
        self._region, self._space = region, region.space
        self._low, self._high = np.array(region.limits.ranges).T
        self._dtype: npt.DTypeLike = np.float64 if region.limits.others else np.int64
        self._known: dict[bytes, tuple[bool, list[float]]] = {}

    def __call__(self, rows: Integers) -> tuple[Reals, Counts]:
        """Return the distances of architectures, 0 for those inside, and their costs: shapes (n,) and (n, ranges)."""
        allowed, counted = self._looked_up(rows)
        logs, low, high = (np.log1p(np.maximum(each, 0)) for each in (counted, self._low, self._high))
        off = np.maximum(np.abs(logs - np.clip(logs, low, high)), _LEAST)
        distance = np.where((self._low <= counted) & (counted <= self._high), 0.0, off).sum(axis=1)
        return np.where(allowed & (counted >= 0).all(axis=1), distance, distance + OUTLAWED), counted

    def inside(self, rows: Integers) -> npt.NDArray[np.bool_]:
        """Tell which architectures are inside: shape (n,)."""
        found: npt.NDArray[np.bool_] = self(rows)[0] == 0
        return found

    def _looked_up(self, rows: Integers) -> tuple[npt.NDArray[np.bool_], Counts]:
        """Return which architectures the rule allows, and the costs of these: shapes (n,) and (n, ranges)."""
        if self._space.parts and not self._space.restricted:
            return self._space.allows(rows), self._region.counted(rows)
        keys = [row.tobytes() for row in rows]
        known = {key: self._known[key] for key in keys if key in self._known}
        new = {key: at for at, key in enumerate(keys) if key not in known}
        known.update(zip(new, self._asked(rows[list(new.values())]), strict=True))
        if len(self._known) < _REMEMBERED:
            self._known.update(known)
        found = [known[key] for key in keys]
        counted: Counts = np.array([costs for _, costs in found], dtype=self._dtype).reshape(-1, len(self._low))
        return np.array([allowed for allowed, _ in found], dtype=bool), counted

    def _asked(self, rows: Integers) -> list[tuple[bool, list[float]]]:
        allowed, counted = self._space.allows(rows), np.zeros((len(rows), len(self._low)), dtype=self._dtype)
        counted[allowed] = self._region.counted(rows[allowed])
        return list(zip(allowed.tolist(), counted.tolist(), strict=True))
