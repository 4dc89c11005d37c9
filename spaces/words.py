"""Decisions and options in words, for a model to read."""

import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..printable import one_line
from .decision import Decision

if TYPE_CHECKING:
    from .space import SearchSpace

_LONGEST = 1_000  # characters of a line
_HIDDEN = "Where a decision does not count, `-` stands for it in lists, and a reply leaves it out."


def by_number(decisions: Sequence[Decision]) -> str:
    """Describe a space of which nothing but its decisions is known, by their option numbers."""
    lines = (f"- {decision.words}" for decision in decisions)
    end = f"An architecture is a list of {len(decisions)} numbers, an option of each decision in this order."
    return "\n".join(["The decisions and their options:", *lines, "", end])


def by_value(description: str, decisions: Sequence[Decision]) -> str:
    """Add the decisions and their values to a description, perhaps an empty one."""
    lines = [f"- {one_line(decision.values_in_words, _LONGEST)}" for decision in decisions]
    lines += [_HIDDEN] if any(decision.when for decision in decisions) else []
    listing = "\n".join(["The decisions and their options:", *lines])
    return "\n\n".join(filter(None, [description.strip(), listing]))


def word(name: str) -> str:
    """Write the name of an option so that it can be told where it ends."""
    bare = re.fullmatch(r"[\w.+-]*\w(?:[\w.+ -]*\w)?", name)
    return name if bare else json.dumps(name, ensure_ascii=False)


def option_in_words(space: "SearchSpace", decision: Decision, number: int) -> str:
    """Write an option as the space's architectures are written: its number, or its name in a space by value."""
    return decision.names[number - decision.first] if space.by_value else str(number)
