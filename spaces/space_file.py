"""A search space as a file: YAML, JSON or TOML, which is read and never run."""

import json
import re
import tomllib
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from ..errors import GeniusError
from ..printable import brief, said_by
from ..schema import CLOSED, BadRecord, Schema, Text
from .mapping import space_of
from .space import SearchSpace

_LARGEST = 2**20  # bytes
_KEYS = ("name", "words", "decisions")


@dataclass(frozen=True)
class _SpaceFile:
    """The fields of a file: `words` describe the task for a model."""

    __pydantic_config__ = CLOSED

    decisions: dict[Text, Any]
    name: Text = ""
    words: Text = ""


_FILE = Schema[_SpaceFile](_SpaceFile)


def is_space_file(name: str) -> bool:
    """Tell whether a name is that of a file that describes a space, by its ending."""
    return PurePath(name).suffix.lower() in _READERS


def read_space(path: Path) -> SearchSpace:
    """Read a space from a file; without a `name` it is named after the file.

    Raises: GeniusError in one line, with the key.
    """
    try:
        told = _FILE.take(_fields(path))
        return space_of(told.decisions, told.name or path.stem, told.words)
    except (BadRecord, GeniusError) as error:
        raise GeniusError(f"{path}: {error}") from None


def _fields(path: Path) -> dict[object, object]:
    read = _READERS[path.suffix.lower()]
    try:
        found = read(_text(path))
    except OSError as error:
        raise GeniusError(f"the file cannot be read: {error.strerror}") from error
    except RecursionError as error:
        raise GeniusError("it is nested too deep") from error
    except (ValueError, OverflowError) as error:
        raise GeniusError(f"it cannot be read as {path.suffix[1:].upper()}: {_place(error)}") from error
    if not isinstance(found, dict):
        raise GeniusError(f"a space is given by the keys {', '.join(_KEYS)}, got {brief(repr(found))}")
    if unknown := [key for key in found if key not in _KEYS]:
        raise GeniusError(f"it has the unknown key {brief(repr(unknown[0]))}; keys are {', '.join(_KEYS)}")
    return found


def _text(path: Path) -> str:
    if not path.is_file():
        raise GeniusError("there is no such file")
    with path.open("rb") as file:
        content = file.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise GeniusError(f"it has more than {_LARGEST:,} bytes")
    return content.decode()


def _place(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return str(error) if isinstance(error, _Unfit) else said_by(error)
    return brief(f"line {mark.line + 1}, column {mark.column + 1}: {getattr(error, 'problem', None)}")


class _Unfit(ValueError):
    """Content that a file of its kind may have, and a space may not."""


def _unique(pairs: list[tuple[Hashable, object]]) -> dict[Hashable, object]:
    found: dict[Hashable, object] = {}
    for key, value in pairs:
        if key in found:
            raise _Unfit(f"the key {brief(repr(key))} is there twice")
        found[key] = value
    return found


def _json(text: str) -> object:
    def refuse(name: str) -> None:
        raise _Unfit(f"{name} is no number")

    return json.loads(text, object_pairs_hook=_unique, parse_constant=refuse)


def _yaml(text: str) -> object:
    import yaml

    loader = _loader()(text)
    try:
        return loader.get_single_data()
    except yaml.YAMLError as error:
        raise _Unfit(_place(error)) from error
    finally:
        loader.dispose()


def _loader() -> Any:
    """Return PyYAML's safe loader with the scalars of YAML 1.2, where `1e-4` is a number and `no` is a text.

    Aliases are refused, since a few of them can stand for millions of values, and so are keys that are there twice.
    """
    import yaml

    def compose_node(loader: Any, parent: Any, index: Any) -> Any:
        if loader.check_event(yaml.AliasEvent):
            raise _Unfit(f"line {loader.peek_event().start_mark.line + 1}: aliases are not read, write the value out")
        return yaml.SafeLoader.compose_node(loader, parent, index)

    def construct_mapping(loader: Any, node: Any, deep: bool = False) -> Any:
        keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
        if not all(isinstance(key, Hashable) for key in keys):
            raise _Unfit(f"line {node.start_mark.line + 1}: a key is a text")
        _unique([(key, None) for key in keys])
        return yaml.SafeLoader.construct_mapping(loader, node, deep=deep)

    own = {"compose_node": compose_node, "construct_mapping": construct_mapping, "yaml_implicit_resolvers": {}}
    loader: Any = type("Loader", (yaml.SafeLoader,), own)
    for tag, pattern in _SCALARS.items():
        loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(pattern), None)
    return loader


_SCALARS = {
    "bool": r"^(?:true|True|TRUE|false|False|FALSE)$",
    "null": r"^(?:~|null|Null|NULL|)$",
    "int": r"^[-+]?(?:0|[1-9][0-9]*)$",
    "float": r"^[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$",
}
_READERS: Mapping[str, Callable[[str], object]] = {
    ".yaml": _yaml,
    ".yml": _yaml,
    ".json": _json,
    ".toml": tomllib.loads,
}
