"""Several candidates in a reply: a model without tools names them, and hears their forecasts before it settles."""

import json
import re
from collections.abc import Mapping

from ..record.candidate import ToolCall
from ..spaces.space import Architecture, SearchSpace
from .arguments import BadArgument, one_architecture
from .proposal import architecture_schema, proposal_schema
from .replies import READ_LENGTH
from .seen import visible

CANDIDATES = 3
"""How many candidates a reply may name."""

_LINE = re.compile(r"^\W*candidate\b[^:\n]{0,20}:[ \t]*(\S.*)$", re.IGNORECASE | re.MULTILINE)
_SETTLED = re.compile(r"^\W*(?:final\W{1,3})?architecture\W*:", re.IGNORECASE | re.MULTILINE)


def candidates_schema(space: SearchSpace) -> dict[str, object]:
    """Return the schema of `{"rationale": "…", "candidates": [architectures]}`."""
    proposal = proposal_schema(space)
    known = proposal["properties"]
    assert isinstance(known, Mapping)
    many = {
        "type": "array",
        "description": "The architectures that you would try, the best first.",
        "items": architecture_schema(space),
        "minItems": 1,
        "maxItems": CANDIDATES,
    }
    properties = {"rationale": known["rationale"], "candidates": many}
    return proposal | {"properties": properties, "required": list(properties)}


def call_of_candidates(text: str, space: SearchSpace) -> tuple[ToolCall, ...]:
    """Return the call that forecasts the candidates of a reply; none for a reply that names fewer than two."""
    found = _candidates(text[-READ_LENGTH:], space)
    if len(found) < 2:
        return ()
    named = [space.plain_values(each) if space.by_value else list(each) for each in found[:CANDIDATES]]
    return (ToolCall("candidates", "predict", json.dumps({"architectures": named}, ensure_ascii=False)),)


def _candidates(text: str, space: SearchSpace) -> list[Architecture]:
    found: dict[Architecture, None] = {}
    for written in _written(visible(text) or ""):
        try:
            found[one_architecture(written, space)] = None
        except BadArgument:
            continue
    return list(found)


def _written(text: str) -> list[object]:
    """Return the candidates that a reply names, unless it settles on an architecture."""
    try:
        value = json.loads(text[text.find("{") : text.rfind("}") + 1])
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict) and isinstance(value.get("candidates"), list):
        return [] if value.get("architecture") else value["candidates"][:CANDIDATES]
    return [] if _SETTLED.search(text) else [match[1] for match in _LINE.finditer(text)][:CANDIDATES]
