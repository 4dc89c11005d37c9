"""Redaction: the known secrets, and their removal from texts that are written, traced, raised or printed."""

import json
import os
import re
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache, partial
from types import FunctionType, MethodType
from typing import Any

from ..errors import RunFailed
from ..printable import reason
from .escapes import Finder
from .secret_names import is_secret_name, secrets_in_urls

_SHORTEST = 6  # shorter values are placeholders such as "none", or words of prose
_DEPTH = 8  # of objects inside a model object
_SCHEMES = ("bearer", "basic", "token", "apikey", "key")  # of authorisation headers
_LONGEST_LABEL = 80  # characters
_KEY_LIKE = 16  # characters; a header's value of letters and digits is taken for a key from this length on

_PLAIN = {"builtins", "threading", "asyncio", "ssl", "logging", "types", "collections"}  # hold no settings

_kept: dict[str, str] = {}
"""The secrets of model objects and addresses, mapped to their replacements."""


def redact(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """Replace every known secret in a text, in any spelling, by the name of its variable or field."""
    return redactor(environment)(text)


def redactor(environment: Mapping[str, str] = os.environ) -> Callable[[str], str]:
    """Make a function that redacts texts of the secrets that are known now."""
    known = dict(_kept)
    for variable, value in environment.items():
        if is_secret_name(variable) or "://" in value:
            known |= _of_variable(variable, value)
    return _finder(tuple(known.items())).replace


@contextmanager
def errors_cleared() -> Iterator[None]:
    """Replace exceptions that quote a secret, since checkpoints and viewers store exceptions as they are.

    Raises: RunFailed, redacted, in the place of an exception that quotes a secret.
    """
    try:
        yield
    except Exception as error:
        said = f"{error!r} {error}"
        if redact(said) == said:
            raise
        raise RunFailed(redact(reason(error))) from None


def keep_secret(owner: object, name: str = "") -> None:
    """Remember the secrets in an object's fields, headers, URLs, clients and fallbacks, to redact all later texts."""
    _kept.update(secrets_of(owner, name))


def secrets_of(owner: object, name: str = "") -> dict[str, str]:
    """Find the secrets in an object of this name; return them mapped to their replacements."""
    found = dict(_found(owner, name, _DEPTH, set()))
    return {value: f"<{_label(field)}>" for value, field in found.items() if _is_secret(value)}


@lru_cache(512)
def _of_variable(name: str, value: str) -> dict[str, str]:
    """Find the secrets in a variable; one that holds JSON, as some providers' accounts do, is parsed."""
    found = secrets_of(value, name)
    if is_secret_name(name) and value.lstrip().startswith("{"):
        try:
            found |= secrets_of(json.loads(value), name)
        except (ValueError, RecursionError):
            return found
    return found


@lru_cache(8)
def _finder(secrets: tuple[tuple[str, str], ...]) -> Finder:
    return Finder(dict(secrets))


def _label(field: str) -> str:
    """Make a label of a field's name: of letters, digits and a few marks alone."""
    return re.sub(r"[^\w. -]", "-", field, flags=re.ASCII)[:_LONGEST_LABEL]


def _is_secret(value: str) -> bool:
    return len(value.strip()) >= _SHORTEST and not value.strip().isdigit()


def _found(value: Any, name: str, depth: int, seen: set[int]) -> Iterator[tuple[str, str]]:
    """Yield the secrets in an object, each with the name of its field."""
    if depth == 0 or id(value) in seen:
        return
    if reveal := getattr(type(value), "get_secret_value", None):
        yield from ((secret, name) for secret in _in_text(_text(reveal(value)), name, is_secret=True))
    elif isinstance(value, str | bytes):
        yield from ((secret, name) for secret in _in_text(_text(value), name, is_secret=is_secret_name(name)))
    else:
        seen.add(id(value))
        of_headers = "header" in name.lower()
        for key, inner in _parts(value):
            if of_headers and isinstance(inner, str) and _is_key_like(inner):
                yield inner, str(key)
            yield from _found(inner, str(key) or name, depth - 1, seen)


def _text(value: str | bytes) -> str:
    return (value if isinstance(value, str) else value.decode(errors="surrogateescape")).strip()


def _in_text(text: str, name: str, *, is_secret: bool) -> Iterator[str]:
    """Yield the secrets in the text of a field: in its URLs, its authorisation, or the whole text."""
    yield from secrets_in_urls(text)
    scheme, _, rest = text.partition(" ")
    basic = list(_of_basic(rest)) if scheme.lower() == "basic" else []
    if scheme.lower() in _SCHEMES and rest and " " not in rest and (is_secret or basic or _is_key_like(rest)):
        yield rest
        yield from basic
    elif is_secret:
        yield text
        if "cookie" in name.lower():
            yield from (pair.partition("=")[2] for pair in text.split(";"))


def _of_basic(credentials: str) -> Iterator[str]:
    """Yield the password in the credentials of Basic authentication."""
    try:
        yield from filter(None, [b64decode(credentials, validate=True).decode().partition(":")[2]])
    except ValueError:
        return


def _is_key_like(value: str) -> bool:
    letters = any(map(str.isalpha, value)) and any(map(str.isdigit, value))
    return letters and len(value) >= _KEY_LIKE and len(value.split()) == 1 and "://" not in value


def _parts(value: Any) -> Iterator[tuple[object, object]]:
    """Yield the named parts of an object: its items, its fields, and the variables that a function encloses."""
    if type(value).__name__ == "URL":  # httpx and yarl hide the password from all but this
        yield "", str(value)
    if isinstance(value, Mapping):
        yield from list(value.items())
    elif isinstance(value, list | tuple | set):
        yield from (("", one) for one in value)
    elif isinstance(value, FunctionType):
        yield from zip(value.__code__.co_freevars, map(_content, value.__closure__ or ()), strict=True)
    elif isinstance(value, MethodType):
        yield "", value.__self__
    elif isinstance(value, partial):
        yield from (("", value.func), ("", value.args), ("", value.keywords))
    elif type(value).__module__.partition(".")[0] not in _PLAIN:
        for holder in ("__dict__", "__pydantic_private__", "__pydantic_extra__"):
            yield from list((getattr(value, holder, None) or {}).items())
        slots = (name for cls in type(value).__mro__ for name in cls.__dict__.get("__slots__", ()))
        yield from ((name, getattr(value, name, None)) for name in slots if not name.startswith("__"))


def _content(cell: Any) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # the cell is not filled yet
        return None
