"""What an evaluator is."""

from collections.abc import Awaitable, Callable

from ..record.measurement import Measurement
from ..spaces.space import Architecture

Evaluator = Callable[[Architecture], Awaitable[Measurement]]
"""Measures an architecture. A candidate's own failure is a Measurement with an `error`, or any exception.

A number alone is taken for the value of the objective, and a plain function's answer as it is. What it measures stands
in its attribute `objective`; without one it is the space's. Only GeniusError, what cancels, and a
fault of the machine such as a full disk end the search; see `Measurement.of` and `agents.trainer.train`.
"""
