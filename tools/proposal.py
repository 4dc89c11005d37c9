"""The JSON schema of a proposal, for models that give structured output."""

from ..spaces.decision import Decision
from ..spaces.space import SearchSpace

_NAMED = 60  # decisions that a schema names, to bound its size for every space


def proposal_schema(space: SearchSpace, *, may_stop: bool = False) -> dict[str, object]:
    """Return the schema of `{"rationale": "…", "expected": …, "expected_sd": …, "architecture": [option numbers]}`.

    In a space by value the architecture is an object of values. With `may_stop` an empty architecture, or null, is
    allowed, which declares that nothing better is left.
    """
    return _proposal(architecture_schema(space, may_stop=may_stop))


def architecture_schema(space: SearchSpace, *, may_stop: bool = False) -> dict[str, object]:
    """Return the schema of an architecture as a model writes it; with `may_stop` also of none."""
    if space.by_value:
        return _values(space, may_stop)
    length = len(space.decisions)
    names = ", ".join(decision.name for decision in space.decisions[:_NAMED])
    numbers = sorted({number for decision in space.decisions for number in decision.numbers})
    return {
        "type": "array",
        "description": f"{length} option numbers, one for each decision in this order: {names}",
        "items": {"type": "integer", "enum": numbers},
        "minItems": 0 if may_stop else length,
        "maxItems": length,
    }


def _values(space: SearchSpace, may_stop: bool) -> dict[str, object]:
    """Return the schema of an object of values; of many decisions, of a list of them."""
    optional = ["null"] if may_stop else []
    if len(space.decisions) > _NAMED:
        return {
            "type": ["array", *optional],
            "description": "the value of each decision in its order, null where it does not count",
            "items": {"type": ["number", "string", "boolean", "null"]},
        }
    return {
        "type": ["object", *optional],
        "description": "the value of each decision, null where it does not count",
        "properties": {decision.name: _value(decision) for decision in space.decisions},
        "required": [decision.name for decision in space.decisions],
        "additionalProperties": False,
    }


def _value(decision: Decision) -> dict[str, object]:
    values = [decision.plain_value(number) for number in decision.numbers]
    kinds = {_kind(value) for value in values} | ({"null"} if decision.when else set())
    return {"type": sorted(kinds), "description": decision.values_in_words}


def _kind(value: object) -> str:
    if value is None:
        return "null"
    return "boolean" if isinstance(value, bool) else "string" if isinstance(value, str) else "number"


def _proposal(architecture: dict[str, object]) -> dict[str, object]:
    rationale = {"type": "string", "description": "Why this architecture, in one sentence."}
    expected = {"type": ["number", "null"], "description": "The value of the objective that you expect of it."}
    expected_sd = {"type": ["number", "null"], "description": "The standard deviation of that expectation."}
    told = {"rationale": rationale, "expected": expected, "expected_sd": expected_sd, "architecture": architecture}
    return {
        "title": "proposal",
        "description": "An architecture to train next, and why.",
        "type": "object",
        "properties": told,
        "required": list(told),
        "additionalProperties": False,
    }
