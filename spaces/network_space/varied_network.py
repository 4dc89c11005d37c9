"""The space of a network's variants. Imports torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from torch import nn

from ...errors import GeniusError
from ...printable import brief
from ..decision import Decision, Value
from ..mapping import decisions_of
from ..objective import Objective
from ..space import SearchSpace
from .account import description_of
from .anatomy import Anatomy, study
from .part_costs import parts_of
from .proposed import variations_of
from .rebuild import built
from .rehearsal import rehearsed
from .variations import Variation


@dataclass(frozen=True)
class VariedNetwork:
    """A network and the ways in which it can vary, one decision each."""

    name: str
    anatomy: Anatomy
    variations: Sequence[Variation]

    @property
    def proposed(self) -> dict[str, Decision]:
        """The decisions that are proposed, by their names."""
        return {each.name: Decision(each.name, each.options, stage=each.stage) for each in self.variations}

    def space(
        self, decisions: Mapping[str, object] | None = None, description: str = "", objective: Objective | None = None
    ) -> SearchSpace:
        """Make the space of some decisions, or of all that are proposed; the rest stays as the network has it.

        Raises: GeniusError for a decision that is none of the network's, and for an option that it cannot have.
        """
        chosen = tuple(self.proposed.values() if decisions is None else map(self._checked, decisions_of(decisions)))
        names = {decision.name for decision in chosen}
        kept = {each.name: each.own for each in self.variations if each.name not in names}
        first = kept | {decision.name: decision.options[0] for decision in chosen}  # of those that are hidden
        return SearchSpace(
            self.name,
            chosen,
            description or description_of(self.name, self.anatomy, [v for v in self.variations if v.name in names]),
            build=(_Classifiers if self.anatomy.classes else _Networks)(self, first),
            input_shape=self.anatomy.shape,
            parts=parts_of(self.anatomy, self.variations, chosen, kept),
            by_value=True,
            objective=objective,
        )

    def _checked(self, decision: Decision) -> Decision:
        known = {each.name: each for each in self.variations}
        if decision.name not in known:
            raise GeniusError(
                f"{self.name} has no decision {brief(repr(decision.name))}; those of its network are: "
                f"{', '.join(known)}"
            )
        for option in decision.options:
            known[decision.name].check(option)
        return replace(decision, stage=decision.stage or known[decision.name].stage)


@dataclass(frozen=True)
class _Variants:
    """Builds the variants of a network; `first` are the values of decisions that are not told."""

    varied: VariedNetwork
    first: Mapping[str, Value]

    def built(
        self, values: Mapping[str, Value], classes: int | None, size: int | None, channels: int | None
    ) -> nn.Module:
        """Build a variant for its own classes, pixels and channels, or for others."""
        shape = list(self.varied.anatomy.shape)
        if len(shape) == 3:
            shape = [channels or shape[0], *([size, size] if size else shape[1:])]
        return built(self.varied.anatomy, self.varied.variations, {**self.first, **values}, classes, shape)


class _Networks(_Variants):
    def __call__(
        self, values: Mapping[str, Value], input_size: int | None = None, input_channels: int | None = None
    ) -> nn.Module:
        """Build a variant of a network that gives no scores of classes."""
        return self.built(values, None, input_size, input_channels)


class _Classifiers(_Variants):
    def __call__(
        self,
        values: Mapping[str, Value],
        num_classes: int | None = None,
        input_size: int | None = None,
        input_channels: int | None = None,
    ) -> nn.Module:
        """Build a variant of a network that gives a score for each class."""
        return self.built(values, num_classes, input_size, input_channels)


def vary(network: nn.Module, name: str, shape: Sequence[int]) -> VariedNetwork:
    """Find the ways in which a network can vary, which takes inputs of this shape; it is left as it is.

    Raises: GeniusError where it cannot be run, or where nothing of it can vary.
    """
    anatomy = study(network, shape)
    variations = rehearsed(anatomy, variations_of(anatomy))
    if not variations:
        raise GeniusError(
            f"nothing of {type(network).__name__} can vary: it has no layers between the input and the output that are "
            "torch.nn's own and whose sizes go with each other; give it a space by hand, with a `build`"
        )
    return VariedNetwork(name, anatomy, variations)
