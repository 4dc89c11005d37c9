"""Search spaces: values that say what is searched."""

from collections.abc import Mapping
from pathlib import Path

from ..errors import GeniusError
from ..plugins import import_object
from .cells import NAS_BENCH_201
from .channels import CHANNEL_BENCH_MOBILENET, CHANNEL_BENCH_RESNET
from .digits import DIGITS
from .macro import NAS_BENCH_MACRO
from .mapping import space_of
from .mobile import MOBILE_IMAGENET
from .space import SearchSpace
from .space_file import is_space_file, read_space

SPACES = {
    space.name: space
    for space in (
        DIGITS,
        NAS_BENCH_MACRO,
        CHANNEL_BENCH_RESNET,
        CHANNEL_BENCH_MOBILENET,
        *NAS_BENCH_201,
        MOBILE_IMAGENET,
    )
}


_ALIASES = {"nas-bench-201": "nas-bench-201-cifar10"}


def known_space(name: str) -> SearchSpace | None:
    """Return a space of this package by its name; None for one's own, of which nothing is imported."""
    plain = name.lower().replace(":", "-").replace("/", "-")
    return SPACES.get(_ALIASES.get(plain, plain))


def get_space(name: str) -> SearchSpace:
    """Return a space by its name, or one's own as `MODULE:NAME`.

    `nas-bench-201:cifar100` names a data set too; cifar10 is meant where none is named. A name that ends in .yaml,
    .yml, .json or .toml is the path of a file that describes a space; what a module holds may be a dict, too.
    Raises: GeniusError for an unknown name.
    """
    if (space := known_space(name)) is not None:
        return space
    if is_space_file(name):
        return read_space(Path(name))
    if ":" not in name:
        raise GeniusError(
            f"there is no search space {name!r}; the spaces are: {', '.join(SPACES)}, your own as MODULE:NAME, "
            "and files in YAML, JSON or TOML"
        )
    found = import_object(name, "search space")
    if isinstance(found, Mapping):
        return space_of(found, name.partition(":")[2])
    if not isinstance(found, SearchSpace):
        raise GeniusError(f"{name} is not a SearchSpace but a {type(found).__name__}")
    return found
