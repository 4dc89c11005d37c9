"""The contract of an evaluator."""

from collections.abc import Awaitable, Callable, Mapping
from inspect import Parameter, signature
from typing import Any, SupportsFloat, TypeVar

from ..record.measurement import Measurement
from ..spaces.space import Architecture
from .trial_object import Trial

_T = TypeVar("_T")

Measured = Measurement | SupportsFloat | Mapping[str, object]
"""The result of an evaluator: a number of any library, a dict of metrics, or a Measurement; see `measurement_of`."""

ValueEvaluator = Callable[[dict[str, Any]], Measured | Awaitable[Measured]]
"""An evaluator for a space by value: it is called with the values that count, by the names of their decisions."""

Evaluator = Callable[[Architecture], Measured | Awaitable[Measured]]
"""Measures an architecture, as a plain function or as a coroutine function.

A number is the value of the objective, which the evaluator names in its attribute `objective`, or else its space.
A failure of the architecture is a Measurement with an `error`, or any exception. Only a GeniusError, a cancellation,
and a fault of the machine, such as a full disk, end the search; see `Measurement.of` and `tools.trainer.train`.
"""


def takes_trial(function: Callable[..., object]) -> bool:
    """Tell whether a function is handed a trial: it requires two arguments, or names one of them `trial`."""
    try:
        parameters = signature(function).parameters.values()
    except (TypeError, ValueError):  # of some that are written in C nothing is known
        return False
    by_place = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    required = [each for each in parameters if each.default is each.empty and each.kind in by_place]
    return len(required) == 2 or any(each.name == "trial" for each in parameters)


def is_evaluator(function: object) -> bool:
    """Tell whether a function can be called as an evaluator is."""
    if not callable(function):
        return False
    arguments, named = _handed(function, None, None, None)
    try:
        signature(function).bind(*arguments, **named)
    except TypeError:
        return False
    except ValueError:  # of some that are written in C nothing is known
        return True
    return True


def called(function: Callable[..., _T], handed: object, trial: Trial) -> _T:
    """Call an evaluator: one that takes a trial gets it behind the configuration, any other one the `handed` value.

    One whose only argument is `trial` gets the trial alone.
    """
    arguments, named = _handed(function, handed, dict(trial.config), trial)
    return function(*arguments, **named)


def _handed(
    function: Callable[..., object], handed: object, config: object, trial: object
) -> tuple[tuple[object, ...], dict[str, object]]:
    """Return the arguments of an evaluator, by place and by name."""
    if not takes_trial(function):
        return (handed,), {}
    parameters = signature(function).parameters
    first = next(iter(parameters.values()))
    if first.name == "trial" and first.kind is not Parameter.KEYWORD_ONLY:
        return (trial, config)[: len(parameters)], {}
    if "trial" in parameters and parameters["trial"].kind is not Parameter.POSITIONAL_ONLY:
        return (config,)[: len(parameters) - 1], {"trial": trial}
    return (config, trial), {}
