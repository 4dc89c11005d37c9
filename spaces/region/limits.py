"""Limits on the costs of an architecture."""

import re
from dataclasses import dataclass
from decimal import Decimal
from math import inf
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ...errors import GeniusError
from ..cost import CONVENTIONS, FIELDS, Convention, Cost

Range = tuple[float, float]
"""The lowest and the highest value allowed, both included; infinite where that end is open."""

OPEN: Range = (-inf, inf)
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}


def parse_range(low: str, high: str) -> Range:
    """Read the two ends of a range, as in `270M 330M`; a `-` leaves an end open.

    Raises: GeniusError for text that is no number, and for an empty range.
    """
    ends = (-inf if low == "-" else _amount(low), inf if high == "-" else _amount(high))
    if ends[0] > ends[1]:
        raise GeniusError(f"the range from {low} to {high} is empty: its low end is above its high end")
    return ends


def _amount(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([KMG]?)", text.upper())
    if match is None:
        raise GeniusError(f"expected a number such as 330M, 1.2G or 5000, or - for no limit, got {text!r}")
    return float(Decimal(match[1]) * _UNITS[match[2]])


class Gap(NamedTuple):
    """The distance of a cost above (positive) or below (negative) its allowed range; 0 inside."""

    flops: float
    params: float


@dataclass(frozen=True)
class Limits:
    """The FLOPs, by a convention, and the parameters that an architecture may have."""

    flops: Range = OPEN
    params: Range = OPEN
    convention: Convention = "macs"

    def allow(self, cost: Cost) -> bool:
        """Tell whether a cost keeps both limits."""
        low, high = self.flops
        return low <= cost.counted(self.convention) <= high and self.params[0] <= cost.params <= self.params[1]

    def accept(self, cost: Cost) -> bool:
        """Tell whether a proposal keeps the limits. FLOPs as thop counts are held against them in whole millions.

        That is how they are told apart in the paper's own conversations: 330.2 M is within 270 to 330 M there, and
        330.6 M is not. What is generated here keeps the limits exactly.
        """
        if self.convention != "thop":
            return self.allow(cost)
        millions = round(cost.counted("thop") / 1e6) * 1e6
        inside = self.flops[0] <= millions <= self.flops[1] and self.params[0] <= cost.params <= self.params[1]
        return inside or self.allow(cost)

    @property
    def limited(self) -> bool:
        """Whether anything is limited at all."""
        return self.flops != OPEN or self.params != OPEN

    @property
    def of_flops(self) -> bool:
        """Whether FLOPs are limited, so that they have to be known exactly."""
        return self.flops != OPEN

    @property
    def ranges(self) -> tuple[Range, Range]:
        """The ranges of FLOPs and of parameters."""
        return self.flops, self.params

    @property
    def main(self) -> int:
        """The cost that orders architectures: 0 for FLOPs, 1 for parameters where these alone are limited."""
        return int(self.flops == OPEN and self.params != OPEN)

    def counted(self, costs: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Turn rows of `Cost` fields into FLOPs by the convention, and parameters: shape (n, 2)."""
        weights = [Cost(*row).counted(self.convention) for row in np.eye(FIELDS, dtype=np.int64).tolist()]
        return np.stack([costs @ np.array(weights), costs[:, 1]], axis=1)

    def keep(self, counted: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Tell which rows of FLOPs and parameters, of shape (n, 2), are within the limits: shape (n,).

        A negative row belongs to a network that cannot be built, and is not.
        """
        low, high = np.array(self.ranges).T
        kept: npt.NDArray[np.bool_] = ((low <= counted) & (counted <= high) & (counted >= 0)).all(axis=1)
        return kept

    def gap(self, cost: Cost) -> Gap:
        """Return how far a cost lies above or below the ranges, in FLOPs and in parameters."""
        return Gap(_gap(cost.counted(self.convention), self.flops), _gap(cost.params, self.params))

    def words(self) -> str:
        """Say the limits: `FLOPs from 270 M to 330 M (multiply-adds of one image) and at most 7 M parameters`."""
        said = []
        if self.flops != OPEN:
            said.append(f"{_range_in_words('FLOPs', self.flops)} ({CONVENTIONS[self.convention]})")
        if self.params != OPEN:
            said.append(_range_in_words("parameters", self.params))
        return " and ".join(said) or "no limits"


def _gap(value: int, ends: Range) -> float:
    return min(value - ends[0], 0) + max(value - ends[1], 0)


def _range_in_words(quantity: str, ends: Range) -> str:
    low, high = ends
    if low == -inf:
        return f"at most {in_words(high)} {quantity}"
    if high == inf:
        return f"at least {in_words(low)} {quantity}"
    if low == high:
        return f"exactly {in_words(low)} {quantity}"
    return f"{quantity} from {in_words(low)} to {in_words(high)}"


def in_words(amount: float) -> str:
    """Write an amount without rounding it, in millions or thousands where it has as many: `330 M`, `44.8 K`, `7`."""
    unit = next((unit for unit in ("M", "K") if abs(amount) >= _UNITS[unit]), "")
    number = f"{Decimal(amount) / _UNITS[unit]:,f}"
    return f"{number.rstrip('0').rstrip('.') if '.' in number else number} {unit}".rstrip()


NO_LIMITS = Limits()
