"""A setting: one field of a group, with its default, the line that documents it, and how it is named."""

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast, get_type_hints

from pydantic import Field

from ...python_files import absolute_name
from ...schema import Name

_Default = TypeVar("_Default")

Upto = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
FewOrNone = Annotated[int, Field(strict=True, ge=0, le=10_000)]
Few = Annotated[int, Field(strict=True, ge=1, le=10_000)]
Seconds = Annotated[float, Field(strict=True, gt=0, le=1e9)]
Most = Annotated[float, Field(strict=True, gt=0, le=1e15)]
Price = Annotated[float, Field(strict=True, ge=0, le=1e9)]
Word = Annotated[str, Field(strict=True, max_length=100)]
Names = Annotated[tuple[Name, ...], Field(max_length=1_000)]


@dataclass(frozen=True)
class About:
    """A setting in words.

    - `doc`: one line, for `--help` and for Python's docs.
    - `name`: the keyword of Python and the option of the command line, where that is not the field's own name; `flag`
      where the option's name is another one; `hidden` where there is neither.
    - `metavar`: the placeholder of the value in `--help`.
    - `claim`: the kind of thing that it names, where that is a module, a server or a path: see `graph.trust`.
    - `rank`: its place among the few that are shown first, counted from 1.
    """

    doc: str
    name: str = ""
    flag: str = ""
    metavar: str = ""
    claim: str = ""
    rank: int = 0
    hidden: bool = False


def setting(default: _Default, doc: str, **about: Any) -> _Default:
    """Declare a field of a group: its default, and the fields of `About`."""
    metadata = {About: About(doc, **about)}
    if isinstance(default, dict):
        return cast("_Default", field(default_factory=default.copy, metadata=metadata))
    return field(default=default, metadata=metadata)


def declared(group: type) -> dict[str, tuple[About, Any, object]]:
    """Return the settings of a group by the names of their fields: each in words, its type, and its default."""
    kinds, empty = get_type_hints(group, include_extras=True), group()
    return {
        each.name: (each.metadata[About], kinds[each.name], getattr(empty, each.name))
        for each in fields(group)
        if About in each.metadata
    }


def with_full_names(settings: Any, *names: str) -> None:
    """Have settings of a frozen group name Python files by their full paths, so that a run goes on from any folder."""
    for name in names:
        if isinstance(named := getattr(settings, name), str):
            object.__setattr__(settings, name, absolute_name(named))


def absolute(path: str | Path | None) -> str | None:
    """Return a path as `search.json` holds it, so that a run goes on from any folder."""
    return None if path is None else str(Path(path).absolute())
