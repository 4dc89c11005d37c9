"""The proposed space of a network as a YAML file, for a user to edit."""

import json
import re
from collections.abc import Sequence

from ...printable import one_line
from . import vary_network
from .named_network import find_network

_HEAD = """\
# The decisions of a network, for you to edit: take decisions out, and the network stays as it is there; take options
# out, or put in others of their kind. Then: genius spaces FILE, genius search FILE --data …
name: {name}
network: {network}
input: [{shape}]
decisions:
"""


def space_text(network: str, input_shape: Sequence[int] | None = None) -> str:
    """Write the file that the space of a network is read from; the network is named, as `MODULE:NAME`.

    Raises: GeniusError.
    """
    name = one_line(network.rpartition(":")[2], 100)
    varied = vary_network(find_network(network), name, input_shape)
    shape = ", ".join(map(str, varied.anatomy.shape))
    lines = [
        f"  {_word(each.name)}: [{', '.join(map(_word, each.options))}]  # {each.words}; the network's own: "
        f"{_word(each.own)}"
        for each in varied.variations
    ]
    head = _HEAD.format(name=_word(name), network=_word(network), shape=shape)
    return head + "\n".join(lines)


def _word(value: object) -> str:
    """Write a value so that YAML reads it back: a text is plain where nothing in it could be anything else."""
    if isinstance(value, str):
        plain = re.fullmatch(r"[A-Za-z_][\w.-]*(?::[A-Za-z_]\w*)?(?: [\w.()-]+)*", value)
        reserved = value.lower() in ("true", "false", "null", "yes", "no", "on", "off")
        return value if plain and not reserved else json.dumps(value, ensure_ascii=False)
    return f"{value:g}" if isinstance(value, float) else str(value)
