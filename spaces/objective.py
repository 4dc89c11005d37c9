"""Objectives: a quantity that a search measures, which way is better, and the bounds it has, if any."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from math import ceil, inf, log10
from typing import Annotated, Literal, cast, get_args

from pydantic import Field

from ..errors import GeniusError
from ..plugins import Plugins
from ..printable import brief, named
from ..python_files import split_file
from ..schema import CLOSED, LARGEST, Number, Title
from .figures import SHOWN, written

Unit = Annotated[str, Field(strict=True, max_length=20, pattern=r"^[^\x00-\x1f]*$")]
Better = Literal["higher", "lower"]


@dataclass(frozen=True)
class Objective:
    """A quantity that is measured: its name, its unit, which way is better, and its bounds; None is an open end.

    Raises: GeniusError for fields that make no objective.
    """

    __pydantic_config__ = CLOSED

    name: Title
    unit: Unit = ""
    better: Better = "higher"
    low: Number | None = None
    high: Number | None = None

    def __post_init__(self) -> None:
        _check_words(self)
        for field in ("low", "high"):
            end = getattr(self, field)
            if end is not None and (
                isinstance(end, bool) or not isinstance(end, int | float) or not abs(end) <= LARGEST
            ):
                raise GeniusError(f"the {field} end of {self.name} is a finite number or None, got {named(end)}")
            object.__setattr__(self, field, None if end is None else float(end))
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise GeniusError(f"{self.name} lies between a low and a higher end, got {self.low:g} and {self.high:g}")

    @property
    def words(self) -> str:
        """The name, the unit and the direction, as in `latency in ms, lower is better`."""
        unit = f" in {self.unit}" if self.unit else ""
        return f"{self.name}{unit}, {self.better} is better"

    @property
    def label(self) -> str:
        """The name with its unit, as an axis has it."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    @property
    def titles(self) -> tuple[str, str]:
        """The names of a value and of a test value in JSON and in files: those of accuracy, or general ones."""
        return ("accuracy", "test_accuracy") if self == ACCURACY else ("value", "test_value")

    @property
    def plural(self) -> str:
        """A word for several values."""
        return "accuracies" if self == ACCURACY else "values"

    @property
    def ends(self) -> str:
        """The bounds in words, as in `from 0 to 100`; empty without any."""
        words = [] if self.low is None else [f"from {self.low:g}"]
        return " ".join(words if self.high is None else [*words, f"to {self.high:g}"])

    @property
    def suffix(self) -> str:
        """The unit as it stands behind a number."""
        return self.unit if self.unit in ("", "%") else f" {self.unit}"

    def utility(self, value: float) -> float:
        """Return a value as the guide sees it: higher is better. The utility of a utility is the value again."""
        return value if self.better == "higher" else -value

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the highest utility there is; infinite where that end is open."""
        low = -inf if self.low is None else self.low
        high = inf if self.high is None else self.high
        return (low, high) if self.better == "higher" else (-high, -low)

    def better_of(self, value: float, other: float) -> float:
        """Return the better one of two values."""
        return max(value, other, key=self.utility)

    def outside(self, value: float) -> str | None:
        """Say how a value lies outside the bounds, and name the way out; None where it does not."""
        if (self.low is None or value >= self.low) and (self.high is None or value <= self.high):
            return None
        allowed = " ".join(filter(None, [self.name, "lies", self.ends, self.unit]))
        mend = "name the measured quantity, as in evaluate.objective = genius.Objective('score')"
        return f"{allowed}, got {value:g}: {mend}"

    def text(self, value: float, among: Iterable[float] = ()) -> str:
        """Write a value with its unit, and with as many digits as tell it from others."""
        return self.texts([value, *among])[0]

    def texts(self, values: Sequence[float]) -> list[str]:
        """Write values with their unit, and with as many digits as tell them apart."""
        return [f"{number}{self.suffix}" for number in self.numbers(values)]

    def numbers(self, values: Sequence[float]) -> list[str]:
        """Write values without their unit, with as many digits as tell them apart."""
        return written(values, self._decimals)

    def near(self, value: float, sd: float) -> str:
        """Write a value with its standard deviation, without the unit."""
        return " ± ".join(written([value, sd], self._decimals, 0))

    def change(self, difference: float, sd: float) -> str:
        """Write a difference of two values with its sign and standard deviation, without the unit."""
        return ("+" if difference >= 0 else "") + self.near(difference + 0.0, sd)

    @property
    def _decimals(self) -> int | None:
        """The decimals that are shown at least: four digits of the range, where there are bounds."""
        if self.low is None or self.high is None:
            return None
        return max(0, SHOWN - ceil(log10(self.high - self.low)))


def _check_words(objective: Objective) -> None:
    name, unit, better = objective.name, objective.unit, objective.better
    if not isinstance(name, str) or not name.strip() or name != brief(name) or len(name) > 60:
        raise GeniusError(f"an objective is named by a short text, got {brief(repr(name))}")
    if not isinstance(unit, str) or unit != brief(unit) or len(unit) > 20:
        raise GeniusError(f"the unit of {name} is a short text, as in ms, got {brief(repr(unit))}")
    if better not in ("higher", "lower"):
        raise GeniusError(f"of {name} the higher or the lower is better: write one of these, got {brief(repr(better))}")


ACCURACY = Objective("accuracy", "%", "higher", 0, 100)
TOP5 = Objective("top5", "%", "higher", 0, 100)
BITS_PER_CHARACTER = Objective("bits per character", "", "lower", 0)
SCORE = Objective("score")
FLOPS = Objective("flops", "", "lower", 0)
PARAMS = Objective("params", "", "lower", 0)
LATENCY = Objective("latency", "ms", "lower", 0)
MEMORY = Objective("memory", "MB", "lower", 0)
OBJECTIVES = Plugins[Objective](
    "objective",
    {
        objective.name: objective
        for objective in (ACCURACY, TOP5, BITS_PER_CHARACTER, SCORE, FLOPS, PARAMS, LATENCY, MEMORY)
    },
    lambda value: value if isinstance(value, Objective) else None,
    "a genius.Objective",
    own="NAME:higher or NAME:lower, or as MODULE:NAME or FILE.py:NAME",
)
"""The objectives by name."""


def get_objective(named_by: str | Objective) -> Objective:
    """Return an objective by its name; `NAME:higher` and `NAME:lower` make one, an objective itself stays as it is.

    Raises: GeniusError for an unknown name.
    """
    if not isinstance(named_by, str):
        return OBJECTIVES.take(named_by)
    name, _, better = named_by.rpartition(":")
    if better not in get_args(Better) or split_file(named_by) is not None:
        try:
            return OBJECTIVES.find(named_by)
        except GeniusError as error:
            near = get_close_matches(better, get_args(Better), 1) if name else []
            raise GeniusError(f"{error}; did you mean {brief(name)}:{near[0]}?" if near else str(error)) from error
    known = OBJECTIVES.known(name)
    if known is not None and known.better != better:
        raise GeniusError(
            f"of {name} the {known.better} is better, got {brief(named_by)!r}: give your own another name"
        )
    return known or Objective(name, better=cast("Better", better))
