"""What a tracker is told of a search and of its evaluations: flat, redacted, and without what nobody looks up."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..printable import one_line
from ..record.candidate import Candidate
from ..record.goal import Goal
from ..record.secrets import redact
from ..record.settings import Settings
from ..record.settings.settings import SETTINGS
from ..schema import Scalar
from ..spaces.space import SearchSpace
from .tracker import Evaluation, Tracked

_TEXT = 1_000  # characters of a note or of a parameter
_FACTS = ("created", "forked_from", "id")  # of a run, that are parameters


def tracked(run: Path, settings: Settings, space: SearchSpace) -> Tracked:
    """Describe a search to trackers."""
    plain: dict[str, Any] = SETTINGS.plain(settings)
    facts = plain.pop("run")
    goal = {"objectives": [each.name for each in settings.goal.objectives], "limits": plain["goal"]["limits"]}
    plain |= {"goal": goal, "run": {name: facts[name] for name in _FACTS}}
    parameters = {name: cleared(value) for name, value in _flat("", plain)}
    return Tracked(run, settings.run.id, parameters, settings, space)


def evaluation(candidate: Candidate, goal: Goal, space: SearchSpace, repeat: int = 0) -> Evaluation:
    """Describe an evaluation to trackers."""
    chosen = candidate.architecture
    parameters = {} if chosen is None else space.plain_values(chosen)
    shown = {name: cleared(value) for name, value in parameters.items()}
    notes = {name: str(cleared(text)) for name, text in _notes(candidate).items() if text}
    return Evaluation(candidate, repeat, 0, shown, numbers(candidate, goal), notes)


def _flat(path: str, value: object) -> Iterator[tuple[str, object]]:
    """Yield the settings by their paths, but for empty ones."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _flat(f"{path}.{name}" if path else str(name), inner)
    elif value not in (None, "", [], ()):
        yield path, value


def cleared(value: object) -> Scalar:
    """Return a value as trackers show it: a plain one, or a text in one line and without any key."""
    if value is None or isinstance(value, bool | int | float):
        return value
    return one_line(redact(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)), _TEXT)


def _notes(candidate: Candidate) -> dict[str, str | None]:
    failure = candidate.measurement.failure if candidate.measurement else None
    error = candidate.error or (candidate.measurement.error if candidate.measurement else None)
    refused = "; ".join(refusal.reason for refusal in candidate.refusals)
    return {
        "architecture": candidate.written if candidate.architecture is not None else None,
        "arm": candidate.arm,
        "llm": candidate.llm,
        "rationale": candidate.rationale,
        "refusals": refused,
        "failure": failure,
        "error": error,
        "device": candidate.measurement.device if candidate.measurement else None,
    }


def numbers(candidate: Candidate, goal: Goal) -> dict[str, float]:
    """Return the numbers of an evaluation by their names; those of its objectives and its own metrics win."""
    measured, cost, name = candidate.measurement, candidate.cost, goal.objective.name
    told: dict[str, float | None] = {"expected": candidate.expected, "seconds": candidate.evaluation_seconds}
    if cost is not None:
        told |= {"flops": cost.flops, "params": cost.params}
    if measured is not None:
        told |= {"device_seconds": measured.seconds, "sd": measured.sd, "rank": measured.rank}
        told |= {f"test_{key}": value for key, value in measured.test_metrics.items()}
        told |= {**measured.metrics, f"test_{name}": measured.test_value, name: measured.value}
    return {key: float(value) for key, value in told.items() if value is not None}
