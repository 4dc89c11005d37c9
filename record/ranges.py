"""Ranges of metrics or costs by name, as a search is given limits."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import Field

from ..errors import GeniusError
from ..printable import brief
from ..schema import LARGEST, Number, Title

_End = Number | None
NamedRanges = Annotated[dict[Title, tuple[_End, _End]], Field(max_length=20)]
"""The lowest and the highest value of metrics or costs by name, None where that end is open."""


def check_ranges(ranges: NamedRanges) -> None:
    """Make sure that no range is empty.

    Raises: GeniusError.
    """
    for name, (low, high) in ranges.items():
        if low is not None and high is not None and low > high:
            raise GeniusError(f"the limits of {brief(name)} from {low:g} to {high:g} hold nothing")


def _is_finite(end: object) -> bool:
    return isinstance(end, int | float) and not isinstance(end, bool) and abs(end) <= LARGEST


def read_limits(given: Mapping[str, Sequence[float | None]]) -> NamedRanges:
    """Read limits on metrics or costs by name, as in {"latency_ms": (None, 5)}.

    Raises: GeniusError.
    """
    found = {}
    for name, ends in given.items():
        if len(ends) != 2 or not all(end is None or _is_finite(end) for end in ends):
            raise GeniusError(f"the limits of {brief(name)} are its lowest and highest value, or None, got {ends!r}")
        low, high = (None if end is None else float(end) for end in ends)
        found[name] = (low, high)
    return found
