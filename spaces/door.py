"""The rules that a space must keep, checked where one is made, so that nothing later stumbles over it."""

from collections import Counter
from collections.abc import Iterable
from math import prod
from typing import TYPE_CHECKING, TypeGuard

from ..errors import GeniusError
from ..printable import brief
from .objective import Objective
from .published_table import PublishedTable

if TYPE_CHECKING:
    from .space import SearchSpace

_NAME_LENGTH = 100
_LARGEST_PART = 1_000_000  # combinations of options that a part's cost is asked for
_BLANKS = str.maketrans("", "", " \t_-")
_CALLABLE = ("identity", "key")
_NAMES_OR_NONE = ("data", "recipe", "final_recipe")
_CALLABLE_OR_NONE = ("build", "features", "depth", "shortest", "valid", "cost", "context", "sketch")


def check_named(name: object) -> None:
    """Make sure that a decision has a name.

    Raises: GeniusError.
    """
    if not is_text(name):
        raise GeniusError(f"a decision is named by a text, got {shown(name)}")


def check_space(space: "SearchSpace", kind: type) -> None:
    """Make sure that a space has a name, words, decisions of a kind, and parts and functions that fit them.

    Raises: GeniusError.
    """
    _check_name(space.name)
    if not is_sequence(space.decisions) or not all(isinstance(decision, kind) for decision in space.decisions):
        raise GeniusError(
            f"the decisions of {space.name} are a tuple of Decision objects, got {shown(space.decisions)}"
        )
    if not space.decisions:
        raise GeniusError(f"{space.name} has no decisions: there is nothing to search")
    if again := repeated(decision.name for decision in space.decisions):
        raise GeniusError(f"{space.name} has two decisions named {again!r}: give each a name of its own")
    if not isinstance(space.description, str):
        raise GeniusError(f"the description of {space.name} is to be a text, got {shown(space.description)}")
    shape = space.input_shape
    if (space.build is None) != (shape is None):
        raise GeniusError(f"{space.name} needs both a build and the input_shape of its networks, or neither")
    if shape is not None and not _is_shape(shape):
        raise GeniusError(
            f"the input_shape of {space.name} is that of one input, as (channels, height, width), got {shape!r}"
        )
    if space.context is not None and (shape is None or len(shape) != 1):
        raise GeniusError(
            f"{space.name} has a context, so that its networks read text: its input_shape is (the longest context,), "
            f"got {shape!r}"
        )
    for field in (*_CALLABLE, *_CALLABLE_OR_NONE):
        value = getattr(space, field)
        if not callable(value) and not (value is None and field in _CALLABLE_OR_NONE):
            raise GeniusError(f"the {field} of {space.name} is to be a function, got {shown(value)}")
    for field in _NAMES_OR_NONE:
        if not (getattr(space, field) is None or is_text(getattr(space, field))):
            raise GeniusError(f"the {field} of {space.name} is named by a text, got {shown(getattr(space, field))}")
    if not isinstance(space.table, PublishedTable | None):
        raise GeniusError(f"the table of {space.name} is to be a PublishedTable, got {shown(space.table)}")
    if not isinstance(space.objective, Objective | None):
        raise GeniusError(f"the objective of {space.name} is an Objective, got {shown(space.objective)}")
    _check_parts(space)
    if space.parts and space.cost is not None:
        raise GeniusError(f"{space.name} has costs as parts and as a function: give one of them")


def check_known(space: "SearchSpace") -> None:
    """Make sure that the architectures that a space names have an option for each decision.

    Raises: GeniusError.
    """
    for name, architecture in space.named.items():
        try:
            space.check_options(architecture)
        except GeniusError as error:
            raise GeniusError(f"{name!r} is no architecture of {space.name}: {error}") from error


def check_values(space: "SearchSpace") -> None:
    """Make sure that a model can write the decisions and options of a space by value, and be understood.

    Raises: GeniusError.
    """
    plain = [decision.name.lower().translate(_BLANKS) for decision in space.decisions]
    if again := repeated(plain):
        raise GeniusError(f"two decisions of {space.name} differ from {again!r} in case or blanks alone: rename one")
    for decision in space.decisions:
        for name in (decision.name, *decision.names):
            if len(name) > _NAME_LENGTH or name != brief(name):
                raise GeniusError(
                    f"{shown(name)} in {space.name} is no name of a decision or an option: take one printable line of "
                    f"at most {_NAME_LENGTH} characters"
                )


def _check_name(name: object) -> None:
    """A name becomes a part of file names, and of lines on a terminal."""
    if not is_text(name) or len(name) > _NAME_LENGTH or name != brief(name) or set("/\\") & set(name):
        raise GeniusError(
            f"a space is named by a text of at most {_NAME_LENGTH} characters without slashes, got {shown(name)}"
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


def _is_shape(shape: object) -> bool:
    return is_sequence(shape) and len(shape) > 0 and all(isinstance(n, int) and n > 0 for n in shape)


def is_sequence(value: object) -> TypeGuard[tuple[object, ...] | list[object]]:
    """Tell a tuple or a list from anything else, texts included."""
    return isinstance(value, tuple | list)


def is_text(value: object) -> TypeGuard[str]:
    """Tell a text that is not blank."""
    return isinstance(value, str) and bool(value.strip())


def repeated(names: Iterable[str]) -> str | None:
    """Return the first name that is there more than once."""
    return next((name for name, count in Counter(names).items() if count > 1), None)


def shown(value: object) -> str:
    """Write a value as Python does, short."""
    return brief(repr(value))
