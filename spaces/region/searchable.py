"""Whether a region can be searched: the space's functions answer, and some architecture keeps rule and limits."""

from typing import TYPE_CHECKING

import numpy as np

from ...errors import GeniusError
from ...printable import said_by
from ..cost import counting_in_words
from ..space import CannotBuild, SearchSpace
from .feasible import Extremes
from .limits import in_words

if TYPE_CHECKING:
    from .region import Region

_BUILT = 100  # networks that are tried, where costs are counted on them, until one can be built


def check_searchable(region: "Region") -> None:
    """Make sure that some architecture keeps the limits and the rule, and that the space's functions answer.

    It is known of a space that can be listed, and of limits on costs that are sums over decisions; else one is looked
    for. Of a space whose costs are counted on networks, one that can be built is looked for.
    Raises: GeniusError, which tells the costs of the space, or the function that failed.
    """
    space = region.space
    _check_identity(space)
    if region.limits.limited and not space.costed:
        raise GeniusError(
            f"{space.name} has no costs to limit: give it `cost`, a function of an architecture, `parts`, or a network"
        )
    if space.costed and not space.parts:
        _check_networks(space, strict=region.limits.of_flops)
    if region.limits.limited:
        _check_limits(region if region.listed() is not None else region.without_rule)
    if space.valid is not None:
        region.draw(np.random.default_rng(0), 1)


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


def _check_networks(space: SearchSpace, strict: bool) -> None:
    rng, why = np.random.default_rng(0), ""
    drawn = space.architectures() if space.size <= _BUILT else (space.sample(rng) for _ in range(_BUILT))
    for architecture in drawn:
        try:
            space.cost_of(architecture, strict=strict)
            return
        except CannotBuild as error:
            why = str(error)
    raise GeniusError(f"no network of {space.name} was found that can be built; the last that was tried: {why}")


def _check_limits(region: "Region") -> None:
    if region.smallest() is None:
        rule = "" if region.space.valid is None else " and its rule"
        none = "keeps" if region.exact else "was found that keeps"
        head = f"no architecture of {region.space.name} {none} the limits{rule}"
        raise GeniusError(f"{head}: {region.words}; {_costs_there_are(region)}")


def _costs_there_are(region: "Region") -> str:
    found = region.extremes()
    if found is None:
        return "none of its networks can be built" if region.exact else "allow a wider range"
    words, at = _ranges(found, region), region.limits.main
    near = [in_words(cost) if at < 2 else f"{cost:.12g}" for cost in region.beside() if cost is not None]
    quantity = region.limits.names[at]
    return f"{words}; the {quantity} nearest to the range are {' and '.join(near)}" if near else words


def _ranges(found: Extremes, region: "Region") -> str:
    """Say from where to where costs go; FLOPs and parameters are left out where only further costs are told."""
    flops, params, *others = found
    limits = region.limits
    counting = counting_in_words(limits.convention, text=region.space.context is not None)
    named = zip(limits.others, others, strict=True)
    further = [f"its {name} goes from {low:.12g} to {high:.12g}" for (name, _), (low, high) in named]
    if further and not flops[1] and not params[1]:
        return ", ".join(further)
    counted = [
        f"its FLOPs go from {in_words(flops[0])} to {in_words(flops[1])} ({counting})",
        f"its parameters from {in_words(params[0])} to {in_words(params[1])}",
    ]
    return ", ".join(counted + further)
