"""Limits on the costs of an architecture."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from math import inf
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ...errors import GeniusError
from ...printable import brief
from ..cost import FIELDS, Convention, Cost, counting_in_words
from ..figures import in_millions

if TYPE_CHECKING:
    from .predicted import PredictedCost

Counts = npt.NDArray[np.int64 | np.float64]
"""Rows of costs: whole numbers, unless further costs are among them."""

Range = tuple[float, float]
"""The lowest and the highest value allowed, both included; infinite where that end is open."""

OPEN: Range = (-inf, inf)
HIDDEN_UNIT = "in a hidden unit"
"""The unit of costs in a disguise, in words."""
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


@dataclass(frozen=True)
class Limits:
    """The FLOPs, by a convention, the parameters, and the further costs by name that an architecture may have.

    A further cost is one that the space's own `cost` tells, or one of the `predicted`. In a disguise `units` are the
    FLOPs and the parameters that words tell as 1.
    """

    flops: Range = OPEN
    params: Range = OPEN
    convention: Convention = "macs"
    others: tuple[tuple[str, Range], ...] = ()
    predicted: tuple["PredictedCost", ...] = ()
    units: tuple[float, ...] = ()

    def allow(self, cost: Cost) -> bool:
        """Tell whether a cost keeps all limits."""
        return self._hold(self.amounts(cost))

    def amounts(self, cost: Cost) -> tuple[float, ...]:
        """Return the FLOPs, by the convention, the parameters and the further costs, in the order of `ranges`.

        Raises: GeniusError where a further cost is missing.
        """
        if missing := [name for name, _ in self.others if name not in cost.named]:
            raise GeniusError(
                f"the space's cost tells no {brief(missing[0])} of some architecture, and it is limited: return it for "
                "every architecture"
            )
        return cost.counted(self.convention), cost.params, *(cost.named[name] for name, _ in self.others)

    def _hold(self, amounts: Sequence[float]) -> bool:
        return all(low <= amount <= high for amount, (low, high) in zip(amounts, self.ranges, strict=True))

    def accept(self, cost: Cost) -> bool:
        """Tell whether a proposal keeps the limits. FLOPs as thop counts are held against them in whole millions.

        That is how they are told apart in the paper's own conversations: 330.2 M is within 270 to 330 M there, and
        330.6 M is not. Architectures generated here keep the limits exactly.
        """
        if self.convention != "thop":
            return self.allow(cost)
        flops, *rest = self.amounts(cost)
        return self._hold((round(flops / 1e6) * 1e6, *rest)) or self.allow(cost)

    @property
    def limited(self) -> bool:
        """Whether anything is limited at all."""
        return any(ends != OPEN for ends in self.ranges)

    @property
    def opened(self) -> "Limits":
        """The same costs without limits."""
        return replace(self, flops=OPEN, params=OPEN, others=tuple((name, OPEN) for name, _ in self.others))

    def prediction(self, name: str) -> "PredictedCost | None":
        """Return the predicted cost of a name; None where it is told, or counted."""
        return next((predicted for predicted in self.predicted if predicted.name == name), None)

    def told(self, at: int, amount: float) -> str:
        """Write an amount of a cost by its place in the ranges: FLOPs and parameters in millions, or in three digits of
        their hidden units; a further cost in its own unit."""
        if at > 1:
            return f"{amount:,.6g}"
        return self._in_units(at, amount) if self.units else in_millions(amount)

    def _in_units(self, at: int, amount: float) -> str:
        return f"{float(f'{amount / self.units[at]:.3g}'):,.12g}"

    def counting(self, *, text: bool = False) -> str:
        """Say how FLOPs are counted, of images or of a `text`."""
        return f"{HIDDEN_UNIT}, rounded" if self.units else counting_in_words(self.convention, text=text)

    def suffix(self, at: int) -> str:
        """Return the unit of a cost, by its place in the ranges, as it stands behind a number; empty without one."""
        predicted = self.prediction(self.names[at])
        return predicted.objective.suffix if predicted else ""

    @property
    def by_prediction(self) -> bool:
        """Whether there are further costs, and all that is limited is predicted."""
        counted = self.flops != OPEN or self.params != OPEN
        return bool(self.others) and not counted and all(self.prediction(name) for name, _ in self.others)

    @property
    def of_flops(self) -> bool:
        """Whether FLOPs are limited, so that they have to be known exactly."""
        return self.flops != OPEN

    @property
    def ranges(self) -> tuple[Range, ...]:
        """The ranges of FLOPs, of parameters, and of the further costs."""
        return self.flops, self.params, *(ends for _, ends in self.others)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the costs, in the order of `ranges`."""
        return "FLOPs", "parameters", *(name for name, _ in self.others)

    @property
    def main(self) -> int:
        """The cost that orders architectures: the first one that is limited; 0, for FLOPs, where none is."""
        return next((at for at, ends in enumerate(self.ranges) if ends != OPEN), 0)

    def counted(self, costs: Counts) -> Counts:
        """Turn rows of `Cost` fields, and the further costs behind them, into rows in the order of `ranges`.

        That is FLOPs by the convention, parameters, and further costs: shape (n, ranges).
        """
        weights = [Cost(*row).counted(self.convention) for row in np.eye(FIELDS, dtype=np.int64).tolist()]
        return np.column_stack([costs[:, :FIELDS] @ np.array(weights), costs[:, 1], costs[:, FIELDS:]])

    def keep(self, counted: Counts) -> npt.NDArray[np.bool_]:
        """Tell which rows of counted costs, of shape (n, ranges), are within the limits: shape (n,).

        A negative row belongs to a network that cannot be built, and is not.
        """
        low, high = np.array(self.ranges).T
        kept: npt.NDArray[np.bool_] = ((low <= counted) & (counted <= high) & (counted >= 0)).all(axis=1)
        return kept

    def gap(self, cost: Cost) -> tuple[float, ...]:
        """Return how far each cost lies above (positive) or below (negative) its range; 0 inside."""
        return tuple(_gap(amount, ends) for amount, ends in zip(self.amounts(cost), self.ranges, strict=True))

    def words(self, *, text: bool = False) -> str:
        """Say the limits: `FLOPs from 270 M to 330 M (multiply-adds of one image) and at most 7 M parameters`.

        `text` is whether networks read text.
        """
        said, counting = [], self.counting(text=text)
        if self.flops != OPEN:
            said.append(f"{_range_in_words('FLOPs', self.flops, self._end)} ({counting})")
        if self.params != OPEN:
            rounded = f" ({counting})" * bool(self.units)
            said.append(_range_in_words("parameters", self.params, partial(self._end, at=1)) + rounded)
        said += [self._further_in_words(name, ends) for name, ends in self.others if ends != OPEN]
        return " and ".join(said) or "no limits"

    def _end(self, amount: float, at: int = 0) -> str:
        """Write the end of a range of FLOPs or parameters: exactly, or in hidden units."""
        return self._in_units(at, amount) if self.units else in_words(amount)

    def _further_in_words(self, name: str, ends: Range) -> str:
        predicted = self.prediction(name)
        words = range_of(name, ends, predicted.objective.suffix if predicted else "")
        return f"{words}, as predicted: {predicted.words}" if predicted else words


