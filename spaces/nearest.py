"""The architecture nearest to one that breaks the limits or the rule."""

from collections.abc import Collection, Hashable, Iterator

import numpy as np

from ..errors import GeniusError
from .inside import by_the_rule, chains, listed, option_costs
from .limits import OPEN, Limits
from .space import ENUMERABLE, Architecture, SearchSpace


def check_nearest(space: SearchSpace, limits: Limits) -> None:
    """Make sure that `nearest` works for a space.

    Raises: GeniusError where the space is too large to list and its costs are no sums over its decisions.
    """
    if space.size > ENUMERABLE and option_costs(space, limits.convention) is None:
        raise GeniusError(
            f"{space.name} has {space.size:.3g} architectures whose costs do not add up decision by decision: the "
            "nearest one within limits cannot be found; use --repair ask"
        )


def nearest(
    space: SearchSpace, limits: Limits, architecture: Architecture, tried: Collection[Hashable] = ()
) -> Architecture | None:
    """Return the architecture with the fewest changes that keeps limits and rule, of none of the `tried` identities.

    Of equals it is the one with the highest FLOPs, or parameters where these alone are limited: the closest from below
    to the upper end. None where there is no such architecture; where a large space has a rule, also where the rule
    forbids the 20,000 nearest within the limits. Raises: see `check_nearest`.
    """
    check_nearest(space, limits)
    ordered = _from_list if space.size <= ENUMERABLE else _from_layers
    return next((found for found in ordered(space, limits, architecture) if space.identity(found) not in tried), None)


def _from_list(space: SearchSpace, limits: Limits, architecture: Architecture) -> Iterator[Architecture]:
    architectures, costs = listed(space, limits)
    changes = (architectures != np.array(architecture)).sum(axis=1)
    main = costs[:, 1 if limits.flops == OPEN else 0]
    for at in np.lexsort((-main, changes)):
        yield tuple(architectures[at].tolist())


def _from_layers(space: SearchSpace, limits: Limits, architecture: Architecture) -> Iterator[Architecture]:
    chain = chains(space, limits, architecture)
    ways = (found for changes in range(len(space.decisions) + 1) for found in chain.within(changes))
    return by_the_rule(space, ways)
