"""How many ways there are to choose one value of each layer so that the sum lies in a range, exactly."""

from collections.abc import Sequence
from math import gcd, prod

import numpy as np
import numpy.typing as npt

from .limits import Range

# Two primes below 2^61: counts up to their product, 2^122, are exact, and eight residues add up without an overflow.
_PRIMES = (2**61 - 1, 2**61 - 31)
_SUMMANDS = 7  # residues that are added to another one before the remainder is taken
_LONGEST = 20_000_000  # entries of a table of sums: beyond it a count takes minutes, not seconds
_QUICK = 100_000_000  # additions that take less than a second


def count_sums(layers: Sequence[npt.NDArray[np.int64]], ends: Range, *, quick: bool = False) -> int | None:
    """Count the ways to choose one value of each layer so that the sum lies in a range.

    Dynamic programming over the layers: how many ways lead to each sum, in units of the values' greatest common
    divisor. None where there are too many sums, also for a `quick` count, or 2^122 choices and more.
    """
    if prod(map(len, layers)) >= prod(_PRIMES):
        return None
    lowest = sum(int(layer.min()) for layer in layers)
    above = [[int(value - layer.min()) for value in layer] for layer in layers]
    unit = gcd(*(value for layer in above for value in layer)) or 1
    steps = [[value // unit for value in layer] for layer in above]
    reach = sum(map(max, steps))
    first, last = max(0, -(-(ends[0] - lowest) // unit)), min(reach, (ends[1] - lowest) // unit)
    if first > last:
        return 0
    if last > (_QUICK // sum(map(len, steps)) if quick else _LONGEST):
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
