"""Conversion of other libraries' values to plain JSON types: numbers of any type, and texts of any length."""

from math import inf, isfinite

from ..printable import named, one_line, reason
from ..schema import LARGEST


class BadValue(ValueError):
    """A value of an unexpected type or range; the message names the field and the value."""


def number(name: str, value: object, least: float = -inf, expected: str = "a finite number") -> float:
    """Convert a real number of any type to a float: NumPy scalars, fractions, and arrays or tensors of one element.

    Raises: BadValue for text, truth values, complex numbers, NaN, infinity, and numbers below `least`.
    """
    found = real(value)
    if found is None or not abs(found) <= LARGEST or found < least:
        bound = f" from {least:g} on" if isfinite(least) else ""
        raise BadValue(f"expected {expected}{bound}, got {named(value)} as {name}")
    return found


def real(value: object) -> float | None:
    """Convert a real number of any type, NaN and infinity too; None for anything else, text and truth values too."""
    plain = _item(value)
    try:
        return float(plain) if _is_real(plain) else None  # type: ignore[arg-type]  # by __float__ or __index__
    except Exception:  # another library's conversion may raise anything
        return None


def whole(name: str, value: object, least: int = 1) -> int:
    """Convert a whole number of any type to an int.

    Raises: BadValue.
    """
    found = number(name, value, least, "a whole number")
    if not found.is_integer():
        raise BadValue(f"expected a whole number, got {named(value)} as {name}")
    return int(found)


def text(value: object, length: int) -> str:
    """Convert a text, an exception or bytes to one printable line of at most `length` characters."""
    if isinstance(value, BaseException):
        value = reason(value)
    elif isinstance(value, bytes):
        value = value.decode(errors="backslashreplace")
    return one_line(str(value), length)


def _item(value: object) -> object:
    """Return the element of a NumPy scalar, or of an array or tensor of one element; else the value itself."""
    item = getattr(value, "item", None)
    if not callable(item):
        return value
    try:
        found: object = item()
    except Exception:  # it has several elements or none, or is no array
        return value
    return found


def _is_real(value: object) -> bool:
    """Tell whether a value's type converts it to a number; text has no such methods, and truth values are refused."""
    return not isinstance(value, bool) and (hasattr(value, "__float__") or hasattr(value, "__index__"))
