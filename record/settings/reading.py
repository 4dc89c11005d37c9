"""Settings by their paths, as `--set llm.timeout=60` and files of settings name them."""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ...documents import read_document
from ...errors import GeniusError
from ...printable import brief, named
from ...schema import BadRecord
from ..goal import GOAL_SCHEMA
from .llm_settings import read_options
from .options import GROUPS, OPTIONS, Setting, flat_option
from .settings import Settings, refuse_flat

_RECIPE, _CHANGES, _OPTIONS = "training.recipe", "training.recipe_changes", "llm.options"
_PARTS = [path for path, option in OPTIONS.items() if not option.group]


def read_file(path: Path) -> Settings:
    """Read the settings of a new search from a file, YAML or JSON; a run's own `search.json` is one.

    Raises: GeniusError, which names the setting that cannot be taken.
    """
    held = read_document(path)
    try:
        if not isinstance(held, Mapping):
            raise GeniusError(f"a file of settings holds the groups {', '.join(GROUPS)}, got {named(held)}")
        refuse_flat(held)
        settings = Settings()
        for name, value in _leaves(held):
            settings = settings.changed(dict([assign(name, value, settings)]))
        return settings
    except (GeniusError, BadRecord) as error:
        raise GeniusError(f"{path} cannot be used: {error}") from None


def _leaves(held: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
    """Go through the settings of a file by their paths; the facts of the run that wrote it are left out.

    Raises: GeniusError for a name of none, or of another version.
    """
    for name, value in held.items():
        if name == "version":
            if value != Settings().version:
                raise GeniusError(f"it has settings of version {named(value)}: this one reads {Settings().version}")
        elif name in GROUPS:
            if not isinstance(value, Mapping):
                raise GeniusError(f"{name} must be a group of settings, got {named(value)}")
            for field, inner in value.items():
                yield from _inner(f"{name}.{field}", inner)
        elif name == "goal":
            yield str(name), value
        elif name != "run":
            if name not in _PARTS:
                raise _unknown(str(name), (*GROUPS, *_PARTS))
            yield str(name), value


def _inner(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if path in (_RECIPE, _OPTIONS) and isinstance(value, Mapping):
        yield from ((f"{path}.{name}", inner) for name, inner in value.items())
    else:
        yield path, value


def read_set(given: Sequence[str], settings: Settings, recipe: Collection[str]) -> dict[str, object]:
    """Read changes of the form GROUP.FIELD=VALUE, and NAME=VALUE of a field of the `recipe`; by path.

    Raises: GeniusError.
    """
    changes: dict[str, object] = {}
    for each in given:
        name, equals, text = each.partition("=")
        name = name.strip()
        if not equals:
            raise GeniusError(
                f"a setting is changed as in llm.timeout=60, or lr=0.2 of the recipe, got {brief(each)!r}"
            )
        if "." not in name:
            if name not in recipe:
                raise _unknown(name, (*recipe, *OPTIONS))
            name = f"{_RECIPE}.{name}"
        path, value = assign(name, text.strip(), settings.changed(changes))
        changes[path] = value
    return changes


def assign(name: str, value: Any, settings: Settings) -> tuple[str, object]:
    """Return the path of the setting of this name, and its value; within settings that it adds to.

    Raises: GeniusError for a name of none, and for a value that the setting cannot have.
    """
    if name == f"{_RECIPE}.name":
        name = _RECIPE
    if name.startswith(f"{_RECIPE}."):
        field = name.removeprefix(f"{_RECIPE}.")
        kept = [each for each in settings.training.recipe_changes if each.partition("=")[0] != field]
        return _CHANGES, (*kept, f"{field}={_as_text(value)}")
    if name.startswith(f"{_OPTIONS}."):
        read = read_options([f"{name.removeprefix(f'{_OPTIONS}.')}={value}"]) if isinstance(value, str) else None
        return _OPTIONS, {**settings.llm.options, **(read or {name.removeprefix(f"{_OPTIONS}."): value})}
    if name == "goal":
        return name, GOAL_SCHEMA.take(value, name)
    if name not in OPTIONS:
        raise _unknown(name, OPTIONS)
    return name, _take(OPTIONS[name], value)


def _as_text(value: Any) -> str:
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def _take(option: Setting, value: Any) -> object:
    """Return the value of a setting: as it is, or read from a text.

    Raises: GeniusError.
    """
    first: BadRecord | None = None
    for each in _readings(value):
        try:
            return option.schema.take(each, option.path)
        except BadRecord as error:
            first = first or error
    raise GeniusError(str(first))


def _readings(value: Any) -> Iterator[Any]:
    """Go through the readings of a value: a text may be JSON, itself, the only entry of a list, or several words."""
    if not isinstance(value, str):
        yield value
        return
    words = re.split(r"[\s,]+", value.strip("[]() "))
    yield from (_parsed(value), value, [value], words, [_parsed(word) for word in words])


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return {"none": None, "yes": True, "no": False}.get(text.lower(), text)


def _unknown(name: str, known: Collection[str]) -> GeniusError:
    """Say that there is no such setting, and which is near."""
    option = flat_option(name.rpartition(".")[2])
    if option and option.path == name:
        return GeniusError(f"{name} is no setting of a group: it is named by {option.flag}")
    near = [option.path] if option else get_close_matches(name, known, 1, 0.5)
    hint = f"did you mean {near[0]}?" if near else f"the settings are: {', '.join(known)}"
    return GeniusError(f"there is no setting {brief(name)!r}; {hint}")
