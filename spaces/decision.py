"""A decision of a search space: its options, of any type that has a name, or the levels of a range."""

import builtins
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import isclose, log10
from typing import Literal, TypeGuard, cast

import numpy as np

from ..errors import GeniusError
from ..schema import LARGEST, Scalar
from .door import check_named, is_sequence, is_text, repeated, shown

Value = Hashable
"""An option: a text, a number, True or False, None, or an object with a name, such as a class or function."""

When = tuple[str, tuple[Value, ...]]
"""The name of another decision, and those of its options under which a decision counts."""

Scale = Literal["linear", "logarithmic"]

LEVELS = 31
"""How many levels a range has where nothing else is said."""

_MOST_OPTIONS, _MOST_LEVELS = 10_000, 1_000
_WHOLE = 101  # whole numbers up to which a range has each of them as a level
_DIGITS = 4  # of a level, where so many tell it from its neighbours
_NAMED = 20  # options that a line of words names


@dataclass(frozen=True)
class Decision:
    """One choice of the search space.

    `options` are the values to choose from, `names` how they are shown: a text is its own name, a number its shortest
    decimal form, a class or function its `__name__`. Value numbers start at `first`: 0, unless the numbers have a
    meaning of their own, as the quarters of a width have. `stage` names the part of the network that the decision
    belongs to, where there are such parts. `when` names another decision and the options of it under which this one
    counts; elsewhere it is hidden, and holds its first option. `scale` is for the levels of a range, see
    `Decision.range`. `names` are the options as texts, `numbers` the option numbers that an architecture may hold here.

    Raises: GeniusError.
    """

    name: str
    options: tuple[Value, ...]
    first: int = 0
    stage: str = ""
    when: When | None = None
    scale: Scale | None = None
    names: tuple[str, ...] = field(init=False, repr=False)
    numbers: builtins.range = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_named(self.name)
        if not is_sequence(self.options) or not self.options or len(self.options) > _MOST_OPTIONS:
            raise GeniusError(
                f"the decision {self.name!r} needs a tuple of options, from 1 to {_MOST_OPTIONS:,}, got "
                f"{shown(self.options)}"
            )
        if not isinstance(self.first, int) or self.first < 0:
            raise GeniusError(
                f"the option numbers of {self.name!r} start at a whole number from 0 on, got {self.first!r}"
            )
        options = tuple(option.item() if isinstance(option, np.generic) else option for option in self.options)
        object.__setattr__(self, "options", options)
        object.__setattr__(self, "names", tuple(_name_of(option, self.name) for option in options))
        object.__setattr__(self, "numbers", builtins.range(self.first, self.first + len(options)))
        self._check_told_apart()
        if self.when is not None:
            object.__setattr__(self, "when", _condition(self.when, self.name))

    @classmethod
    def range(
        cls,
        name: str,
        low: float,
        high: float,
        *,
        log: bool = False,
        levels: int | None = None,
        step: float | None = None,
        stage: str = "",
        when: When | None = None,
    ) -> "Decision":
        """Return a decision among numbers from `low` to `high`, both included, as levels in their order.

        Levels lie `step` apart where it is given; else there are `levels` of them, by equal steps, or with `log` by
        equal factors. Without either, a range between two whole numbers has each whole number up to 101, and any other
        31 levels. Levels are whole where both ends are, and rounded to four digits or as many as tell them apart.

        Raises: GeniusError.
        """
        check_named(name)
        _check_range(name, low, high, log, levels, step)
        whole = isinstance(low, int) and isinstance(high, int) and (step is None or isinstance(step, int))
        found = _levels(low, high, log, levels, step, whole)
        options = sorted({round(level) for level in found}) if whole else _rounded(found)
        if len(options) < 2:
            raise GeniusError(f"the step of the range {name!r} leaves it one level: make it at most {high - low:g}")
        return cls(name, tuple(options), 0, stage, when, "logarithmic" if log else "linear")

    def _check_told_apart(self) -> None:
        numbers = [option for option in self.options if is_number(option)]
        if again := repeated(self.names) or repeated(str(number) for number in numbers if numbers.count(number) > 1):
            raise GeniusError(f"the decision {self.name!r} has the option {again!r} twice: give each a name of its own")

    def plain_value(self, number: int) -> Scalar:
        """Return the option of a number in plain JSON types: an object is its name."""
        option = self.options[number - self.first]
        return cast("Scalar", option) if _is_scalar(option) else self.names[number - self.first]

    @property
    def scalar(self) -> bool:
        """Whether every option is a text, a number, True, False or None, and none an object."""
        return all(map(_is_scalar, self.options))

    @property
    def plain(self) -> bool:
        """Whether every option is a text and the decision always counts: then option numbers stand for it."""
        return self.when is None and self.scale is None and all(isinstance(option, str) for option in self.options)

    @property
    def words(self) -> str:
        """The decision in a line, by option numbers: `kernel: 0 = 3×3, 1 = 5×5`."""
        options = [f"{number} = {name}" for number, name in zip(self.numbers, self.names, strict=True)]
        return f"{self.name}: {', '.join(_shortened(options) if self.scale else options)}"

    @property
    def values_in_words(self) -> str:
        """The decision in a line, by value: `lr: 0.0001 to 0.1, logarithmic, 31 levels`."""
        condition = f"; counts only where {self.condition}" if self.when else ""
        if self.scale is None:
            return f"{self.name}: {self.allowed}{condition}"
        kind = "logarithmic, " if self.scale == "logarithmic" else ""
        return f"{self.name}: {self.allowed}, {kind}{len(self.options)} levels{condition}"

    @property
    def allowed(self) -> str:
        """The values that can be chosen: `0.0001 to 0.1`, or `sgd, adam`."""
        return f"{self.names[0]} to {self.names[-1]}" if self.scale else ", ".join(_shortened(list(self.names)))

    @property
    def condition(self) -> str:
        """Where the decision counts, in words: `optimizer is sgd`; empty where it always does."""
        if self.when is None:
            return ""
        parent, options = self.when
        return f"{parent} is {' or '.join(_shortened([_name_of(option, parent) for option in options]))}"


