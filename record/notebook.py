"""What a language model makes of a search besides its proposals: its beliefs, its notebook, a person's hints, and its
design principles."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from ..schema import CLOSED, Count, Numbers, Schema, Text, Whole

NOTEBOOK_FILE = "notebook.jsonl"

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


PageKind = Literal["beliefs", "notebook", "hint", "principles"]


@dataclass(frozen=True)
class Page:
    """One line of a run's notebook file, written before the proposal of `iteration`.

    `text` is the whole notebook after a reflection, a person's hint, or the design principles; `beliefs` are those of
    a page of that kind. `author` names the model, or is `person`.
    """

    __pydantic_config__ = CLOSED

    trial: Count
    iteration: Count
    kind: PageKind
    text: Text = ""
    beliefs: Beliefs | None = None
    author: Text = ""


BELIEFS = Schema[Beliefs](Beliefs)
PAGE = Schema[Page](Page)
