"""What a decision and a space must be: held where one is made, so that nothing later stumbles over it."""

from collections import Counter
from collections.abc import Iterable
from math import prod
from typing import TYPE_CHECKING, TypeGuard

from ..errors import GeniusError
from ..printable import brief
from .objective import Objective
from .published_table import PublishedTable

if TYPE_CHECKING:
    from .space import Decision, SearchSpace

_NAME_LENGTH = 100
_LARGEST_PART = 1_000_000  # combinations of options that a part's cost is asked for
_CALLABLE = ("build", "identity", "key")
_NAMES_OR_NONE = ("data", "recipe", "final_recipe")
_CALLABLE_OR_NONE = ("features", "depth", "valid")


def check_decision(decision: "Decision") -> None:
    """Make sure that a decision has a name, and options that can be told apart.

    Raises: GeniusError.
    """
    name, options = decision.name, decision.options
    if not _is_text(name):
        raise GeniusError(f"a decision is named by a text, got {_shown(name)}")
    if not _is_sequence(options) or not options or not all(map(_is_text, options)):
        raise GeniusError(
            f"the decision {name!r} needs a tuple of texts as options, at least one, got {_shown(options)}"
        )
    if twice := _twice(options):
        raise GeniusError(f"the decision {name!r} has the option {twice!r} twice: give each a name of its own")
    if not isinstance(decision.first, int) or decision.first < 0:
        raise GeniusError(f"the option numbers of {name!r} start at a whole number from 0 on, got {decision.first!r}")


def check_space(space: "SearchSpace", kind: type["Decision"]) -> None:
    """Make sure that a space has a name, words, decisions of a kind, and parts and functions that fit them.

    Raises: GeniusError.
    """
    _check_name(space.name)
    if not _is_sequence(space.decisions) or not all(isinstance(decision, kind) for decision in space.decisions):
        raise GeniusError(
            f"the decisions of {space.name} are a tuple of Decision objects, got {_shown(space.decisions)}"
        )
    if not space.decisions:
        raise GeniusError(f"{space.name} has no decisions: there is nothing to search")
    if twice := _twice(decision.name for decision in space.decisions):
        raise GeniusError(f"{space.name} has two decisions named {twice!r}: give each a name of its own")
    if not isinstance(space.description, str):
        raise GeniusError(f"the description of {space.name} is to be a text, got {_shown(space.description)}")
    shape = space.input_shape
    if not _is_sequence(shape) or len(shape) != 3 or not all(isinstance(n, int) and n > 0 for n in shape):
        raise GeniusError(f"the input_shape of {space.name} is (channels, height, width) of an image, got {shape!r}")
    for field in (*_CALLABLE, *_CALLABLE_OR_NONE):
        value = getattr(space, field)
        if not callable(value) and not (value is None and field in _CALLABLE_OR_NONE):
            raise GeniusError(f"the {field} of {space.name} is to be a function, got {_shown(value)}")
    for field in _NAMES_OR_NONE:
        if not (getattr(space, field) is None or _is_text(getattr(space, field))):
            raise GeniusError(f"the {field} of {space.name} is named by a text, got {_shown(getattr(space, field))}")
    if not isinstance(space.table, PublishedTable | None):
        raise GeniusError(f"the table of {space.name} is to be a PublishedTable, got {_shown(space.table)}")
    if not isinstance(space.objective, Objective):
        raise GeniusError(f"the objective of {space.name} is an Objective, got {_shown(space.objective)}")
    _check_parts(space)


def _check_name(name: object) -> None:
    """A name becomes a part of file names, and of lines on a terminal."""
    if not _is_text(name) or len(name) > _NAME_LENGTH or name != brief(name) or set("/\\") & set(name):
        raise GeniusError(
            f"a space is named by a text of at most {_NAME_LENGTH} characters without slashes, got {_shown(name)}"
        )


def _check_parts(space: "SearchSpace") -> None:
    options = [len(decision.options) for decision in space.decisions]
    for part in space.parts:
        if not all(isinstance(at, int) and 0 <= at < len(options) for at in part.decisions):
            raise GeniusError(
                f"a part of {space.name} depends on the decisions {list(part.decisions)}: they are numbered from 0 to "
                f"{len(options) - 1}"
            )
        if (entries := prod(options[at] for at in part.decisions)) > _LARGEST_PART:
            raise GeniusError(
                f"a part of {space.name} depends on {len(part.decisions)} decisions with {entries:.3g} combinations of "
                f"options, more than {_LARGEST_PART:,}: split it into smaller ones"
            )


def _is_sequence(value: object) -> bool:
    return isinstance(value, tuple | list)


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and bool(value.strip())


def _twice(names: Iterable[str]) -> str | None:
    return next((name for name, count in Counter(names).items() if count > 1), None)


def _shown(value: object) -> str:
    return brief(repr(value))
