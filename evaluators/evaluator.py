"""The contract of an evaluator."""

from collections.abc import Awaitable, Callable
from typing import Any, SupportsFloat

from ..record.measurement import Measurement
from ..spaces.space import Architecture

Measured = Measurement | SupportsFloat
"""The result of an evaluator: a Measurement, or a number of any library."""

ValueEvaluator = Callable[[dict[str, Any]], Measured | Awaitable[Measured]]
"""An evaluator for a space by value: it is called with the values that count, by the names of their decisions."""

Evaluator = Callable[[Architecture], Measured | Awaitable[Measured]]
"""Measures an architecture, as a plain function or as a coroutine function.

A number is the value of the objective, which the evaluator names in its attribute `objective`, or else its space.
A failure of the architecture is a Measurement with an `error`, or any exception. Only a GeniusError, a cancellation,
and a fault of the machine, such as a full disk, end the search; see `Measurement.of` and `tools.trainer.train`.
"""
