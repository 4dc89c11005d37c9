"""The results of tools: plain JSON, with units, without secrets, and of a bounded length."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..printable import printable
from ..record.goal import Goal
from ..record.secrets import redact
from ..spaces.objective import Objective

_LONGEST = 4_000  # characters of a text

Json = dict[str, Any]


def plain(value: object) -> Any:
    """Return a value in JSON types: texts are redacted, escaped and bounded, and what is no finite number is null."""
    if isinstance(value, str | Path):
        return printable(redact(str(value)), _LONGEST)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {plain(str(name)): plain(inner) for name, inner in value.items()}
    if isinstance(value, Sequence):
        return [plain(inner) for inner in value]
    return value


def objective_json(objective: Objective) -> Json:
    """Give an objective: its name, its unit and which way is better."""
    return {"name": objective.name, "unit": objective.unit, "better": objective.better}


UNITS = {
    "flops": "multiply-adds of one input",
    "params": "parameters",
    "seconds": "seconds",
    "device_seconds": "seconds",
    "rank": "place in the space, 1 is the best",
    "spent.cost": "US dollars",
    "spent.tokens": "tokens",
    "spent.hours": "device-hours",
}
"""The units of the numbers in results, by their names."""


def units(goal: Goal) -> dict[str, str]:
    """Return the units of a search's numbers, those of its objectives among them."""
    own = {
        objective.name: f"{objective.unit or 'no unit'}, {objective.better} is better" for objective in goal.objectives
    }
    return {**own, **UNITS}
