"""A search space as a file: YAML, JSON or TOML, which is read and never run.

A file may name a network, which is imported: whoever names the file names that, too.
"""

from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from ..documents import read_document
from ..errors import GeniusError
from ..printable import brief
from ..schema import CLOSED, BadRecord, Count, Name, Schema, Text
from .mapping import space_of
from .network_space import vary_network
from .objective import Objective
from .space import SearchSpace

_ENDINGS = (".yaml", ".yml", ".json", ".toml")
_KEYS = ("name", "words", "decisions", "objective", "network", "input")


@dataclass(frozen=True)
class _SpaceFile:
    """The fields of a file: `words` describe the task for a model, `objective` is the quantity that is measured.

    `network` names one whose variants are searched, and `input` is the shape of one input of it.
    """

    __pydantic_config__ = CLOSED

    decisions: dict[Text, Any]
    name: Text = ""
    words: Text = ""
    objective: Objective | None = None
    network: Name = ""
    input: tuple[Count, ...] | None = None


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
        if told.network:
            return _of_network(told, path)
        if told.input is not None:
            raise GeniusError("its input is that of a network: name that one as network: MODULE:NAME")
        return space_of(told.decisions, told.name or path.stem, told.words, objective=told.objective)
    except (BadRecord, GeniusError) as error:
        raise GeniusError(f"{path}: {error}") from None


def _of_network(told: _SpaceFile, path: Path) -> SearchSpace:
    """Make the space of the decisions that the file leaves of a network's; the network is imported."""
    from .network_space.named_network import find_network

    network = find_network(told.network, path.parent)
    varied = vary_network(network, told.name or path.stem, told.input)
    return varied.space(told.decisions, told.words, told.objective)


def _fields(found: object) -> dict[object, object]:
    if not isinstance(found, dict):
        raise GeniusError(f"a space is given by the keys {', '.join(_KEYS)}, got {brief(repr(found))}")
    if unknown := [key for key in found if key not in _KEYS]:
        raise GeniusError(f"it has the unknown key {brief(repr(unknown[0]))}; keys are {', '.join(_KEYS)}")
    return found
