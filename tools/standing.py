"""Where an architecture stands in a search: measured before, in training, or beyond a limit."""

from collections.abc import Iterator

from ..record.candidate import Candidate
from ..record.goal import limit_words
from ..record.history import History
from ..spaces.cost import Cost
from ..spaces.region import Region, cost_within
from ..spaces.space import Architecture, CannotBuild
from .prices import broken_limits
from .seen import short

_REASON = 200  # characters of a reason


def standing(architecture: Architecture, region: Region, history: History) -> Iterator[str]:
    """Yield the reasons why an architecture of the space would not be trained, each with its values and limits; none
    for one that may be proposed."""
    earlier = history.find(region.space, architecture)
    if earlier is not None:
        same = "" if earlier.architecture == architecture else f" as {region.space.written(earlier.architecture or ())}"
        yield f"{_outcome(earlier, history)}{same} in iteration {earlier.iteration}"
        if broken := history.goal.beyond(earlier):
            yield f"not feasible: {' and '.join(broken)}; allowed: {limit_words(history.goal)}"
    elif refused := beyond_as_measured(architecture, region, history):
        yield f"not allowed: {refused}"
    try:
        cost = cost_within(region.limits, region.space, architecture)
    except CannotBuild as error:
        yield f"not allowed: {short(error, _REASON)}"
    else:
        yield from _off(cost, region)


def _outcome(earlier: Candidate, history: History) -> str:
    if earlier.value is not None:
        return f"measured, {history.goal.objective.text(earlier.value)},"
    return f"tried and failed ({short(earlier.error, _REASON)})" if earlier.error else "in training now, proposed"


def _off(cost: Cost | None, region: Region) -> Iterator[str]:
    if cost is not None and not region.limits.accept(cost):
        yield f"not allowed: {broken_limits(region, cost)}"


def beyond_as_measured(architecture: Architecture, region: Region, history: History) -> str:
    """Say which limits on measures an architecture broke that was measured and refused; empty for any other."""
    goal, identity = history.goal, region.space.identity(architecture)
    metrics = next((found for one, found in history.weighed if region.space.identity(one) == identity), {})
    broken = [
        f"{name} is {value:.4g}{goal.suffix(name)}" for name, value in metrics.items() if goal.forbids(name, value)
    ]
    return f"{' and '.join(broken)}; allowed: {limit_words(goal)}" if broken else ""
