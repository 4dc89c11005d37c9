"""The approver, a person: the question before each training, and the effect of the answer on the candidate."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..printable import named
from ..record.candidate import Candidate, Repair
from ..record.history import History
from ..record.plain import text
from ..spaces.region import Region
from ..spaces.space import Architecture, BadArchitecture, SearchSpace
from ..tools.prices import differences
from ..tools.replies import UnreadableReply, read_reply
from ..tools.validator import Broken, check_architecture, refuse, taken

YES, NO, EDIT = "yes", "no", "edit"
_FORMS = '{"answer": "yes"}, {"answer": "no", "reason": "…"} or {"answer": "edit", "architecture": […]}'


_LONGEST = 500  # characters of a reason


class BadAnswer(ValueError):
    """An answer of another form, or an architecture that cannot be trained; the message names a right one."""


def question(candidate: Candidate, space: SearchSpace) -> dict[str, Any]:
    """Make the question about a candidate, in plain JSON types."""
    assert candidate.architecture is not None
    chosen = zip(space.decisions, candidate.architecture, space.visible(candidate.architecture), strict=True)
    costs = {"flops": candidate.cost.flops, "params": candidate.cost.params} if candidate.cost else {}
    return {
        "question": f"Train {space.written(candidate.architecture)}? Answer with {_FORMS}.",
        "iteration": candidate.iteration,
        "architecture": candidate.values or list(candidate.architecture),
        "options": {d.name: d.names[number - d.first] for d, number, counts in chosen if counts},
        **costs,
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
    candidate = replace(candidate, rationale="", architecture=None, values=None, cost=None, repair=None, rounded="")
    return refuse(candidate, why, max_replies, teaches=True)


def _architecture(given: object, space: SearchSpace) -> Architecture:
    """Read a person's architecture: a list of option numbers, or of values, or an object of values.

    Raises: BadAnswer.
    """
    try:
        if space.by_value and isinstance(given, Mapping | list | tuple):
            reading = read_reply(f"Architecture: {json.dumps(given)}", space.without_rule)
            if reading.architecture is not None:
                return reading.architecture
        elif isinstance(given, list | tuple) and all(type(number) is int for number in given):
            return space.without_rule.check(tuple(given))
    except (BadArchitecture, UnreadableReply) as bad:
        raise BadAnswer(str(bad)) from None
    values = " or an object of values" if space.by_value else ""
    raise BadAnswer(f"an architecture is a list of {len(space.decisions)} numbers{values}, got {named(given)}")


def _edited(candidate: Candidate, given: object, region: Region, history: History) -> Candidate:
    """Replace the candidate's architecture by the person's, which must keep the same rules as a reply's."""
    space = region.space
    architecture = _architecture(given, space)
    if architecture == candidate.architecture:
        return candidate
    found = check_architecture(architecture, region, history)
    if isinstance(found, Broken):
        raise BadAnswer(found.reason.splitlines()[0])
    assert candidate.architecture is not None
    words = f"was changed by a person: {differences(space, candidate.architecture, architecture)}"
    repair = Repair(candidate.architecture, words, "person")
    return taken(candidate, space, architecture, found, repair)
