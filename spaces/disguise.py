"""Disguises: a space without its names, so that a model can use only the measurements, and not its memory."""

from collections.abc import Sequence
from dataclasses import replace
from string import ascii_uppercase
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..errors import GeniusError
from .cost import Cost, Part
from .decision import Decision
from .space import Architecture, CannotBuild, SearchSpace

if TYPE_CHECKING:
    from torch import nn

Meanings = Sequence[Sequence[int]]
"""For each decision the real option number of each shown one, counted from 0."""

_DESCRIPTION = """\
Task: image classification. The aim is the highest top-1 accuracy after training from scratch.

The network has {count} places, and for each one option is to be chosen. What the options are is not told, and their
numbers are in no order; where two places list the same options, they mean the same. The options of the places:
{places}

An architecture is a list of {count} numbers, the options of the places in this order."""


def check_disguise(space: SearchSpace) -> None:
    """Make sure that a space can be disguised.

    Raises: GeniusError where decisions have conditions: which of them count would tell them apart.
    """
    if space.conditions:
        raise GeniusError(f"{space.name} has decisions that count only under others, and cannot be disguised")


def shuffle(space: SearchSpace, seed: int) -> Meanings:
    """Draw the real options behind the shown ones; decisions with the same options are shuffled alike.

    The levels of a range lose their order, too: their neighbourhood would give them away.
    Raises: GeniusError, see `check_disguise`.
    """
    check_disguise(space)
    rng = np.random.default_rng(seed)
    orders: dict[tuple[str, ...], list[int]] = {}
    found = []
    for decision in space.decisions:
        if decision.names not in orders:
            orders[decision.names] = rng.permutation(len(decision.names)).tolist()
        found.append([decision.numbers[place] for place in orders[decision.names]])
    return found


def reveal(architecture: Architecture, meanings: Meanings) -> Architecture:
    """Return the real architecture that a shown one stands for."""
    return tuple(options[shown] for options, shown in zip(meanings, architecture, strict=True))


def conceal(architecture: Architecture, meanings: Meanings) -> Architecture:
    """Return the shown architecture that stands for a real one."""
    return tuple(options.index(real) for options, real in zip(meanings, architecture, strict=True))


def disguise(space: SearchSpace, meanings: Meanings) -> SearchSpace:
    """Return the space with neutral names and with its options in the drawn order; everything else is as it was.

    The rule and networks that cannot be built refuse the same architectures, without a word on why.
    Raises: GeniusError for meanings of another space.
    """
    check_disguise(space)
    if [sorted(options) for options in meanings] != [list(decision.numbers) for decision in space.decisions]:
        raise GeniusError(f"these meanings are not those of {space.name}: each of its options once")
    table = [np.array(options) for options in meanings]

    def reveal_all(shown: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return np.stack([options[shown[:, at]] for at, options in enumerate(table)], axis=1)

    def build(shown: Architecture) -> "nn.Module":
        try:
            return space.network(reveal(shown, meanings))
        except CannotBuild as error:
            raise CannotBuild(f"{list(shown)} cannot be built") from error

    decisions = _neutral(space.decisions)
    features, depth, shortest = space.features, space.depth, space.shortest
    return replace(
        space,
        name="disguised",
        decisions=decisions,
        description=_describe(decisions),
        build=space.build and build,
        parts=tuple(_disguised(part, meanings) for part in space.parts),
        identity=lambda architecture: space.identity(reveal(architecture, meanings)),
        key=lambda architecture: space.key(reveal(architecture, meanings)),
        named={},
        features=features and (lambda shown: features(reveal_all(shown))),
        depth=depth and (lambda shown: depth(reveal_all(shown))),
        shortest=shortest and (lambda shown: shortest(reveal_all(shown))),
        cost=space.cost and (lambda shown: space.cost_of(reveal(shown, meanings))),
        by_value=False,
        valid=space.valid and (lambda shown: space.forbids(reveal(shown, meanings)) is None),
    )


def _disguised(part: Part, meanings: Meanings) -> Part:
    def cost(*shown: int) -> Cost:
        return part.cost(*(meanings[at][option] for at, option in zip(part.decisions, shown, strict=True)))

    return Part(part.decisions, cost)


def _neutral(decisions: Sequence[Decision]) -> tuple[Decision, ...]:
    """Name decisions by their place, options by letters; those of another set of options get other letters."""
    letters = {options: number for number, options in enumerate(dict.fromkeys(d.names for d in decisions))}
    return tuple(
        Decision(f"place {at}", tuple(_letter(letters[d.names], option) for option in range(len(d.names))))
        for at, d in enumerate(decisions, start=1)
    )


def _letter(kind: int, option: int) -> str:
    rounds, place = divmod(kind, len(ascii_uppercase))
    return f"{ascii_uppercase[place] * (rounds + 1)}{option}"


def _describe(decisions: Sequence[Decision]) -> str:
    places = "\n".join(f"- {decision.words}" for decision in decisions)
    return _DESCRIPTION.format(count=len(decisions), places=places)
