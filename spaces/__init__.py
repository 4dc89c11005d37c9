"""The search spaces, by name."""

from collections.abc import Mapping
from pathlib import Path

from ..plugins import Plugins
from .cells import NAS_BENCH_201
from .channels import CHANNEL_BENCH_MOBILENET, CHANNEL_BENCH_RESNET
from .digits import DIGITS
from .macro import NAS_BENCH_MACRO
from .mapping import space_of
from .mobile import MOBILE_IMAGENET
from .published_table import PublishedTable
from .space import SearchSpace
from .space_file import is_space_file, read_space

_ALIASES = {"nas-bench-201": "nas-bench-201-cifar10"}


def _spell(name: str) -> str:
    """Return a built-in name as it is spelled here; `nas-bench-201:cifar100` names a data set too."""
    plain = name.lower().replace(":", "-").replace("/", "-")
    return _ALIASES.get(plain, plain)


def _read(value: object) -> SearchSpace | None:
    if isinstance(value, Mapping):
        return space_of(value)
    return value if isinstance(value, SearchSpace) else None


_BUILTIN = (DIGITS, NAS_BENCH_MACRO, CHANNEL_BENCH_RESNET, CHANNEL_BENCH_MOBILENET, *NAS_BENCH_201, MOBILE_IMAGENET)
SPACES = Plugins("space", {space.name: space for space in _BUILTIN}, _read, "a SearchSpace", spell=_spell)
"""The search spaces, and the door for one's own."""


def get_space(name: str) -> SearchSpace:
    """Return a space by its name, or one's own as `MODULE:NAME`.

    A name that ends in .yaml, .yml, .json or .toml is the path of a file that describes a space; MODULE:NAME may name
    a dict of decisions, too.
    Raises: GeniusError for an unknown name.
    """
    return read_space(Path(name)) if is_space_file(name) else SPACES.find(name)


def table_of(name: str) -> PublishedTable | None:
    """Return the published table of a built-in space, if it has one; None for one's own, which is not imported."""
    return SPACES[name].table if name in SPACES else None
