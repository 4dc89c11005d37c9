"""Secrets: which there are, and texts cleared of them, before they are written, sent to a viewer or raised."""

import json
import os
import re
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote, quote_plus

from pydantic import SecretBytes, SecretStr

_NAMES = {"KEY", "APIKEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "AUTHORIZATION", "COOKIE", "CREDENTIALS"}
_SHORTEST = 6  # shorter values are placeholders such as "none", and words of prose; numbers are no keys either
_DEPTH = 8  # of objects inside a model object

_PLAIN = {"builtins", "threading", "asyncio", "ssl", "logging", "types", "collections"}  # hold no settings

_of_objects: dict[str, str] = {}
"""The secrets of model objects that were passed from Python, by value, with what takes their place in a text."""


def redact(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """Replace every known secret in a text, however it is escaped, by the name of its variable or field."""
    return redactor(environment)(text)


def redactor(environment: Mapping[str, str] = os.environ) -> Callable[[str], str]:
    """Return what redacts many texts, of the secrets that are known now."""
    named = {value: f"<{name}>" for name, value in environment.items() if is_secret_name(name) and _is_secret(value)}
    secrets = sorted((named | _of_objects).items(), key=lambda pair: -len(pair[0]))
    forms = [(form, name) for value, name in secrets for form in _forms(value)]

    def clear(text: str) -> str:
        for form, name in forms:
            text = text.replace(form, name)
        return text

    return clear


def keep_secret(model: object) -> None:
    """Clear all later texts of the secrets that a model object holds: in its fields, headers, clients and fallbacks."""
    for name, value in _found(model, "", _DEPTH, set()):
        if _is_secret(value):
            _of_objects[value] = f"<{name}>"


@lru_cache(4096)
def is_secret_name(name: str) -> bool:
    """Tell whether a variable, a field or a header of this name holds a secret."""
    return not _NAMES.isdisjoint(re.split(r"[^A-Z0-9]+", name.upper()))


def _is_secret(value: str) -> bool:
    return len(value.strip()) >= _SHORTEST and not value.strip().isdigit()


@lru_cache(256)
def _forms(value: str) -> set[str]:
    """Write a secret as it may stand in a text: as it is, stripped, and escaped for JSON, Python, a URL or a header."""
    plain = {value, value.strip()}
    forms = set(plain)
    for one in plain:
        forms |= {json.dumps(one)[1:-1], repr(one)[1:-1], quote(one, ""), quote_plus(one)}
        forms.add(b64encode(one.encode(errors="surrogateescape")).decode())
    return forms


def _found(value: Any, name: str, depth: int, seen: set[int]) -> Iterator[tuple[str, str]]:
    """Go through the secrets in an object, each with its field's name."""
    if depth == 0 or id(value) in seen:
        return
    if isinstance(value, str):
        if is_secret_name(name):
            yield name, value.rpartition(" ")[2] if value.startswith(("Bearer ", "Basic ")) else value
        return
    if isinstance(value, SecretStr | SecretBytes):
        secret = value.get_secret_value()
        yield name, secret if isinstance(secret, str) else secret.decode(errors="surrogateescape")
        return
    seen.add(id(value))
    for key, inner in _parts(value):
        yield from _found(inner, str(key) or name, depth - 1, seen)


def _parts(value: Any) -> Iterator[tuple[object, object]]:
    """Go through what an object is made of: items, fields, and what a provider's client holds."""
    if isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, list | tuple | set):
        yield from (("", one) for one in value)
    elif type(value).__module__.partition(".")[0] not in _PLAIN:
        yield from list(getattr(value, "__dict__", {}).items())