def _is_scalar(option: object) -> bool:
    return option is None or isinstance(option, bool | int | float | str)


def is_number(value: object) -> TypeGuard[int | float]:
    """Tell a number from everything else; True and False are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def same(option: Value, other: Value) -> bool:
    """Tell whether two options are one: numbers by their value, and anything else by type and value."""
    if is_number(option) and is_number(other):
        return option == other
    return type(option) is type(other) and option == other


def number_near(value: float, decision: Decision) -> tuple[int, bool] | None:
    """Return the option number of a number, and whether it is the option exactly; None where no option is near it.

    Between two levels of a range the nearer one is taken, by factors where the range is logarithmic.
    """
    known = [(n, option) for n, option in zip(decision.numbers, decision.options, strict=True) if is_number(option)]
    exact = [n for n, option in known if option == value] or [n for n, option in known if isclose(value, option)]
    if exact:
        return exact[0], True
    levels = [option for option in decision.options if is_number(option)]
    if decision.scale is None or not levels[0] <= value <= levels[-1]:
        return None
    scaled = log10 if decision.scale == "logarithmic" else float
    return decision.first + int(np.argmin([abs(scaled(level) - scaled(value)) for level in levels])), False


def _is_finite(number: float) -> bool:
    return abs(number) <= LARGEST


def _name_of(option: object, decision: str) -> str:
    """Return how an option is shown.

    Raises: GeniusError where it has no name.
    """
    if is_number(option) and not _is_finite(option):
        raise GeniusError(f"the decision {decision!r} has the option {shown(option)}: numbers are finite, up to 1e100")
    if isinstance(option, float):
        return repr(int(option)) if option.is_integer() and abs(option) < 1e15 else repr(option)
    if option is None or isinstance(option, bool | int):
        return str(option)
    name = option if isinstance(option, str) else getattr(option, "__name__", None)
    if not is_text(name):
        raise GeniusError(
            f"the decision {decision!r} needs options that have a name, got {shown(option)}: take texts, numbers, "
            "True, False, None, or classes and functions"
        )
    return name


def _condition(when: object, decision: str) -> When:
    """Return a condition as a name and a tuple of options.

    Raises: GeniusError.
    """
    if not is_sequence(when) or len(when) != 2 or not is_text(when[0]):
        raise GeniusError(
            f"the condition of {decision!r} is (the name of another decision, its options), got {shown(when)}"
        )
    parent, listed = when
    options = tuple(listed) if is_sequence(listed) else (listed,)
    if not options:
        raise GeniusError(f"the condition of {decision!r} names no option of {parent!r}: it would never count")
    return str(parent), options


def _check_range(name: str, low: object, high: object, log: bool, levels: object, step: object) -> None:
    ends = f"the range {name!r} goes from {shown(low)} to {shown(high)}"
    if not (is_number(low) and is_number(high) and _is_finite(low) and _is_finite(high)):
        raise GeniusError(f"{ends}: both ends are numbers, up to 1e100")
    if not low < high:
        raise GeniusError(f"{ends}: its low end is to be below its high end")
    if log and low <= 0:
        raise GeniusError(f"{ends}: a logarithmic range begins above 0")
    if levels is not None and step is not None:
        raise GeniusError(f"the range {name!r} has levels and a step: give one of them")
    if levels is not None and not (type(levels) is int and 2 <= levels <= _MOST_LEVELS):
        raise GeniusError(f"the range {name!r} has from 2 to {_MOST_LEVELS:,} levels, got {shown(levels)}")
    if step is not None and log:
        raise GeniusError(f"the logarithmic range {name!r} has no step: give its levels")
    if step is not None and not (is_number(step) and _is_finite(step) and step > 0):
        raise GeniusError(f"the step of the range {name!r} is a number above 0, got {shown(step)}")
    if step is not None and (high - low) / step >= _MOST_LEVELS:
        raise GeniusError(f"the step of the range {name!r} makes more than {_MOST_LEVELS:,} levels, got {shown(step)}")


def _levels(low: float, high: float, log: bool, levels: int | None, step: float | None, whole: bool) -> Sequence[float]:
    if step is not None:
        return [low + place * step for place in range(int((high - low) / step + 1e-9) + 1)]
    if whole and levels is None and not log and high - low < _WHOLE:
        return range(int(low), int(high) + 1)
    count = levels or LEVELS
    between = np.geomspace(low, high, count) if log else np.linspace(low, high, count)
    return [low, *between[1:-1].tolist(), high]


def _rounded(levels: Sequence[float]) -> list[float]:
    """Round levels to as few digits as tell them apart; the ends stay as they are."""
    for digits in range(_DIGITS, 18):
        inner = [float(f"{level:.{digits}g}") for level in levels[1:-1]]
        found = [float(levels[0]), *inner, float(levels[-1])]
        if all(low < high for low, high in pairwise(found)):
            return found
    return sorted(set(map(float, levels)))


def _shortened(words: list[str]) -> list[str]:
    if len(words) <= _NAMED:
        return words
    return [*words[: _NAMED - 1], f"… {len(words) - _NAMED} more …", words[-1]]


class ByValue:
    """A function of a space's values, as a function of its architectures."""

    def __init__(self, function: Callable[..., object], values: Callable[[tuple[int, ...]], dict[str, Value]]) -> None:
        self.func, self._values = function, values
        self.__wrapped__ = function  # its signature is that of the function

    def __call__(self, architecture: tuple[int, ...], **told: object) -> object:
        """Call the function with the values of an architecture."""
        return self.func(self._values(architecture), **told)
