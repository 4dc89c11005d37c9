"""The search spaces, by name."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import GeniusError
from ..plugins import Plugins, import_object
from ..printable import brief, named
from ..python_files import absolute_name, import_file, object_of, split_file
from .cells import NAS_BENCH_201
from .channels import CHANNEL_BENCH_MOBILENET, CHANNEL_BENCH_RESNET
from .digits import DIGITS
from .gpt import GPT_TINY
from .macro import NAS_BENCH_MACRO
from .mapping import space_of
from .mobile import MOBILE_IMAGENET
from .network_space import is_network
from .published_table import PublishedTable
from .space import SearchSpace
from .space_file import is_space_file, read_space
from .vit import VIT_CIFAR

_ALIASES = {"nas-bench-201": "nas-bench-201-cifar10"}


def _spell(name: str) -> str:
    """Return a built-in name as it is spelled here; `nas-bench-201:cifar100` names a data set too."""
    plain = name.lower().replace(":", "-").replace("/", "-")
    return _ALIASES.get(plain, plain)


def _read(value: object) -> SearchSpace | None:
    if isinstance(value, Mapping) or is_network(value):
        return space_of(value)
    return value if isinstance(value, SearchSpace) else None


_CHANNEL_BENCHES = (CHANNEL_BENCH_RESNET, CHANNEL_BENCH_MOBILENET)
_BUILTIN = (DIGITS, NAS_BENCH_MACRO, *_CHANNEL_BENCHES, *NAS_BENCH_201, MOBILE_IMAGENET, VIT_CIFAR, GPT_TINY)
SPACES = Plugins("space", {space.name: space for space in _BUILTIN}, _read, "a SearchSpace", spell=_spell)
"""The search spaces, and the door for one's own."""


def get_space(name: str) -> SearchSpace:
    """Return a space by its name, or one's own as `MODULE:NAME` or `FILE.py:NAME`.

    A name that ends in .yaml, .yml, .json or .toml is the path of a file that describes a space; `FILE.py` alone is its
    `space` or `SPACE`. A name may be that of a dict of decisions or of a network, too.
    Raises: GeniusError for an unknown name.
    """
    if is_space_file(name):
        return read_space(Path(name))
    if (parts := split_file(full := full_name(name))) is None:
        if SPACES.known(name) is None:
            _refuse_path(name)
        return SPACES.find(name)
    value = import_object(full, "space")
    return _named_after(parts[0], value) or SPACES.take(value, full)


def _named_after(path: str, value: object) -> SearchSpace | None:
    """Return the space of a dict that a script holds, under the script's name; None for another object.

    Raises: GeniusError for a dict of no decisions.
    """
    if not isinstance(value, Mapping):
        return None
    try:
        return space_of(value, Path(path).stem)
    except GeniusError as error:
        raise GeniusError(f"{brief(path)}: {error}") from None


def _refuse_path(name: str) -> None:
    """Refuse the path of a file that holds no space.

    Raises: GeniusError.
    """
    if ":" not in name and os.path.isfile(f"{name}.py"):
        raise GeniusError(f"there is no space {brief(name)!r}: did you mean {brief(name)}.py?")
    if os.path.isdir(name):
        raise GeniusError(f"{brief(name)} is a folder: name the file in it that holds the space, as in train.py")
    if os.path.isfile(name):
        raise GeniusError(
            f"{brief(name)} is neither a Python file nor YAML, JSON or TOML, of which a space is read; the objects of "
            "a notebook are passed from Python"
        )


def full_name(name: str) -> str:
    """Return the name by which a space is found from any folder, and again: files have their full path.

    Raises: GeniusError for a Python file that cannot be imported, or that holds no space.
    """
    if is_space_file(name):
        return os.path.abspath(name)
    if (parts := split_file(name)) is None:
        return name
    path, attribute = parts
    return absolute_name(f"{path}:{attribute or _space_in(path)}")


def short_name(name: str) -> str:
    """Return a name without the folders of its file, and without its ending: for titles, and for the names of runs."""
    path, attribute = split_file(name) or (name, "")
    if path == name and not is_space_file(name):
        return name
    return Path(path).stem + (f":{attribute}" if attribute not in ("", *_SPACE) else "")


@dataclass(frozen=True)
class Script:
    """The parts of a search in a Python file: the names of its space and of its function, empty where it holds none.

    `chosen` where the user named the function.
    """

    space: str
    function: str
    chosen: bool = False


def read_script(name: str) -> Script | None:
    """Return the parts that `FILE.py` or `FILE.py:NAME` leads to; None for another name, of which nothing is imported.

    The parts are `space` or `SPACE`, and the function `train`; a name is that of another space or of another function.
    Raises: GeniusError.
    """
    if (parts := split_file(name)) is None:
        return None
    path, attribute = parts
    module = import_file(path)
    if attribute and not _is_space(value := object_of(module, attribute, path)):
        if not callable(value):
            raise GeniusError(f"{brief(name)} is neither a space nor a function, but {named(value)}")
        return Script(full_name(path), absolute_name(name), chosen=True)
    function = absolute_name(f"{path}:{FUNCTION}") if callable(getattr(module, FUNCTION, None)) else ""
    return Script(full_name(name), function)


FUNCTION = "train"
"""The function of a script that evaluates, where no other one is named."""
_SPACE = ("space", "SPACE")


def _is_space(value: object) -> bool:
    """Tell a space, or a dict that is meant as one, from other objects of a script."""
    return isinstance(value, Mapping) or _read(value) is not None


def _space_in(path: str) -> str:
    """Return the name of the space that a file holds.

    Raises: GeniusError.
    """
    module = import_file(path)
    held = [name for name in _SPACE if hasattr(module, name)]
    if spaces := [name for name in held if _is_space(getattr(module, name))]:
        return spaces[0]
    if held:
        raise GeniusError(
            f"the {held[0]} of {brief(path)} is neither a SearchSpace nor a dict of decisions, but "
            f"{named(getattr(module, held[0]))}"
        )
    raise GeniusError(
        f"{brief(path)} holds no `space`: write one, as in space = {{'lr': (1e-4, 1e-1), 'width': [16, 32]}}, or name "
        f"the one it holds, as in {brief(path)}:NAME"
    )


def table_of(name: str) -> PublishedTable | None:
    """Return the published table of a built-in space, if it has one; None for one's own, which is not imported."""
    return SPACES[name].table if name in SPACES else None
