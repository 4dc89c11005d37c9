"""Search spaces: values that say what is searched."""

import importlib
import os
import sys

from .cells import NAS_BENCH_201
from .channels import CHANNEL_BENCH_MOBILENET, CHANNEL_BENCH_RESNET
from .digits import DIGITS
from .errors import GeniusError
from .macro import NAS_BENCH_MACRO
from .mobile import MOBILE_IMAGENET
from .space import SearchSpace

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


def get_space(name: str) -> SearchSpace:
    """Return a space by its name, or one's own as `MODULE:NAME`.

    `nas-bench-201:cifar100` names a data set too; cifar10 is meant where none is named.
    Raises: GeniusError for an unknown name.
    """
    plain = name.lower().replace(":", "-").replace("/", "-")
    space = SPACES.get(_ALIASES.get(plain, plain))
    if space is not None:
        return space
    module, colon, attribute = name.partition(":")
    if not colon:
        raise GeniusError(
            f"there is no search space {name!r}; the spaces are: {', '.join(SPACES)}, and your own as MODULE:NAME"
        )
    return _import_space(module, attribute)


def _import_space(module: str, attribute: str) -> SearchSpace:
    if "" not in sys.path and os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())  # as `python -m` does; the command line's script does not
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise GeniusError(f"there is no search space '{module}:{attribute}': {error}") from error
    if not isinstance(found, SearchSpace):
        raise GeniusError(f"{module}:{attribute} is not a SearchSpace but a {type(found).__name__}")
    return found
