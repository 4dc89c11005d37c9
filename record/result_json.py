"""The documented JSON of a result's parts: its iterations, its best, and the notes of its model."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ..printable import printable
from ..spaces.cost import Convention
from .candidate import Candidate
from .goal import Goal
from .measurement import Measurement
from .notebook import PAGE, Page

_CALLS = 64  # of tools, in an iteration
_NAME, _ARGUMENTS, _ANSWER = 100, 1_000, 4_000  # characters


def iteration_json(candidate: Candidate, goal: Goal, convention: Convention) -> dict[str, object]:
    """Give an iteration: its proposal, its costs and its measurement."""
    measurement = candidate.measurement
    return {
        "iteration": candidate.iteration,
        "architecture": list(candidate.architecture) if candidate.architecture else None,
        **_values_json(candidate),
        goal.objective.titles[0]: candidate.value,
        **_metrics_json(candidate, goal),
        "rank": measurement.rank if measurement else None,
        **_costs_json(candidate, convention),
        "proposed": list(candidate.repair.proposed) if candidate.repair else None,
        "changed_by": candidate.repair.by if candidate.repair else None,
        **_advice_json(candidate),
        **_arm_json(candidate),
        **_expectation_json(candidate),
        **_tools_json(candidate),
        "llm": candidate.llm,
        "refusals": [refusal.reason for refusal in candidate.refusals],
        "error": candidate.error,
        "failure": measurement.failure if measurement else None,
        "device": measurement.device if measurement else "",
        "device_seconds": round(measurement.seconds, 3) if measurement else 0.0,
    }


def notes_json(pages: Sequence[Page]) -> dict[str, object]:
    """Give the latest page of each kind, and all hints."""
    latest = {page.kind: PAGE.plain(page) for page in pages}
    found: dict[str, object] = {kind: _page_json(page) for kind, page in latest.items() if kind != "hint"}
    hints = [words for page in pages if page.kind == "hint" for words in page.text.splitlines()]
    return found | ({"hints": hints} if hints else {})


def _page_json(page: Mapping[str, Any]) -> dict[str, object]:
    """Give a page by the parts that its kind has."""
    told = {name: page[name] for name in ("iteration", "author", "text")}
    return told | {name: page[name] for name in ("beliefs", "principles") if page[name]}


def _values_json(candidate: Candidate) -> dict[str, object]:
    return {} if candidate.values is None else {"values": dict(candidate.values)}


def _costs_json(candidate: Candidate, convention: Convention) -> dict[str, object]:
    """Give the costs of an architecture; nothing where its space has none."""
    cost = candidate.cost
    if cost is None:
        return {} if candidate.architecture else {"flops": None, "params": None}
    named = {"costs": dict(cost.named)} if cost.named else {}
    return {"flops": cost.counted(convention), "params": cost.params, **named}


def _metrics_json(candidate: Candidate, goal: Goal) -> dict[str, object]:
    """Return the further quantities of a measurement, and whether it keeps the limits."""
    found: dict[str, object] = {}
    if names := goal.told(candidate):
        found["metrics"] = {name: goal.reading(candidate, name) for name in names}
    if goal.limits:
        found["feasible"] = not goal.beyond(candidate) if candidate.value is not None else None
    return found


def _advice_json(candidate: Candidate) -> dict[str, object]:
    """Return the shortlist and the place taken from it, counted from 1; empty without advice."""
    if not candidate.shortlist:
        return {}
    return {"advised": [list(s.architecture) for s in candidate.shortlist], "taken": candidate.taken}


def _arm_json(candidate: Candidate) -> dict[str, object]:
    """Return the arm that proposed, the offers of all, and the probability of the model's beliefs; empty where the
    search is no hybrid."""
    if candidate.arm is None:
        return {}
    offers = [asdict(offer) for offer in candidate.offers]
    return {"arm": candidate.arm, "offers": offers, "belief": candidate.belief}


def _expectation_json(candidate: Candidate) -> dict[str, object]:
    """Return the proposer's own forecast; empty where it made none."""
    if candidate.expected is None:
        return {}
    return {"expected": candidate.expected, "expected_sd": candidate.expected_sd}


def _tools_json(candidate: Candidate) -> dict[str, object]:
    """Return the calls of tools, with the ends of long texts; empty without any."""
    if not candidate.tools:
        return {}
    calls = [
        {
            "name": printable(use.name, _NAME),
            "arguments": printable(use.arguments, _ARGUMENTS),
            "answer": printable(use.answer, _ANSWER),
            "attempt": use.attempt,
        }
        for use in candidate.tools[:_CALLS]
    ]
    return {"tools": calls, "rounds": candidate.rounds}


def best_json(candidate: Candidate, measurement: Measurement, goal: Goal) -> dict[str, object]:
    """Give a measured candidate as the best one is reported."""
    value, test_value = goal.objective.titles
    return {
        "architecture": list(candidate.architecture or ()),
        **_values_json(candidate),
        value: measurement.value,
        **_metrics_json(candidate, goal),
        test_value: measurement.test_value,
        **({"test_metrics": measurement.test_metrics} if measurement.test_metrics else {}),
        "rank": measurement.rank,
        "test_rank": measurement.test_rank,
        "iteration": candidate.iteration,
        **({} if candidate.arm is None else {"arm": candidate.arm}),
    }
