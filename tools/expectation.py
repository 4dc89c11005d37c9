"""The value that a reply says it expects of its proposal, with its standard deviation.

Impossible values are left out: an expectation never costs a reply.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

from ..spaces.objective import Objective
from ..spaces.space import SearchSpace

EXPECTATION_FIELDS = ("expected", "expected_sd")
"""The fields of a JSON object that hold it."""

_WORDS = ("expected", "expectation", "forecast", "prediction")
_LARGEST = 1e100
_NUMBER = r"[-+]?\d{1,20}(?:\.\d{1,20})?(?:e[-+]?\d{1,3})?(?![.,]?\d)"
_LINE = re.compile(
    rf"^[^\w\n]{{0,20}}(?:{'|'.join(_WORDS)})\b[^\n:=]{{0,60}}[:=][^\w\n+-]{{0,10}}"
    rf"(?P<value>{_NUMBER})[ \t]{{0,3}}(?:%|[a-z]{{1,10}}\b)?"
    rf"(?:[ \t]{{0,3}}(?:±|\+\s?/\s?-|\+-)[ \t]{{0,3}}(?P<sd>{_NUMBER})[ \t]{{0,3}}(?:%|[a-z]{{1,10}}\b)?)?",
    re.I | re.M,
)


@dataclass(frozen=True)
class Expectation:
    """An expected value and its standard deviation; None where the reply does not say it."""

    value: float | None = None
    sd: float | None = None

    def within(self, objective: Objective) -> "Expectation":
        """Return the expectation, or none at all where its value is outside the objective's bounds."""
        return NO_EXPECTATION if self.value is None or objective.outside(self.value) else self


NO_EXPECTATION = Expectation()


def is_told_apart(space: SearchSpace) -> bool:
    """Tell whether an expectation is told from the decisions of a space: none has a name like it."""
    return not any(decision.name.strip().lower().startswith(_WORDS) for decision in space.decisions)


def expectation_told(fields: Mapping[str, object]) -> Expectation:
    """Read the expectation in the fields of a JSON object."""
    return _expectation(*(fields.get(name) for name in EXPECTATION_FIELDS))


def said_in(text: str) -> tuple[str, Expectation]:
    """Return a text without its lines of the form `Expected: 92.5 ± 0.4`, and the expectation of the last one."""
    found = list(_LINE.finditer(text))
    return _LINE.sub("", text), _expectation(found[-1]["value"], found[-1]["sd"]) if found else NO_EXPECTATION


def _expectation(value: object, sd: object) -> Expectation:
    expected, spread = _number(value), _number(sd)
    if expected is None:
        return NO_EXPECTATION
    return Expectation(expected, spread if spread is not None and spread > 0 else None)


def _number(given: object) -> float | None:
    """Return a finite number, also of a text such as `92.5%`; None for anything else."""
    if isinstance(given, bool) or not isinstance(given, int | float | str):
        return None
    try:
        number = float(given[:50].strip().rstrip("%")) if isinstance(given, str) else float(given)
    except (ValueError, OverflowError):
        return None
    return number if isfinite(number) and abs(number) <= _LARGEST else None
