"""The approver, a person: the question before each training, and the effect of the answer on the candidate."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..printable import named
from ..record.candidate import Candidate, Repair
from ..record.history import History
from ..record.plain import text
from ..spaces.region import Region
from ..spaces.space import Architecture, BadArchitecture, SearchSpace
from ..tools.prices import changes
from ..tools.validator import Broken, check_architecture, refuse

YES, NO, EDIT = "yes", "no", "edit"
_FORMS = '{"answer": "yes"}, {"answer": "no", "reason": "…"} or {"answer": "edit", "architecture": […]}'


_LONGEST = 500  # characters of a reason


class BadAnswer(ValueError):
    """An answer of another form, or an architecture that cannot be trained; the message names a right one."""


def question(candidate: Candidate, space: SearchSpace) -> dict[str, Any]:
    """Make the question about a candidate, in plain JSON types."""
    assert candidate.architecture is not None
    chosen = zip(space.decisions, candidate.architecture, strict=True)
    return {
        "question": f"Train {list(candidate.architecture)}? Answer with {_FORMS}.",
        "iteration": candidate.iteration,
        "architecture": list(candidate.architecture),
        "options": {decision.name: decision.options[number - decision.first] for decision, number in chosen},
        "flops": candidate.cost.flops if candidate.cost else None,
        "params": candidate.cost.params if candidate.cost else None,
        "rationale": candidate.rationale,
    }


def decide(answer: object, candidate: Candidate, region: Region, history: History, max_replies: int) -> Candidate:
    """Return the candidate unchanged, edited by the person, or refused with the person's reason.

    Raises: BadAnswer.
    """
    given: Mapping[str, Any] = answer if isinstance(answer, Mapping) else {"answer": answer}
    said = given.get("answer")
    if said == YES and set(given) == {"answer"}:
        return candidate
    if said == NO and set(given) <= {"answer", "reason"}:
        return _refused(candidate, given.get("reason") or "", max_replies)
    if said == EDIT and set(given) == {"answer", "architecture"}:
        return _edited(candidate, given["architecture"], region, history)
    raise BadAnswer(f"an answer is {_FORMS}, got {named(answer)}")


def _refused(candidate: Candidate, reason: object, max_replies: int) -> Candidate:
    if not isinstance(reason, str):
        raise BadAnswer(f"the reason for a no is a text, got {named(reason)}")
    why = f"a person refuses to train {list(candidate.architecture or ())}"
    why += f": {text(reason, _LONGEST)}" if reason.strip() else ""
    candidate = replace(candidate, rationale="", architecture=None, cost=None, repair=None)
    return refuse(candidate, why, max_replies)


def _edited(candidate: Candidate, given: object, region: Region, history: History) -> Candidate:
    """Replace the candidate's architecture by the person's, which must keep the same rules as a reply's."""
    space = region.space
    if not isinstance(given, list | tuple) or not all(type(number) is int for number in given):
        raise BadAnswer(f"an architecture is a list of {len(space.decisions)} numbers, got {named(given)}")
    architecture: Architecture = tuple(given)
    if architecture == candidate.architecture:
        return candidate
    try:
        space.without_rule.check(architecture)
    except BadArchitecture as bad:
        raise BadAnswer(str(bad)) from None
    found = check_architecture(architecture, region, history)
    if isinstance(found, Broken):
        raise BadAnswer(found.reason.splitlines()[0])
    assert candidate.architecture is not None
    words = f"was changed by a person: {changes(space, candidate.architecture, architecture)}"
    repair = Repair(candidate.architecture, words, "person")
    return replace(candidate, architecture=architecture, cost=found, repair=repair)
