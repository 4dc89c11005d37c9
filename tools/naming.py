"""Names of architectures as people write them, on the command line and in files."""

from ..spaces.space import ENUMERABLE, Architecture, BadArchitecture, SearchSpace
from .replies import REPLY_FORM, UnreadableReply, read_reply


def read_architecture(text: str, space: SearchSpace) -> Architecture:
    """Read an architecture from a list of numbers, a string of digits, or its name in a paper or a published table.

    Raises: BadArchitecture.
    """
    if text in space.named:
        return space.check(space.named[text])
    if text.isascii() and text.isdigit():
        return space.check(tuple(map(int, text)))
    if space.size <= ENUMERABLE:
        for architecture in space.without_rule.architectures():
            if space.key(architecture) == text:
                return space.check(architecture)
    try:
        found = read_reply(text, space).architecture
    except UnreadableReply as error:
        raise BadArchitecture(f"{space.name}: {str(error).removesuffix(f'; {REPLY_FORM}')}") from error
    if found is None:
        raise BadArchitecture(f"{space.name}: {text!r} is no architecture")
    return found
