"""Documents that people write by hand, YAML or JSON, as plain data: read without evaluating, and bounded."""

import json
from pathlib import Path
from typing import Any

from .errors import GeniusError
from .printable import brief

_LARGEST = 1_000_000  # bytes


def read_document(path: Path) -> Any:
    """Read a file of YAML or JSON as plain Python values.

    Raises: GeniusError where it is not there, too large or neither; where it uses YAML's anchors, which can make a few
    lines very large, or gives a name twice.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except OSError as error:
        raise GeniusError(f"{path} cannot be read: {error.strerror or error}") from None
    if len(content) > _LARGEST:
        raise GeniusError(f"{path} has more than {_LARGEST:,} bytes, which is more than a file of this kind needs")
    try:
        return _parse(content.decode())
    except UnicodeDecodeError:
        raise GeniusError(f"{path} is no text in UTF-8") from None
    except RecursionError:
        raise GeniusError(f"{path} is nested too deeply") from None
    except ValueError as error:
        raise GeniusError(f"{path} cannot be read: {brief(str(error))}") from None


def _parse(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError:
        return _parse_yaml(text)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of its pairs.

    Raises: ValueError where it has a name twice.
    """
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"it gives {name!r} twice")
        found[name] = value
    return found


def _parse_yaml(text: str) -> Any:
    import yaml  # takes some 20 ms, and few commands read documents

    class Loader(yaml.SafeLoader):  # type: ignore[misc]  # its package has no types
        """YAML's plain values alone."""

        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                raise ValueError("it uses an anchor of YAML's: write the value itself in both places")
            return super().compose_node(parent, index)

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            _once([(str(self.construct_object(key, deep=True)), None) for key, _ in node.value])
            return super().construct_mapping(node, deep=deep)

    try:
        return yaml.load(text, Loader)  # a SafeLoader: it makes no objects
    except yaml.YAMLError as error:
        raise ValueError(f"it is neither JSON nor YAML: {error}") from None
