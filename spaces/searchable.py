"""Whether a space can be searched: its functions answer, and some architecture keeps its rule and the limits."""

from math import inf

import numpy as np

from ..errors import GeniusError
from ..printable import said_by
from .cost import CONVENTIONS
from .draws import draw_inside
from .inside import Chains, chains, largest_inside, listed, option_costs
from .limits import NO_LIMITS, OPEN, Limits, counted, extremes, in_words
from .space import ENUMERABLE, Architecture, CannotBuild, SearchSpace

_BUILT = 100  # networks that are tried, where costs are counted on them, until one can be built


def check_searchable(space: SearchSpace, limits: Limits) -> None:
    """Make sure that some architecture keeps the limits and the rule, and that the space's functions answer.

    It is known of a space that can be listed, and of limits on costs that are sums. Of a large space with a rule one is
    drawn instead; of a space whose costs are counted on networks, one that can be built is looked for.
    Raises: GeniusError with what the space's costs are, or what failed.
    """
    _check_identity(space)
    if limits.limited and not space.costed:
        raise GeniusError(
            f"{space.name} has no costs to limit: give it `cost`, a function of an architecture, `parts`, or a network"
        )
    if space.costed and not space.parts:
        _check_networks(space, limits)
    large = space.size > ENUMERABLE
    known = not large or option_costs(space, limits.convention) is not None
    if limits.limited and known:
        _check_limits(space.without_rule if large else space, limits)
    if space.valid is not None or space.conditions:
        draw_inside(space, limits if known else NO_LIMITS, np.random.default_rng(0), 1)


def _check_identity(space: SearchSpace) -> None:
    architecture = space.sample(np.random.default_rng(0))
    try:
        hash(space.identity(architecture))
    except MemoryError:
        raise
    except Exception as error:
        raise GeniusError(
            f"the identity of {space.name} is to be a value that can be hashed; of {list(architecture)} it is not: "
            f"{said_by(error)}"
        ) from error


def _check_networks(space: SearchSpace, limits: Limits) -> None:
    rng, why = np.random.default_rng(0), ""
    drawn = space.architectures() if space.size <= _BUILT else (space.sample(rng) for _ in range(_BUILT))
    for architecture in drawn:
        try:
            space.cost_of(architecture, strict=limits.of_flops)
            return
        except CannotBuild as error:
            why = str(error)
    raise GeniusError(f"no network of {space.name} was found that can be built; the last that was tried: {why}")


def _check_limits(space: SearchSpace, limits: Limits) -> None:
    if next(largest_inside(space, limits), None) is None:
        rule = "" if space.valid is None else " and its rule"
        raise GeniusError(
            f"no architecture of {space.name} keeps the limits{rule}: {limits.words()}; {_what_there_is(space, limits)}"
        )


def _what_there_is(space: SearchSpace, limits: Limits) -> str:
    found = extremes(space, limits.convention)
    if found is None:
        return "none of its networks can be built"
    flops, params = found
    words = (
        f"its FLOPs go from {in_words(flops[0])} to {in_words(flops[1])} ({CONVENTIONS[limits.convention]}), its "
        f"parameters from {in_words(params[0])} to {in_words(params[1])}"
    )
    near = [in_words(cost) for cost in _beside(space, limits) if cost is not None]
    quantity = "parameters" if limits.flops == OPEN else "FLOPs"
    return f"{words}; the {quantity} nearest to the range are {' and '.join(near)}" if near else words


def _beside(space: SearchSpace, limits: Limits) -> tuple[int | None, int | None]:
    """Return the costs next below and next above the range, where one thing alone is limited."""
    if limits.flops != OPEN and limits.params != OPEN:
        return None, None
    which = 1 if limits.flops == OPEN else 0
    low, high = (limits.flops, limits.params)[which]
    if space.size <= ENUMERABLE:
        costs = listed(space, Limits(convention=limits.convention))[1][:, which]
        below, above = costs[costs < low], costs[costs > high]
        return (int(below.max()) if len(below) else None, int(above.min()) if len(above) else None)
    chain = chains(space, limits)
    below_way = next(chain.within(ends=(-inf, low - 1)), None) if low > -inf else None
    mirrored = Chains(space, limits, [-value for value in chain.values])
    above_way = next(mirrored.within(ends=(-inf, -high - 1)), None) if high < inf else None
    ways = [_cost(space, limits, way, which) for way in (below_way, above_way)]
    return ways[0], ways[1]


def _cost(space: SearchSpace, limits: Limits, architecture: Architecture | None, which: int) -> int | None:
    if architecture is None:
        return None
    return int(counted(space.costs([architecture]), limits.convention)[0, which])
