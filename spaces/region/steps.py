"""The costs of a space's parts, added up decision by decision, in an order in which little has to be remembered."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod

import numpy as np
import numpy.typing as npt

from ..cost import Convention
from ..space import SearchSpace
from .feasible import Integers
from .limits import Limits

_STATES = 2**15  # of all steps together

_Part = tuple[tuple[int, ...], Integers]
"""The decisions of a part, and its costs by a convention: shape (options of each decision, …, 2)."""


@dataclass(frozen=True)
class Step:
    """A decision that is taken, knowing of earlier ones those that parts to come depend on: the state.

    `follows` is the state after each option in each state, of shape (states, options); `added` the costs of each
    option: shape (states, options, 2). `states` counts the states after the step.
    """

    decision: int
    follows: Integers
    added: Integers
    states: int


@lru_cache(maxsize=8)
def steps_through(space: SearchSpace, convention: Convention) -> Sequence[Step] | None:
    """Return the steps that add up the costs of a space; None where it has no parts, or too much is to be remembered.

    Where every part depends on one decision, there is one state.
    """
    parts = _parts(space, convention)
    if parts is None or space.conditions:  # a hidden decision adds nothing
        return None
    options = [len(decision.options) for decision in space.decisions]
    left = set(range(len(options)))
    open_parts, found, states = list(parts), [], 0
    known: tuple[int, ...] = ()
    while left:
        decision, after = _cheapest(left, known, [decisions for decisions, _ in open_parts], options)
        states += prod(options[each] for each in known) * options[decision]
        if states > _STATES:
            return None
        left.discard(decision)
        done = [part for part in open_parts if not left.intersection(part[0])]
        open_parts = [part for part in open_parts if left.intersection(part[0])]
        found.append(_step(decision, known, after, done, options))
        known = after
    return found


def _parts(space: SearchSpace, convention: Convention) -> list[_Part] | None:
    tables = space.part_costs
    if not tables:
        return None
    limits = Limits(convention=convention)
    counted = (limits.counted(table.reshape(-1, table.shape[-1])).astype(np.int64) for _, table in tables)
    return [
        (decisions, rows.reshape(*table.shape[:-1], -1))
        for (decisions, table), rows in zip(tables, counted, strict=True)
    ]


def _cheapest(
    left: set[int], known: tuple[int, ...], parts: Sequence[tuple[int, ...]], options: Sequence[int]
) -> tuple[int, tuple[int, ...]]:
    """Return the decision after which the fewest states have to be told apart, the first of equals, and the decisions
    that make up these states.
    """
    best: tuple[int, int, tuple[int, ...]] | None = None
    for decision in sorted(left):
        later = left - {decision}
        needed = {each for part in parts if later.intersection(part) for each in part}
        after = tuple(each for each in sorted({*known, decision}) if each in needed)
        states = prod(options[each] for each in after)
        if best is None or states < best[0]:
            best = states, decision, after
        if states == 1:
            break
    assert best is not None
    return best[1], best[2]


def _step(
    decision: int, known: tuple[int, ...], after: tuple[int, ...], done: Sequence[_Part], options: Sequence[int]
) -> Step:
    """Tabulate a step: `known` and `after` are the decisions that the state before and after it holds."""
    taken = (*known, decision)
    counts = [options[each] for each in taken]
    grid = np.indices(counts).reshape(len(taken), -1)
    places: dict[int, npt.NDArray[np.int64]] = dict(zip(taken, grid, strict=True))
    added = np.zeros((grid.shape[1], 2), dtype=np.int64)
    for decisions, table in done:
        added += table[tuple(places[each] for each in decisions)]
    follows = np.zeros(grid.shape[1], dtype=np.int64)
    for each in after:
        follows = follows * options[each] + places[each]
    shape = (-1, options[decision])
    return Step(decision, follows.reshape(shape), added.reshape(*shape, 2), prod(options[each] for each in after))
