"""Architectures as people name them: on the command line, in files."""

from ..spaces.space import ENUMERABLE, Architecture, BadArchitecture, SearchSpace
from .reply import UnreadableReply, read_reply


def read_architecture(text: str, space: SearchSpace) -> Architecture:
    """Read a list of numbers, or the name that the published table of the space gives an architecture.

    Raises: BadArchitecture.
    """
    if space.size <= ENUMERABLE:
        for architecture in space.architectures():
            if space.key(architecture) == text:
                return architecture
    try:
        found = read_reply(text, space).architecture
    except UnreadableReply as error:
        raise BadArchitecture(f"{space.name}: {error}") from error
    if found is None:
        raise BadArchitecture(f"{space.name}: {text!r} is no architecture")
    return found
