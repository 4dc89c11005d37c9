"""Networks that a user names, as a space file does: found, and made without weights."""

from inspect import Parameter, signature
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import GeniusError
from ...plugins import import_object, signature_refusing
from ...printable import brief, named, reason
from ...python_files import importing, split_file
from . import is_network

if TYPE_CHECKING:
    from torch import nn

_WITHOUT_WEIGHTS = {"weights": None, "weights_backbone": None, "pretrained": False}
"""Arguments that libraries of networks load trained weights by; some have a default that would download them."""


def find_network(name: str, folder: Path = Path()) -> "nn.Module":
    """Import the network that `MODULE:NAME` or `FILE.py:NAME` names, or make it: a class or function without arguments.

    A file lies in `folder`, unless its path is whole. Weights are never loaded.
    Raises: GeniusError.
    """
    if ":" not in name:
        raise GeniusError(f"a network is named as MODULE:NAME or FILE.py:NAME, got {brief(repr(name))}")
    path = split_file(name)
    found = import_object(f"{folder / path[0]}:{path[1]}" if path and path[1] else name, "network")
    if callable(found) and not is_network(found):
        found = _made(found, name)
    if not is_network(found):
        raise GeniusError(
            f"{brief(name)} is no torch.nn.Module, nor a class or function that makes one, but {named(found)}"
        )
    return found


def _made(maker: object, name: str) -> object:
    assert callable(maker)
    if signature_refusing(maker, 0):
        raise GeniusError(
            f"{brief(name)} needs arguments: write a function without any that makes the network, and name that one"
        )
    try:
        with importing(name):
            return maker(**{at: _WITHOUT_WEIGHTS[at] for at in _parameters(maker) if at in _WITHOUT_WEIGHTS})
    except GeniusError:
        raise
    except (Exception, SystemExit) as error:
        raise GeniusError(f"{brief(name)} cannot be made: {reason(error)}") from error


def _parameters(maker: object) -> list[str]:
    assert callable(maker)
    try:
        taken = signature(maker).parameters.values()
    except (TypeError, ValueError):  # of some that are written in C nothing is known
        return []
    return [each.name for each in taken if each.kind is not Parameter.POSITIONAL_ONLY]
