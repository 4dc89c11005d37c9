"""The further costs of architectures, by name, which a space's own `cost` tells beside FLOPs and parameters."""

from collections.abc import Collection
from dataclasses import replace
from functools import lru_cache

import numpy as np

from ..cost import FIELDS, Cost
from ..space import Architecture, BadArchitecture, SearchSpace
from .feasible import Integers
from .limits import Counts, Limits

_REMEMBERED = 200_000  # architectures whose costs are kept


def further_costs(space: SearchSpace) -> Collection[str]:
    """Return the names of the further costs that a space tells of one architecture; none where costs are counted.

    Raises: GeniusError where its `cost` fails.
    """
    cost = None if space.cost is None else space.cost_of(space.sample(np.random.default_rng(0)))
    return () if cost is None else tuple(cost.named)


def costs_for(limits: Limits, space: SearchSpace, architectures: Integers, *, strict: bool = False) -> Counts:
    """Cost architectures as `SearchSpace.costs` does, with further costs that limits name: shape (n, FIELDS + names).

    Raises: GeniusError where a further cost is missing.
    """
    if not limits.others:
        return space.costs(architectures, strict=strict)
    settled = space.conditions.settled(architectures) if space.conditions else architectures
    if all(limits.prediction(name) for name, _ in limits.others):
        return _with_predictions(limits, space, settled, strict)
    rows = [_row(limits, space, tuple(row), strict) for row in settled.tolist()]
    return np.array(rows, dtype=np.float64).reshape(-1, FIELDS + len(limits.others))


def _with_predictions(limits: Limits, space: SearchSpace, architectures: Integers, strict: bool) -> Counts:
    """Cost architectures with further costs that are all predicted.

    Networks are built for FLOPs and parameters only where these are limited: elsewhere they are 0.
    """
    predicted = [found.amounts(space, architectures) for name, _ in limits.others if (found := limits.prediction(name))]
    if limits.by_prediction and not space.looked_up:
        counted = np.zeros((len(architectures), FIELDS), dtype=np.int64)
    else:
        counted = space.costs(architectures, strict=strict)
    costs = np.column_stack([counted, *predicted])
    costs[(counted < 0).any(axis=1)] = -1.0
    return costs


def cost_within(limits: Limits, space: SearchSpace, architecture: Architecture) -> Cost | None:
    """Return the costs of an architecture, with those that are predicted; None where its space has none.

    Raises: BadArchitecture; CannotBuild where there is no network to count; GeniusError.
    """
    cost = space.cost_of(architecture, strict=limits.of_flops)
    return cost if cost is None else _and_predicted(limits, space, architecture, cost)


def _and_predicted(limits: Limits, space: SearchSpace, architecture: Architecture, cost: Cost) -> Cost:
    settled = np.array([space.settled(architecture)])
    predicted = {each.name: float(each.amounts(space, settled)[0]) for each in limits.predicted}
    return replace(cost, named={**cost.named, **predicted}) if predicted else cost


def _row(limits: Limits, space: SearchSpace, architecture: Architecture, strict: bool) -> tuple[float, ...]:
    answers = _answers(space)
    if architecture in answers:
        cost = answers[architecture]
    else:
        cost = _asked(space, architecture, strict)
        if len(answers) < _REMEMBERED:
            answers[architecture] = cost
    if cost is None:
        return (-1.0,) * (FIELDS + len(limits.others))
    return (*cost.row, *limits.amounts(_and_predicted(limits, space, architecture, cost))[2:])


def _asked(space: SearchSpace, architecture: Architecture, strict: bool) -> Cost | None:
    """Ask for the costs of an architecture; None where its network is forbidden or cannot be built."""
    try:
        return space.cost_of(architecture, strict=strict)
    except BadArchitecture:
        return None


@lru_cache(maxsize=4)
def _answers(space: SearchSpace) -> dict[Architecture, Cost | None]:
    """Return the known costs of a space, so that its own function is asked once for each architecture."""
    return {}
