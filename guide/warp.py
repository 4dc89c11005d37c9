"""A monotone warp of utilities: near the best they stay as they are, far below it they are compressed.

How bad a bad network is says little about the good ones, but that it is bad says much.
"""

from dataclasses import dataclass

import numpy as np

from .features import Floats

_LONGEST = 50.0  # the exponent at most, so that numbers stay finite


@dataclass(frozen=True)
class Warp:
    """The warp -tail × log(1 + gap / tail) of how far a utility lies below 0, which is the best so far.

    Above 0 it is the identity. An infinite `tail` warps nothing.
    """

    tail: float = np.inf

    def __call__(self, utility: Floats) -> Floats:
        """Warp utilities."""
        if not np.isfinite(self.tail):
            return utility
        gap = np.maximum(-utility, 0.0)
        found: Floats = np.where(utility < 0, -self.tail * np.log1p(gap / self.tail), utility)
        return found

    def inverse(self, warped: Floats) -> Floats:
        """Undo the warp."""
        if not np.isfinite(self.tail):
            return warped
        gap = np.minimum(np.maximum(-warped, 0.0) / self.tail, _LONGEST)
        found: Floats = np.where(warped < 0, -self.tail * np.expm1(gap), warped)
        return found

    def slope(self, utility: Floats) -> Floats:
        """Return the derivative at utilities."""
        found: Floats = 1 / (1 + np.maximum(-utility, 0.0) / self.tail)
        return found
