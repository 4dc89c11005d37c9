"""What an evaluator is."""

from collections.abc import Awaitable, Callable
from typing import SupportsFloat

from ..record.candidate import Measurement
from ..spaces.space import Architecture

Measured = Measurement | SupportsFloat
"""The answer of an evaluator: a measurement, or a number alone, of any library."""

Evaluator = Callable[[Architecture], Measured | Awaitable[Measured]]
"""Measures an architecture, as a plain function or as a coroutine function.

An architecture's failure is a Measurement with an `error`, or any exception. Only a GeniusError, a cancellation, and a
fault of the machine such as a full disk end the search; see `Measurement.of` and `tools.trainer.train`.
"""
