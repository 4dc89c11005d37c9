"""Numbers as a reader needs them: with as many digits as tell them apart."""

from collections.abc import Sequence
from math import floor, log10

_KNOWN = 9  # significant digits of a number: beyond them two numbers are the same but for rounding
SHOWN = 4  # significant digits that are shown at least
_PLAIN = (1e-4, 1e9)  # sizes between which numbers are written without an exponent
_MOST = 12  # decimals


def written(values: Sequence[float], least: int | None = None, most: int = _MOST) -> list[str]:
    """Write numbers with `least` decimals, or with more, up to `most`, where it takes more to tell them apart.

    Without `least`, four digits of the largest are shown, with an exponent where that is very large or small.
    """
    known = {float(f"{value:.{_KNOWN}g}") for value in values}
    kind, first = _style(max(map(abs, known), default=0.0)) if least is None else ("f", least)
    places = range(first, max(first, most) + 1)
    enough = (at for at in places if len({f"{value:.{at}{kind}}" for value in known}) == len(known))
    decimals = next(enough, places[-1])
    return [f"{value:.{decimals}{kind}}" for value in values]


def _style(largest: float) -> tuple[str, int]:
    plain = not largest or _PLAIN[0] <= largest < _PLAIN[1]
    return ("f", _decimals(largest)) if plain else ("e", SHOWN - 1)


def _decimals(size: float) -> int:
    """Return how many decimals show four digits of a number."""
    return min(_MOST, max(0, SHOWN - 1 - floor(log10(size)))) if size else 0


def in_millions(number: float) -> str:
    """Write FLOPs or parameters in millions, small ones with more digits."""
    return f"{number / 1e6:.{2 if abs(number) >= 1e7 else 4}f} M"


def many_millions(counts: Sequence[int], least: int) -> list[str]:
    """Write FLOPs or parameters in millions; where it tells them apart, with up to four digits of the smallest."""
    smallest = min((count for count in counts if count > 0), default=0)
    return written([count / 1e6 for count in counts], least, _decimals(smallest / 1e6))
