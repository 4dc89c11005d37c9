"""Documents that people write by hand, in YAML, JSON or TOML, as plain data: read without evaluating, and bounded."""

import json
import re
import tomllib
from collections.abc import Callable, Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any

from .errors import GeniusError
from .printable import brief, said_by

_LARGEST = 1_000_000  # bytes


class _Unfit(ValueError):
    """A document that its format allows and that is not taken."""


def read_document(path: Path) -> Any:
    """Read a file as plain Python values: TOML and JSON by the ending of its name, else YAML, of which JSON is a part.

    Raises: GeniusError where the file is not there, too large or of another format, where it gives a name twice, or
    uses YAML's aliases, of which a few lines can stand for millions of values.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except OSError as error:
        raise GeniusError(f"{path} cannot be read: {error.strerror or error}") from None
    if len(content) > _LARGEST:
        raise GeniusError(f"{path} has more than {_LARGEST:,} bytes, which is more than a file of this kind needs")
    try:
        return _READERS.get(path.suffix.lower(), _read_yaml)(content.decode("utf-8-sig"))
    except RecursionError:
        raise GeniusError(f"{path} is nested too deeply") from None
    except (ValueError, OverflowError) as error:
        words = str(error) if isinstance(error, _Unfit) else said_by(error)
        raise GeniusError(f"{path} cannot be read: {brief(words)}") from None


def _read_json(text: str) -> Any:
    def refuse(name: str) -> None:
        raise _Unfit(f"{name} is no number")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        _check_once(name for name, _ in pairs)
        return dict(pairs)

    return json.loads(text, object_pairs_hook=once, parse_constant=refuse)


_READERS: Mapping[str, Callable[[str], Any]] = {".toml": tomllib.loads, ".json": _read_json}


def _check_once(names: Iterable[Hashable]) -> None:
    """Raises _Unfit for a name that is given twice."""
    known = set()
    for name in names:
        if name in known:
            raise _Unfit(f"it gives the name {name!r} twice")
        known.add(name)


def _read_yaml(text: str) -> Any:
    import yaml  # only here: most commands read no document

    try:
        loader = _yaml_loader()(text)
        return loader.get_single_data()
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise _Unfit(f"{line}{error.problem}") from None
    except yaml.YAMLError as error:
        raise _Unfit(f"it is no YAML: {error}") from None


def _yaml_loader() -> Any:
    """Make PyYAML's safe loader one of YAML 1.2: there `1e-4` is a number, and `no` a text; and so is `010`."""
    import yaml

    class Loader(yaml.SafeLoader):  # type: ignore[misc]  # its package has no types
        yaml_implicit_resolvers: Any = {}  # noqa: RUF012

        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                raise _Unfit(
                    f"line {self.peek_event().start_mark.line + 1}: an alias stands there, not the value itself"
                )
            return super().compose_node(parent, index)

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            names = [self.construct_object(name, deep=True) for name, _ in node.value]
            if not all(isinstance(name, Hashable) for name in names):
                raise _Unfit(f"line {node.start_mark.line + 1}: a name is a list or an object")
            _check_once(names)
            return super().construct_mapping(node, deep=deep)

    for tag, pattern in _SCALARS.items():
        Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(pattern), None)
    return Loader


_SCALARS = {
    "bool": r"^(?:true|True|TRUE|false|False|FALSE)$",
    "null": r"^(?:~|null|Null|NULL|)$",
    "int": r"^[-+]?(?:0|[1-9][0-9]{0,39})$",
    "float": r"^[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$",
}
