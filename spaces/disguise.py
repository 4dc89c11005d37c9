"""Disguises: a space without its names, so that a model can use only the measurements, and not its memory."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite
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

_DECADES = ((5.0, 6.0), (3.0, 4.0))
"""The powers of ten between which the hidden units of FLOPs and of parameters are drawn."""

_DESCRIPTION = """\
An architecture has {count} places, and for each one option is to be chosen. The meaning of the places and of their
options is not told, and both are numbered in no order; where two places list the same options, they mean the same. The
options of the places:
{places}

An architecture is a list of {count} numbers, the options of the places in this order."""


@dataclass(frozen=True)
class Disguise:
    """The key to a disguise.

    - `meanings`: for each shown place the real option number of each shown one, counted from 0.
    - `places`: for each shown place the real decision behind it; empty where they keep their order.
    - `units`: the FLOPs and the parameters that are told as 1; empty where costs are told as they are.
    """

    meanings: Sequence[Sequence[int]]
    places: Sequence[int] = ()
    units: tuple[float, ...] = ()

    @property
    def order(self) -> Sequence[int]:
        """The real decision behind each shown place."""
        return self.places or range(len(self.meanings))

    def shown(self, decision: int) -> int:
        """Return the place at which a decision is shown."""
        return self.order.index(decision)

    def real(self, place: int, option: int) -> tuple[int, int]:
        """Return the decision and the option behind a shown one."""
        return self.order[place], self.meanings[place][option]

    def reveal(self, architecture: Architecture) -> Architecture:
        """Return the real architecture that a shown one stands for.

        Raises: IndexError, ValueError for a key that is not its own.
        """
        pairs = zip(self.order, self.meanings, architecture, strict=True)
        found = {decision: options[shown] for decision, options, shown in pairs}
        return tuple(found[decision] for decision in range(len(architecture)))

    def conceal(self, architecture: Architecture) -> Architecture:
        """Return the shown architecture that stands for a real one."""
        pairs = zip(self.order, self.meanings, strict=True)
        return tuple(options.index(architecture[decision]) for decision, options in pairs)

    def of(self, space: SearchSpace) -> SearchSpace:
        """Return the space with neutral names, its decisions and options in the drawn order; else it is as it was.

        The rule and networks that cannot be built refuse the same architectures, without a word on why.
        Raises: GeniusError for the key of another space.
        """
        self._check(space)
        decisions = _neutral([space.decisions[decision] for decision in self.order])
        features, depth, shortest = space.features, space.depth, space.shortest
        reveal, reveal_all = self.reveal, self._reveal_all
        return replace(
            space,
            name="disguised",
            decisions=decisions,
            description=_describe(decisions),
            build=space.build and (lambda shown: _build(space, reveal(shown), shown)),
            context=space.context and (lambda shown: space.shape_of(reveal(shown))[0]),
            parts=tuple(map(self._part, space.parts)),
            identity=lambda shown: space.identity(reveal(shown)),
            key=lambda shown: space.key(reveal(shown)),
            named={},
            sketch=None,
            features=features and (lambda shown: features(reveal_all(shown))),
            depth=depth and (lambda shown: depth(reveal_all(shown))),
            shortest=shortest and (lambda shown: shortest(reveal_all(shown))),
            cost=space.cost and (lambda shown: space.cost_of(reveal(shown))),
            by_value=False,
            valid=space.valid and (lambda shown: space.forbids(reveal(shown)) is None),
        )

    def _check(self, space: SearchSpace) -> None:
        check_disguise(space)
        if sorted(self.order) != list(range(len(space.decisions))):
            raise GeniusError(f"these places are not those of {space.name}: each of its decisions once")
        if len(self.meanings) != len(self.order) or any(
            sorted(options) != list(space.decisions[decision].numbers)
            for decision, options in zip(self.order, self.meanings, strict=True)
        ):
            raise GeniusError(f"these meanings are not those of {space.name}: each of its options once")
        if self.units and (len(self.units) != len(_DECADES) or not all(u > 0 and isfinite(u) for u in self.units)):
            raise GeniusError("the hidden units of a disguise are two numbers above 0, of FLOPs and of parameters")

    def _reveal_all(self, shown: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the real architectures of shown ones: shape (n, decisions)."""
        real = np.empty_like(shown)
        for at, (decision, options) in enumerate(zip(self.order, self.meanings, strict=True)):
            real[:, decision] = np.array(options)[shown[:, at]]
        return real

    def _part(self, part: Part) -> Part:
        """Return a part of the network that depends on the shown places of its decisions."""
        places = tuple(map(self.shown, part.decisions))

        def cost(*shown: int) -> Cost:
            return part.cost(*(self.meanings[at][option] for at, option in zip(places, shown, strict=True)))

        return Part(places, cost)


def check_disguise(space: SearchSpace) -> None:
    """Make sure that a space can be disguised.

    Raises: GeniusError where decisions have conditions: which of them count would tell them apart.
    """
    if space.conditions:
        raise GeniusError(f"{space.name} has decisions that count only under others, and cannot be disguised")


def draw_disguise(space: SearchSpace, seed: int) -> Disguise:
    """Draw the order of the decisions, that of their options, alike where these are the same, and the hidden units.

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
        found.append([decision.numbers[at] for at in orders[decision.names]])
    places = rng.permutation(len(space.decisions)).tolist()
    units = tuple(float(10 ** rng.uniform(*ends)) for ends in _DECADES)
    return Disguise([found[decision] for decision in places], places, units)


def _build(space: SearchSpace, real: Architecture, shown: Architecture) -> "nn.Module":
    try:
        return space.network(real)
    except CannotBuild as error:
        raise CannotBuild(f"{list(shown)} cannot be built") from error


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
