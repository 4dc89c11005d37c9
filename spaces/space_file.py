"""A search space as a file: YAML, JSON or TOML, which is read and never run."""

from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from ..documents import read_document
from ..errors import GeniusError
from ..printable import brief
from ..schema import CLOSED, BadRecord, Schema, Text
from .mapping import space_of
from .objective import Objective
from .space import SearchSpace

_ENDINGS = (".yaml", ".yml", ".json", ".toml")
_KEYS = ("name", "words", "decisions", "objective")


@dataclass(frozen=True)
class _SpaceFile:
    """The fields of a file: `words` describe the task for a model, `objective` is the quantity that is measured."""

    __pydantic_config__ = CLOSED

    decisions: dict[Text, Any]
    name: Text = ""
    words: Text = ""
    objective: Objective | None = None


_FILE = Schema[_SpaceFile](_SpaceFile)


def is_space_file(name: str) -> bool:
    """Tell whether a name is that of a file that describes a space, by its ending."""
    return PurePath(name).suffix.lower() in _ENDINGS


def read_space(path: Path) -> SearchSpace:
    """Read a space from a file; without a `name` it is named after the file.

    Raises: GeniusError in one line, with the key.
    """
    found = read_document(path)
    try:
        told = _FILE.take(_fields(found))
        return space_of(told.decisions, told.name or path.stem, told.words, objective=told.objective)
    except (BadRecord, GeniusError) as error:
        raise GeniusError(f"{path}: {error}") from None


def _fields(found: object) -> dict[object, object]:
    if not isinstance(found, dict):
        raise GeniusError(f"a space is given by the keys {', '.join(_KEYS)}, got {brief(repr(found))}")
    if unknown := [key for key in found if key not in _KEYS]:
        raise GeniusError(f"it has the unknown key {brief(repr(unknown[0]))}; keys are {', '.join(_KEYS)}")
    return found