def _gap(value: float, ends: Range) -> float:
    return min(value - ends[0], 0) + max(value - ends[1], 0)


def _range_in_words(quantity: str, ends: Range, words: Callable[[float], str]) -> str:
    low, high = ends
    if low == -inf:
        return f"at most {words(high)} {quantity}"
    if high == inf:
        return f"at least {words(low)} {quantity}"
    if low == high:
        return f"exactly {words(low)} {quantity}"
    return f"{quantity} from {words(low)} to {words(high)}"


def range_of(name: str, ends: Range, suffix: str = "") -> str:
    """Say the range of a quantity: `latency at most 5 ms`."""
    low, high = (f"{end:.12g}{suffix}" for end in ends)
    if ends[0] == -inf:
        return f"{name} at most {high}"
    if ends[1] == inf:
        return f"{name} at least {low}"
    return f"{name} from {low} to {high}"


def in_words(amount: float) -> str:
    """Write an amount without rounding it, in millions or thousands where it has as many: `330 M`, `44.8 K`, `7`."""
    unit = next((unit for unit in ("M", "K") if abs(amount) >= _UNITS[unit]), "")
    number = f"{Decimal(amount) / _UNITS[unit]:,f}"
    return f"{number.rstrip('0').rstrip('.') if '.' in number else number} {unit}".rstrip()


NO_LIMITS = Limits()
