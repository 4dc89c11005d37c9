"""What others hand over, as plain JSON types: numbers of whatever library, and texts of whatever length."""

from math import inf, isfinite

from ..printable import named, one_line, reason
from ..schema import LARGEST


class BadValue(ValueError):
    """A value of another type or range than is expected; says which field, and what was given."""


def number(name: str, value: object, least: float = -inf, expected: str = "a finite number") -> float:
    """Return a real number of any type as a float: also those of NumPy, arrays and tensors of one element, fractions.

    Raises: BadValue for everything else: text, truth values, complex numbers, NaN, infinity, and what is below `least`.
    """
    plain = _item(value)
    try:
        found = float(plain) if _is_real(plain) else None  # type: ignore[arg-type]  # by __float__ or __index__
    except Exception:  # whatever another library's conversion raises: the value is named
        found = None
    if found is None or not abs(found) <= LARGEST or found < least:
        bound = f" from {least:g} on" if isfinite(least) else ""
        raise BadValue(f"expected {expected}{bound}, got {named(value)} as {name}")
    return found


def whole(name: str, value: object, least: int = 1) -> int:
    """Return a whole number of any type as an int.

    Raises: BadValue.
    """
    found = number(name, value, least, "a whole number")
    if not found.is_integer():
        raise BadValue(f"expected a whole number, got {named(value)} as {name}")
    return int(found)


def text(value: object, length: int) -> str:
    """Return a text, an exception or bytes as one printable line of at most `length` characters."""
    if isinstance(value, BaseException):
        value = reason(value)
    elif isinstance(value, bytes):
        value = value.decode(errors="backslashreplace")
    return one_line(str(value), length)


def _item(value: object) -> object:
    """Return what stands in a NumPy scalar, or in an array or a tensor of one element; else the value itself."""
    item = getattr(value, "item", None)
    if not callable(item):
        return value
    try:
        found: object = item()
    except Exception:  # it has more than one element, or none, or is no array at all
        return value
    return found


def _is_real(value: object) -> bool:
    """Tell whether a value converts to a number by its own methods; text does not, and truth values may not."""
    return not isinstance(value, bool) and (hasattr(value, "__float__") or hasattr(value, "__index__"))
