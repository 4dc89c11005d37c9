"""A dict as a search space: `{"lr": (1e-4, 1e-1), "width": [16, 32, 64]}`.

A tuple of two numbers is a range, a list is a decision's options, and a dict says more: `{"range": (0, 0.99), "when":
{"optimizer": "sgd"}}`.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from pydantic import JsonValue

from ..errors import GeniusError
from ..schema import CLOSED, BadRecord, Count, Flag, Schema, Text
from .decision import Decision, When, is_number
from .door import is_sequence, is_text, shown
from .network_space import is_network, vary_network
from .objective import Objective
from .rule import Rule
from .space import SearchSpace

if TYPE_CHECKING:
    from torch import nn

_APART = 100  # the factor between the ends of a range from which on it is logarithmic
_MOST = 500  # decisions


@dataclass(frozen=True)
class _Range:
    """A range in words: see `Decision.range`."""

    __pydantic_config__ = CLOSED

    range: tuple[Any, Any]
    log: Flag | None = None
    levels: Count | None = None
    step: Any = None
    stage: Text = ""
    when: dict[Text, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Options:
    """A decision's options in words."""

    __pydantic_config__ = CLOSED

    options: list[Any]
    stage: Text = ""
    when: dict[Text, Any] = field(default_factory=dict)


_RANGE, _OPTIONS = Schema[_Range](_Range), Schema[_Options](_Options)
_KEYS = ("range", "log", "levels", "step", "options", "stage", "when")


def space_of(
    decisions: "Mapping[str, object] | nn.Module",
    name: str = "",
    description: str = "",
    *,
    build: "Callable[..., nn.Module] | None" = None,
    input_shape: tuple[int, ...] | None = None,
    valid: Rule | Callable[..., bool | str] | None = None,
    cost: Callable[..., object] | None = None,
    objective: Objective | None = None,
) -> SearchSpace:
    """Make a search space of a dict, or of a network: of the widths, depths, kernels and so on that can vary in it.

    Evaluators, `build`, `valid` and `cost` are called with the dict of values.

    Of a dict, a tuple of two numbers is a range: logarithmic where both are above 0 and a factor of 100 or more apart,
    and whole where both are. A list is the options. A dict has `range` or `options`, and perhaps `log`, `levels`,
    `step`, `stage` and `when`, as in `{"range": [0, 0.99], "when": {"optimizer": "sgd"}}`.

    A network is left as it is, and its variants begin with new weights. `input_shape` is that of one input, guessed
    from the first layer where it is not given; `build` and `cost` are the network's own, and none are taken.

    Raises: GeniusError, with the decision's name.
    """
    if is_network(decisions):
        if build is not None or cost is not None:
            raise GeniusError("a space of a network builds and counts its variants itself: give no `build` or `cost`")
        found = vary_network(decisions, name, input_shape).space(None, description, objective)
        return found if valid is None else replace(found, valid=valid)
    return SearchSpace(
        name or "space",
        decisions_of(cast("Mapping[str, object]", decisions)),
        description,
        build=build,
        input_shape=input_shape,
        valid=valid,
        cost=cost,
        by_value=True,
        objective=objective,
    )


def decisions_of(given: Mapping[str, object]) -> tuple[Decision, ...]:
    """Return the decisions that a dict names.

    Raises: GeniusError.
    """
    if not isinstance(given, Mapping) or not given or len(given) > _MOST:
        raise GeniusError(
            f"the decisions of a space are a dict by their names, from 1 to {_MOST:,}, got {shown(given)}"
        )
    if unnamed := [name for name in given if not is_text(name)]:
        raise GeniusError(f"a decision is named by a text, got {shown(unnamed[0])}")
    return tuple(_decision(name, entry) for name, entry in given.items())


def plain_decisions(given: Mapping[str, object]) -> dict[str, JsonValue] | None:
    """Return a dict of decisions in plain JSON types, which means the same; None where JSON cannot hold an option.

    Raises: GeniusError for any other object than a dict of decisions.
    """
    meant = decisions_of(given)
    try:
        words = json.loads(json.dumps({name: _in_words(entry) for name, entry in given.items()}, default=_item))
    except TypeError:
        return None
    found = decisions_of(words)
    types, same = ([[type(option) for option in each.options] for each in one] for one in (meant, found))
    return cast("dict[str, JsonValue]", words) if found == meant and types == same else None


def _in_words(entry: object) -> object:
    if isinstance(entry, list | tuple):
        return {"options" if isinstance(entry, list) else "range": list(entry)}
    return dict(entry) if isinstance(entry, Mapping) else entry


def _item(option: object) -> object:
    """Return a NumPy number as a plain one. Raises: TypeError for another object."""
    if isinstance(option, np.generic):
        return option.item()
    raise TypeError


def _decision(name: str, entry: object) -> Decision:
    if isinstance(entry, Decision):
        return replace(entry, name=name)
    if isinstance(entry, Mapping):
        return _from_words(name, entry)
    if isinstance(entry, list):
        return Decision(name, tuple(entry))
    if isinstance(entry, tuple) and len(entry) == 2 and all(map(is_number, entry)):
        return _range(name, _Range(entry))
    raise GeniusError(
        f"the decision {name!r} is a list of options, a tuple of the two ends of a range, or a dict with `range` or "
        f"`options`, got {shown(entry)}"
    )


def _from_words(name: str, entry: Mapping[Any, object]) -> Decision:
    unknown = [key for key in entry if key not in _KEYS]
    if unknown:
        raise GeniusError(f"the decision {name!r} has the unknown key {shown(unknown[0])}; keys are {', '.join(_KEYS)}")
    if ("range" in entry) == ("options" in entry):
        raise GeniusError(f"the decision {name!r} has either a range or options")
    try:
        if "range" in entry:
            return _range(name, _RANGE.take(dict(entry)))
        options = _OPTIONS.take({**entry, "options": _as_list(entry["options"])})
    except BadRecord as bad:
        raise GeniusError(f"the decision {name!r}: {bad}") from None
    return Decision(name, tuple(options.options), 0, options.stage, _when(name, options.when))


def _as_list(options: object) -> object:
    return list(options) if is_sequence(options) else options


def _range(name: str, told: _Range) -> Decision:
    low, high = told.range
    log = told.log
    if log is None:
        log = told.step is None and is_number(low) and is_number(high) and 0 < low * _APART <= high
    when = _when(name, told.when)
    return Decision.range(name, low, high, log=log, levels=told.levels, step=told.step, stage=told.stage, when=when)


def _when(name: str, told: Mapping[str, object]) -> When | None:
    if len(told) > 1:
        raise GeniusError(
            f"the decision {name!r} has {len(told)} conditions: it takes one, on a decision that may have one itself"
        )
    for parent, options in told.items():
        return parent, tuple(options) if is_sequence(options) else (options,)
    return None
