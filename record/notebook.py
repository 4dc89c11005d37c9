"""A language model's part in a search besides its proposals: its beliefs, its notebook, a person's hints, and its
design principles."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal, TypeVar

from pydantic import Field

from ..schema import CLOSED, Amount, Count, Number, Numbers, Schema, Text, Whole
from ..spaces.disguise import Disguise
from ..spaces.space import BadArchitecture, SearchSpace

NOTEBOOK_FILE = "notebook.jsonl"
NOTEBOOK_LENGTH = 4_000
"""Characters that a model's notebook may have."""

Strength = Annotated[float, Field(strict=True, ge=-2, le=2, allow_inf_nan=False)]
"""How strongly something is believed to be better, from -2 (much worse) to 2 (much better)."""


@dataclass(frozen=True)
class OptionBelief:
    """The belief that an option of a decision, both by number, makes an architecture better or worse."""

    decision: Whole
    option: Whole
    score: Strength
    why: Text = ""


@dataclass(frozen=True)
class PairBelief:
    """The belief that two options of two decisions, all by number, are better or worse together than each alone."""

    decisions: tuple[Whole, Whole]
    options: tuple[Whole, Whole]
    score: Strength
    why: Text = ""


@dataclass(frozen=True)
class CostBelief:
    """The belief that more of a cost, such as flops, params or depth, makes an architecture better or worse."""

    cost: Text
    score: Strength
    why: Text = ""


@dataclass(frozen=True)
class Beliefs:
    """The beliefs of a model about a space before anything was measured; decisions and options are numbers.

    `starts` are the architectures that it would try first, the best first; `model` is who believes it.
    """

    __pydantic_config__ = CLOSED

    starts: tuple[Numbers, ...] = ()
    options: tuple[OptionBelief, ...] = ()
    pairs: tuple[PairBelief, ...] = ()
    costs: tuple[CostBelief, ...] = ()
    model: Text = ""

    @property
    def states_anything(self) -> bool:
        """Whether there is a belief besides the starts."""
        return bool(self.options or self.pairs or self.costs)

    def check(self, space: SearchSpace) -> None:
        """Check that all architectures, decisions and options are those of a space.

        Raises: BadArchitecture.
        """
        for start in self.starts:
            space.check_options(start)
        options = [(belief.decision, belief.option) for belief in self.options]
        for pair in self.pairs:
            options += zip(pair.decisions, pair.options, strict=True)
        _check_options(space, options)

    def revealed(self, disguise: Disguise) -> "Beliefs":
        """Return the beliefs with the real options behind those that a disguised space showed."""
        return replace(
            self,
            starts=tuple(disguise.reveal(start) for start in self.starts),
            options=tuple(revealed_option(b, disguise) for b in self.options),
            pairs=tuple(_revealed_pair(b, disguise) for b in self.pairs),
        )


def _revealed_pair(belief: PairBelief, disguise: Disguise) -> PairBelief:
    one, other = sorted(map(disguise.real, belief.decisions, belief.options))
    return replace(belief, decisions=(one[0], other[0]), options=(one[1], other[1]))


def _check_options(space: SearchSpace, options: Sequence[tuple[int, int]]) -> None:
    for at, option in options:
        if at >= len(space.decisions) or option not in space.decisions[at].numbers:
            raise BadArchitecture(f"{space.name} has no option {option} of a decision {at}, counted from 0")


@dataclass(frozen=True)
class OptionEffect:
    """The effect of an option of a decision, both by number, by the surrogate: on the first objective, over the mean
    of the architectures within the limits, and its standard deviation; None where the surrogate knows none.

    `claim` is what a model says of the option, beside the others of the decision; None where it does not say.
    """

    decision: Whole
    option: Whole
    effect: Number | None = None
    sd: Amount | None = None
    claim: Literal["better", "worse"] | None = None


@dataclass(frozen=True)
class Principle:
    """A design principle of a model in its words, and the surrogate's effects of the options that it names."""

    text: Text
    options: tuple[OptionEffect, ...] = ()


_Of = TypeVar("_Of", OptionBelief, OptionEffect)


def revealed_option(stated: _Of, disguise: Disguise) -> _Of:
    """Return a belief or an effect of a shown option with the real decision and option behind it."""
    decision, option = disguise.real(stated.decision, stated.option)
    return replace(stated, decision=decision, option=option)


PageKind = Literal["beliefs", "notebook", "hint", "principles"]


@dataclass(frozen=True)
class Page:
    """One line of a run's notebook file, written before the proposal of `iteration`.

    `text` is the whole notebook after a reflection, a person's hints, each a line, or the beliefs or design principles
    in words; `beliefs` and `principles` are those of a page of that kind. `author` names the model, or is `person`.
    """

    __pydantic_config__ = CLOSED

    trial: Count
    iteration: Count
    kind: PageKind
    text: Text = ""
    beliefs: Beliefs | None = None
    author: Text = ""
    principles: tuple[Principle, ...] = ()

    def check(self, space: SearchSpace) -> None:
        """Check that the page speaks of a space.

        Raises: BadArchitecture.
        """
        if self.beliefs is not None:
            self.beliefs.check(space)
        _check_options(space, [(each.decision, each.option) for one in self.principles for each in one.options])

    def revealed(self, disguise: Disguise) -> "Page":
        """Return the page with the real options behind those that a disguised space showed."""
        principles = tuple(
            replace(one, options=tuple(revealed_option(each, disguise) for each in one.options))
            for one in self.principles
        )
        return replace(self, beliefs=self.beliefs and self.beliefs.revealed(disguise), principles=principles)


BELIEFS = Schema[Beliefs](Beliefs)
PAGE = Schema[Page](Page)
