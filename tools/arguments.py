"""Reading of a tool's arguments: the words of a language model, which may be of any type and any length."""

import json
from collections.abc import Mapping, Sequence
from typing import TypeVar

from ..spaces.decision import Decision
from ..spaces.space import Architecture, SearchSpace
from .replies import UnreadableReply, read_reply
from .seen import short
from .values import mark_of, number_marked, plain_name

_Word = TypeVar("_Word", bound=str)


class BadArgument(ValueError):
    """An argument that a tool cannot take; the message states the rule and the value."""


def one_architecture(value: object, space: SearchSpace) -> Architecture:
    """Read an architecture: a list of numbers, an object of values, or either as text.

    The space's rule is not applied. Raises: BadArgument.
    """
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if value is None or isinstance(value, bool | int | float):
        raise BadArgument(f"an architecture is a list of {len(space.decisions)} options, got {short(text)}")
    try:
        architecture = read_reply(f"Architecture: {text}", space.without_rule).architecture
    except UnreadableReply as error:
        raise BadArgument(f"{short(text)} is no architecture: {short(error, 150)}") from None
    if architecture is None:
        raise BadArgument(f"{short(text)} is no architecture")
    return architecture


def several_architectures(value: object, space: SearchSpace, most: int) -> list[Architecture | str]:
    """Read a list of architectures, or a single one; in the place of one that cannot be read stands the reason.

    Raises: BadArgument where there is none, or where there are more than `most`.
    """
    if isinstance(value, str):
        value = _from_json(value)
    given = value if isinstance(value, list) and _holds_architectures(value) else [value]
    if not given or value is None:
        raise BadArgument("architectures takes a list of architectures, and there is none")
    if len(given) > most:
        raise BadArgument(f"architectures takes at most {most} at once, got {len(given):,}")
    return [_architecture_or_reason(each, space) for each in given]


def _architecture_or_reason(value: object, space: SearchSpace) -> Architecture | str:
    try:
        return one_architecture(value, space)
    except BadArgument as error:
        return str(error)


def _from_json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _holds_architectures(items: list[object]) -> bool:
    """Tell a list of architectures from one of options, which is an architecture itself."""
    return not items or any(isinstance(each, list | dict) or _is_nested(each) for each in items)


def _is_nested(item: object) -> bool:
    return isinstance(item, str) and item.lstrip().startswith(("[", "{"))


def as_number(value: object, name: str, most: int) -> int:
    """Read a whole number from 1 to `most`, as a number or in digits.

    Raises: BadArgument.
    """
    text = str(value).strip().removesuffix(".0") if isinstance(value, str | int | float) else ""
    if text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= most:
        return int(text)
    raise BadArgument(f"{name} takes a whole number from 1 to {most}, got {short(value, 40)}")


def as_choice(value: object, name: str, choices: Sequence[_Word]) -> _Word:
    """Read one of a few words.

    Raises: BadArgument.
    """
    word = value.strip().lower() if isinstance(value, str) else value
    found = next((choice for choice in choices if choice == word), None)
    if found is None:
        raise BadArgument(f"{name} takes {', '.join(choices)}, got {short(value, 40)}")
    return found


def as_conditions(value: object, space: SearchSpace) -> dict[int, int]:
    """Read decisions by name, each with an option, as their places and option numbers; nothing for None.

    Raises: BadArgument.
    """
    if isinstance(value, str):
        value = _from_json(value) if value.strip() else None
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise BadArgument(f"filter takes an object of decisions and options, got {short(value, 40)}")
    return dict(_condition(str(name), option, space) for name, option in value.items())


def _condition(name: str, option: object, space: SearchSpace) -> tuple[int, int]:
    places = {plain_name(decision.name): at for at, decision in enumerate(space.decisions)}
    at = places.get(plain_name(name[:200]))
    if at is None:
        known = ", ".join(decision.name for decision in space.decisions[:5])
        raise BadArgument(f"there is no decision {short(name, 40)}: they are {known}{', …' * (len(places) > 5)}")
    decision = space.decisions[at]
    number = _option(option, decision, space)
    if number is None:
        raise BadArgument(f"{decision.name} takes {short(decision.allowed, 100)}, got {short(option, 40)}")
    return at, number


def _option(option: object, decision: Decision, space: SearchSpace) -> int | None:
    """Return the number of an option that a model names by its number or, in a space by value, by its value."""
    written = option if isinstance(option, str) else json.dumps(option)[:200]
    if not space.by_value:
        return next(
            (number for number in decision.numbers if str(number) == written.strip()), _named(written, decision)
        )
    return _named(written, decision)


def _named(written: str, decision: Decision) -> int | None:
    mark = mark_of(written, decision)
    return (number_marked(mark, decision) or (None, ""))[0] if mark else None
