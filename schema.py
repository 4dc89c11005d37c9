"""Schemas of the records in files: dataclasses, whose annotations give the types and bounds of fields.

A file that a stranger wrote keeps its schema, or is refused in one line.
"""

import reprlib
from functools import cached_property
from typing import Annotated, Any, Generic, TypeVar, cast

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from .printable import brief, named

_Record = TypeVar("_Record")

LARGEST = 1e100
"""The largest number that counts as finite; its square is finite, too."""
LARGEST_WHOLE = 2**53
"""The largest whole number: up to it, each has a float of its own."""
_LONGEST = 1_000_000  # characters: a reply is kept with up to 62,000, and a prompt may hold several

Whole = Annotated[int, Field(strict=True, ge=0, le=LARGEST_WHOLE)]
"""A whole number from 0."""
Count = Annotated[int, Field(strict=True, ge=1, le=LARGEST_WHOLE)]
"""A whole number from 1."""
Number = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-LARGEST, le=LARGEST)]
"""A finite number."""
Amount = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=LARGEST)]
"""A finite number from 0."""
Flag = Annotated[bool, Field(strict=True)]
Text = Annotated[str, Field(strict=True, max_length=_LONGEST)]
Name = Annotated[str, Field(strict=True, max_length=4_096, pattern=r"^[^\x00]*$")]
"""A text that may name a file."""
Title = Annotated[str, Field(strict=True, min_length=1, max_length=60, pattern=r"^[^\x00-\x1f]*$")]
"""The name of a quantity."""
Scalar = Flag | Annotated[int, Field(strict=True)] | Number | Text | None
"""A value of plain JSON types that holds no others."""
Numbers = Annotated[tuple[Whole, ...], Field(max_length=100_000, fail_fast=True)]
"""The options of an architecture."""

CLOSED = ConfigDict(extra="forbid")
"""The `__pydantic_config__` of a record that refuses unknown fields, in itself and in nested records."""


class BadRecord(ValueError):
    """A record that breaks its schema; the message names the field, the rule and the value in one line."""


class Schema(Generic[_Record]):
    """The schema of a kind of record: a dataclass, or another type that pydantic reads."""

    def __init__(self, kind: Any) -> None:
        self._kind = kind

    @cached_property
    def _adapter(self) -> TypeAdapter[_Record]:
        return TypeAdapter(self._kind)  # takes some 20 ms, and not every command reads records

    def read(self, content: bytes | str) -> _Record:
        """Read a record from JSON.

        Raises: BadRecord.
        """
        try:
            return self._adapter.validate_json(content)
        except ValidationError as error:
            raise BadRecord(_words(error)) from None

    def take(self, value: object, name: str = "") -> _Record:
        """Read a record from plain types in memory, as `plain` returns them; an error calls it by its `name`.

        Raises: BadRecord.
        """
        try:
            return self._adapter.validate_python(value)
        except ValidationError as error:
            raise BadRecord(_words(error, name)) from None

    def plain(self, record: _Record) -> dict[str, object]:
        """Convert a record to plain JSON types."""
        return cast("dict[str, object]", self._adapter.dump_python(record, mode="json", warnings=False))


_RULES = {
    "greater_than_equal": "at least {ge:g}",
    "greater_than": "more than {gt:g}",
    "less_than_equal": "at most {le:g}",
    "less_than": "less than {lt:g}",
    "literal_error": "{expected}",
    "string_too_long": "text of at most {max_length:,} characters",
    "string_pattern_mismatch": "text without characters that no name can have",
    "too_long": "a list of at most {max_length:,}",
    "too_short": "a list of at least {min_length}",
    "finite_number": "a finite number",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "text",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "an object",
    "dataclass_type": "an object",
}


def _words(error: ValidationError, name: str = "") -> str:
    """Describe the first error; `name` is that of the record."""
    first = error.errors(include_url=False)[0]
    place = ".".join(filter(None, [name, *map(str, first["loc"])]))
    kind, told = first["type"], first.get("ctx", {})
    if kind == "json_invalid":
        return brief(f"it is no JSON: {told['error']}")
    if kind in ("unexpected_keyword_argument", "extra_forbidden"):
        return brief(f"it has fields of another version: {place}")
    if kind in ("missing", "missing_argument"):
        return f"{place} is missing"
    rule = _RULES[kind].format(**told) if kind in _RULES else first["msg"]
    given = first["input"]
    shown = brief(reprlib.repr(given)) if type(given) in (int, float, str) else named(given)
    return f"{brief(place) or 'a record'} must be {rule}, got {shown}"
