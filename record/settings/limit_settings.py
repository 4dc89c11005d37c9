"""The group `limits`: the costs that an architecture may have, and the treatment of one with other costs."""

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator

from ..ranges import NamedRanges, check_ranges
from .setting import Word, setting

if TYPE_CHECKING:
    from ...spaces.region import Limits

RepairMode = Literal["ask", "nearest"]
"""The answer to an architecture that breaks the limits or the space's rule: the model is asked again, or the nearest
one that keeps both is taken."""


def _end(given: Any) -> Any:
    """Write an end of a range as text, however it was given: that is how `search.json` holds it."""
    if isinstance(given, bool) or not isinstance(given, int | float | None):
        return given
    return "-" if given is None else f"{given:.0f}"


End = Annotated[Word, BeforeValidator(_end)]
_ENDS = "as in 270M 330M; - leaves an end open."


@dataclass(frozen=True)
class LimitSettings:
    """The costs that an architecture may have."""

    flops: tuple[End, End] = setting(("-", "-"), f"The range of FLOPs, {_ENDS}", metavar="LOW HIGH", rank=6)
    params: tuple[End, End] = setting(("-", "-"), f"The range of parameters, {_ENDS}", metavar="LOW HIGH", rank=7)
    convention: Literal["macs", "thop"] = setting(
        "macs",
        "How FLOPs are counted: macs, or thop, which counts batch norm too.",
        name="flops_convention",
    )
    repair: RepairMode = setting(
        "ask",
        "After a reply off the limits: ask the model again, or take the nearest architecture within them.",
    )

    others: NamedRanges = setting({}, "The ranges of further costs, which the space's own cost names.", hidden=True)

    def __post_init__(self) -> None:
        check_ranges(self.others)
        for name in ("flops", "params"):
            low, high = getattr(self, name)
            object.__setattr__(self, name, (_end(low), _end(high)))

    @property
    def ranges(self) -> "Limits":
        """The limits as numbers.

        Raises: GeniusError for a range that cannot be read.
        """
        from ...spaces.region import Limits, parse_range

        others = ((name, _numbers(*ends)) for name, ends in self.others.items())
        return Limits(parse_range(*self.flops), parse_range(*self.params), self.convention, tuple(others))


def _numbers(low: float | None, high: float | None) -> tuple[float, float]:
    return -inf if low is None else low, inf if high is None else high
