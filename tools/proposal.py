"""The JSON schema of a proposal, for models that give structured output."""

from ..spaces.space import SearchSpace

_NAMED = 60  # decisions that a schema names, to bound its size for every space


def proposal_schema(space: SearchSpace, *, may_stop: bool = False) -> dict[str, object]:
    """Return the schema of `{"rationale": "…", "architecture": [option numbers]}` for a space.

    With `may_stop` an empty architecture is allowed, which declares that nothing better is left.
    """
    length = len(space.decisions)
    names = ", ".join(decision.name for decision in space.decisions[:_NAMED])
    numbers = sorted({number for decision in space.decisions for number in decision.numbers})
    architecture = {
        "type": "array",
        "description": f"{length} option numbers, one for each decision in this order: {names}",
        "items": {"type": "integer", "enum": numbers},
        "minItems": 0 if may_stop else length,
        "maxItems": length,
    }
    rationale = {"type": "string", "description": "Why this architecture, in a few sentences."}
    return {
        "title": "proposal",
        "description": "An architecture to train next, and why.",
        "type": "object",
        "properties": {"rationale": rationale, "architecture": architecture},
        "required": ["rationale", "architecture"],
        "additionalProperties": False,
    }
