"""Limits on what an architecture may cost, and how many architectures of a space keep them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import gcd, inf, prod
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import GeniusError
from .cost import CONVENTIONS, FIELDS, Convention, Cost
from .space import ENUMERABLE, SearchSpace

Range = tuple[float, float]
"""The lowest and the highest value allowed, both included; infinite where that end is open."""

OPEN: Range = (-inf, inf)
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}
# Two primes below 2^61: counts up to their product, 2^122, are exact, and eight residues add up without an overflow.
_PRIMES = (2**61 - 1, 2**61 - 31)
_SUMMANDS = 7  # residues that are added to another one before the remainder is taken
_LONGEST = 20_000_000  # entries of a table of sums: beyond it a count takes minutes, not seconds


def parse_range(low: str, high: str) -> Range:
    """Read the two ends of a range, as in `270M 330M`; a `-` leaves an end open.

    Raises: GeniusError for what is no number, and for a range that holds nothing.
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
    """How far a cost lies above (positive) or below (negative) what is allowed; 0 inside."""

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


def extremes(space: SearchSpace, convention: Convention) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Return the smallest and largest FLOPs and the smallest and largest parameters of a space.

    None where the space is too large to list and its parts depend on several decisions each, or where no network can
    be built. What a rule forbids in a space that is too large to list is not left out.
    """
    if space.size <= ENUMERABLE:
        costs = counted(space.costs(list(space.architectures())), convention)
        costs = costs[keeping(NO_LIMITS, costs)]
        if not len(costs):
            return None
        return tuple((int(column.min()), int(column.max())) for column in costs.T)  # type: ignore[return-value]
    if (found := layers(space, convention)) is None:
        return None
    low, high = sum(layer.min(axis=0) for layer in found), sum(layer.max(axis=0) for layer in found)
    return (int(low[0]), int(high[0])), (int(low[1]), int(high[1]))


def count_allowed(space: SearchSpace, limits: Limits) -> int | None:
    """Count the architectures that keep the limits, exactly: by listing them, or by adding up layer after layer.

    None where neither can be done: a large space whose parts depend on several decisions, that has a rule or both
    limits set, or one of more than 2^122 architectures.
    """
    if space.size <= ENUMERABLE:
        costs = counted(space.costs(list(space.architectures()), strict=limits.of_flops), limits.convention)
        return int(keeping(limits, costs).sum())
    if space.valid is not None or (space.conditions and limits.limited):
        return None
    limited = [at for at, ends in enumerate(_both(limits)) if ends != OPEN]
    found = layers(space, limits.convention)
    if not limited:
        return space.count
    if found is None or len(limited) > 1 or space.size >= prod(_PRIMES):
        return None
    return _count_sums([layer[:, limited[0]] for layer in found], _both(limits)[limited[0]])


def _both(limits: Limits) -> tuple[Range, Range]:
    return limits.flops, limits.params


def counted(costs: npt.NDArray[np.int64], convention: Convention) -> npt.NDArray[np.int64]:
    """Turn rows of `Cost` fields into FLOPs by a convention, and parameters: shape (n, 2)."""
    weights = [Cost(*row).counted(convention) for row in np.eye(FIELDS, dtype=np.int64).tolist()]
    return np.stack([costs @ np.array(weights), costs[:, 1]], axis=1)


def keeping(limits: Limits, costs: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Tell which of the FLOPs and parameters, of shape (n, 2), keep the limits: shape (n,).

    What is negative belongs to a network that cannot be built, and keeps none.
    """
    low, high = np.array(_both(limits)).T
    kept: npt.NDArray[np.bool_] = ((low <= costs) & (costs <= high) & (costs >= 0)).all(axis=1)
    return kept


def layers(space: SearchSpace, convention: Convention) -> list[npt.NDArray[np.int64]] | None:
    """Return what each option of each decision adds: arrays of shape (options, 2), whose sums are the costs.

    None where a part depends on several decisions, or a decision counts only under another.
    """
    if not space.parts or space.conditions or any(len(part.decisions) > 1 for part in space.parts):
        return None
    base = [decision.numbers[0] for decision in space.decisions]
    fixed = counted(space.costs([base]), convention)[0]
    found = []
    for at, decision in enumerate(space.decisions):
        variants = [[*base[:at], option, *base[at + 1 :]] for option in decision.numbers]
        found.append(counted(space.costs(variants), convention) - fixed)
    found[0] = found[0] + fixed
    return found


def _count_sums(layers: Sequence[npt.NDArray[np.int64]], ends: Range) -> int | None:
    """Count the ways to choose one value of each layer so that the sum lies in a range.

    Dynamic programming over the layers: how many ways lead to each sum, in units of the values' greatest common
    divisor. None where there are too many sums.
    """
    lowest = sum(int(layer.min()) for layer in layers)
    above = [[int(value - layer.min()) for value in layer] for layer in layers]
    unit = gcd(*(value for layer in above for value in layer)) or 1
    steps = [[value // unit for value in layer] for layer in above]
    reach = sum(map(max, steps))
    first, last = max(0, -(-(ends[0] - lowest) // unit)), min(reach, (ends[1] - lowest) // unit)
    if first > last:
        return 0
    if last > _LONGEST:
        return None
    residues = [_total(_ways(steps, int(last), prime)[int(first) :], prime) for prime in _PRIMES]
    return _number_with(residues)


def _ways(steps: Sequence[Sequence[int]], last: int, prime: int) -> npt.NDArray[np.uint64]:
    """Return how many ways lead to each sum from 0 to `last`, modulo a prime."""
    ways = np.zeros(last + 1, dtype=np.uint64)
    ways[0] = 1
    for layer in steps:
        longer = np.zeros_like(ways)
        for number, step in enumerate(layer, start=1):
            if step <= last:
                longer[step:] += ways[: last + 1 - step]
            if number % _SUMMANDS == 0:
                longer %= np.uint64(prime)
        ways = longer % np.uint64(prime)
    return ways


def _total(residues: npt.NDArray[np.uint64], prime: int) -> int:
    """Add residues up modulo a prime, in two halves of their bits, so that nothing overflows."""
    low, high = residues & np.uint64(0xFFFFFFFF), residues >> np.uint64(32)
    return (int(low.sum()) + (int(high.sum()) << 32)) % prime


def _number_with(residues: Sequence[int]) -> int:
    """Return the number below the product of the two primes that leaves these residues."""
    first, second = _PRIMES
    return residues[0] + first * ((residues[1] - residues[0]) * pow(first, -1, second) % second)
