"""Objects of one's own, by name."""

import importlib
import os
import sys

from .errors import GeniusError


def import_object(name: str, what: str) -> object:
    """Import what `MODULE:NAME` names, a search space or whatever it is; modules of the current folder are found too.

    Raises: GeniusError.
    """
    module, _, attribute = name.partition(":")
    if "" not in sys.path and os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())  # as `python -m` does; the command line's script does not
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise GeniusError(f"there is no {what} {name!r}: {error}") from error
