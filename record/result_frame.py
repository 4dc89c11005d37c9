"""The result of a search as a data frame of pandas, which is optional."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import GeniusError
from .candidate import Candidate
from .goal import Goal
from .result_json import iteration_json

if TYPE_CHECKING:
    from pandas import DataFrame

    from .result import SearchResult

_PLAIN = ("rank", "flops", "params", "feasible", "arm", "expected", "expected_sd", "llm", "error", "device_seconds")
_UNITS = {"flops": "multiply-adds of one input", "params": "parameters", "device_seconds": "s"}


def frame_of(result: "SearchResult") -> "DataFrame":
    """Return a row for each iteration of each trial.

    Raises: GeniusError where pandas is not installed.
    """
    try:
        from pandas import DataFrame
    except ImportError:
        raise GeniusError("to_frame needs the package pandas: pip install 'genius-nas[notebook]'") from None
    frame = DataFrame([_row(candidate, result) for candidate in result.candidates])
    frame.attrs["units"] = units_of(result.goal)
    return frame


def units_of(goal: Goal) -> dict[str, str]:
    """Return the units of a frame's columns, where they have any."""
    value, _ = goal.objective.titles
    named = {each.name: each.unit for each in (*goal.objectives, *goal.metrics) if each.unit}
    first = {value: goal.objective.unit} if goal.objective.unit else {}
    return {**_UNITS, **named, **first}


def _row(candidate: Candidate, result: "SearchResult") -> dict[str, Any]:
    told: Mapping[str, Any] = iteration_json(candidate, result.goal, result.settings.limits.convention)
    value, _ = result.goal.objective.titles
    row: dict[str, Any] = {"trial": candidate.trial, "iteration": candidate.iteration}
    row["architecture"] = candidate.architecture
    row |= {value: candidate.value, **told.get("metrics", {}), **told.get("costs", {})}
    row |= {name: told[name] for name in _PLAIN if name in told}
    row |= {"refusals": len(candidate.refusals), "rationale": candidate.rationale, "seconds": candidate.seconds}
    return {**told.get("values", {}), **row}
