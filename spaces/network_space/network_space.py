"""The space of a network's variants. Imports torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import nn

from ...errors import GeniusError
from ...printable import brief, named
from ..decision import Decision, Value
from ..mapping import decisions_of
from ..objective import Objective
from ..space import SearchSpace
from .anatomy import Anatomy, study
from .part_costs import parts_of
from .proposal import variations_of
from .rebuild import built
from .rehearsal import rehearsed
from .variations import Variation
from .words import description_of


@dataclass(frozen=True)
class NetworkSpace:
    """A network with the ways in which it can vary."""

    anatomy: Anatomy
    variations: Sequence[Variation]
    name: str

    @property
    def proposed(self) -> dict[str, Decision]:
        """The decisions that are proposed, by their names."""
        return {each.name: Decision(each.name, each.options, stage=each.stage) for each in self.variations}

    def space(
        self, description: str = "", decisions: Mapping[str, object] | None = None, objective: Objective | None = None
    ) -> SearchSpace:
        """Return the space of the decisions that are given, or of all that are proposed.

        Raises: GeniusError for a decision that is none of these, and for an option that cannot be built.
        """
        chosen = list(self.proposed.values()) if decisions is None else self._checked(decisions_of(decisions))
        names = {decision.name for decision in chosen}
        kept = {each.name: each.own for each in self.variations if each.name not in names}
        return SearchSpace(
            self.name,
            tuple(chosen),
            description or description_of(self.anatomy, [each for each in self.variations if each.name in names]),
            build=self._build(kept),
            input_shape=self.anatomy.shape,
            parts=parts_of(self.anatomy, self.variations, chosen, kept),
            by_value=True,
            objective=objective,
        )

    def _checked(self, decisions: Sequence[Decision]) -> list[Decision]:
        known = {each.name: each for each in self.variations}
        for decision in decisions:
            if decision.name not in known:
                raise GeniusError(
                    f"{self.name} has no decision {brief(repr(decision.name))}; its network can vary in "
                    f"{', '.join(known)}"
                )
            for option in decision.options:
                known[decision.name].check(option)
        return list(decisions)

    def _build(self, kept: Mapping[str, Value]) -> "_Build":
        return (_Build if self.anatomy.classes else _WithoutClasses)(self, kept)
