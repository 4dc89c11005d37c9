"""The agent that holds a reply against the rules: readable, in the space, not tried before, within the limits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..record.call import shortened
from ..record.candidate import ALL_TRIED, SAYS_NOTHING_LEFT, Candidate, Refusal, Repair
from ..record.history import History
from ..record.settings import RepairMode, WhenDone
from ..spaces.cost import Cost
from ..spaces.objective import Objective
from ..spaces.region import Limits, Region, cost_within
from ..spaces.space import Architecture, CannotBuild, SearchSpace
from .prices import amount_in_words, amounts_in_words, differences, off_limits
from .replies import Reading, UnreadableReply, read_reply

_HEAD, _TAIL = 500, 1_500
"""Characters of a refused reply that are kept and sent back: of its beginning, and of its end."""

_LISTED = 100_000  # architectures of which it is looked up whether all were tried
_ALIKE = 50  # architectures that may compute the same function


def validate(
    candidate: Candidate,
    region: Region,
    history: Sequence[Candidate],
    *,
    repair: RepairMode = "ask",
    max_replies: int,
    when_done: WhenDone,
) -> Candidate:
    """Judge a candidate's reply.

    Returns the candidate with its architecture and cost; or with one refusal more and no reply, to be asked again; or
    with an error where the last of `max_replies` was refused or nothing better is left: then the iteration is over.
    """
    known = History.of(history)
    if candidate.fault:
        return refuse(replace(candidate, reply=""), candidate.fault, max_replies)
    try:
        reading = read_reply(candidate.reply, region.space.without_rule)
    except UnreadableReply as broken:
        return refuse(candidate, str(broken), max_replies)
    if reading.architecture is None:
        if when_done == "stop" or candidate.llm is None or _all_tried(region, known):
            return replace(candidate, error=SAYS_NOTHING_LEFT)
        return refuse(candidate, "the search goes on: propose an architecture that was not tried yet", max_replies)
    candidate = _told(candidate, reading, known.goal.objective)
    found = check_architecture(reading.architecture, region, known)
    if not isinstance(found, Broken):
        return taken(candidate, region.space, reading.architecture, found, rounded=reading.rounded)
    if repair == "nearest" and found.mendable:
        repaired = _nearest(candidate, reading.architecture, found.mendable, region, known)
        if repaired is not None:
            return repaired
    if found.repeat and _all_tried(region, known):
        return replace(candidate, error=ALL_TRIED)
    return refuse(candidate, found.reason, max_replies, teaches=not found.repeat)


def _told(candidate: Candidate, reading: Reading, objective: Objective) -> Candidate:
    """Return a candidate with the rationale and the forecast that its reply states; one that it has stays otherwise."""
    expectation = reading.expectation.within(objective)
    if expectation.value is not None:
        candidate = replace(candidate, expected=expectation.value, expected_sd=expectation.sd)
    return replace(candidate, rationale=reading.rationale or candidate.rationale)


@dataclass(frozen=True)
class Broken:
    """Why an architecture is not taken; `mendable` says it for one that the nearest can stand in for.

    `repeat` is whether it was tried before.
    """

    reason: str
    mendable: str = ""
    repeat: bool = False


def taken(
    candidate: Candidate,
    space: SearchSpace,
    architecture: Architecture,
    cost: Cost | None,
    repair: Repair | None = None,
    rounded: str = "",
) -> Candidate:
    """Return a candidate with the architecture that is evaluated; its values too, where the space goes by them."""
    values = space.plain_values(architecture) if space.by_value else None
    return replace(candidate, architecture=architecture, values=values, cost=cost, repair=repair, rounded=rounded)


def check_architecture(architecture: Architecture, region: Region, history: History) -> Cost | Broken | None:
    """Return the costs of an architecture, None where its space has none; or the rule that it breaks."""
    space, limits = region.space, region.limits
    if forbidden := space.forbids(architecture):
        return Broken(forbidden, mendable=forbidden)
    if repeat := _repeat(architecture, space, history):
        return Broken(repeat, repeat=True)
    try:
        cost = cost_within(limits, space, architecture)
    except CannotBuild as error:
        return Broken(str(error))
    if cost is None or limits.accept(cost):
        return cost
    short = f"{space.written(architecture)} has {_in_short(limits, cost)}, off the limits"
    return Broken(off_limits(region, architecture, cost, history.tried(space)), mendable=short)


def _in_short(limits: Limits, cost: Cost) -> str:
    if limits.others:
        return " and ".join(amounts_in_words(limits, cost))
    return " and ".join(amount_in_words(limits, at, amount) for at, amount in enumerate(limits.amounts(cost)))


def _all_tried(region: Region, history: History) -> bool:
    """Tell whether nothing is left of a space that can be listed quickly."""
    space, limits = region.space, region.limits
    known = history.tried(space)
    if space.size > _LISTED or (not limits.limited and space.valid is None and space.size > _ALIKE * len(known)):
        return False
    listed = region.listed() if limits.limited else np.array(list(space.architectures()))
    if listed is None:
        return False
    return all(space.identity(architecture) in known for architecture in map(tuple, listed.tolist()))


def _nearest(
    candidate: Candidate,
    proposed: Architecture,
    why: str,
    region: Region,
    history: History,
) -> Candidate | None:
    """Take the nearest untried architecture that keeps limits and rule; None where there is none."""
    space = region.space
    architecture = region.nearest(proposed, history.tried(space))
    if architecture is None:
        return None
    reason = f"{why}; changed {differences(space, proposed, architecture)}"
    return taken(
        candidate, space, architecture, cost_within(region.limits, space, architecture), Repair(proposed, reason)
    )


def refuse(
    candidate: Candidate,
    reason: str,
    max_replies: int,
    architecture: Architecture | None = None,
    metrics: Mapping[str, float] | None = None,
    *,
    teaches: bool = False,
) -> Candidate:
    """Send a candidate's reply back; with the last of `max_replies` the iteration is over.

    Where its network was measured, `architecture` and `metrics` tell the measures; `teaches` is that of the refusal.
    """
    reply = shortened(candidate.reply, _HEAD, _TAIL)
    refusals = (*candidate.refusals, Refusal(reply, reason, architecture, dict(metrics or {}), teaches))
    spent = len(refusals) >= max_replies
    short = reason.splitlines()[0]
    error = f"none of {max_replies} replies gave a new architecture of this space; the last: {short}" if spent else None
    candidate = replace(candidate, rationale="", expected=None, expected_sd=None)
    return replace(candidate, reply="", fault=None, refusals=refusals, error=error)


def _repeat(architecture: Architecture, space: SearchSpace, history: History) -> str | None:
    """Say which earlier architecture this one repeats; None where it is new."""
    earlier = history.find(space, architecture)
    if earlier is None or earlier.architecture is None:
        return None
    same = f" computes the same function as {space.written(earlier.architecture)}, which"
    state = "was tried" if earlier.measurement or earlier.error else "is being trained"
    differs = earlier.architecture != architecture
    return f"{space.written(architecture)}{same if differs else ''} {state} in iteration {earlier.iteration}"
