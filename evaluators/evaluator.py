"""What an evaluator is."""

from collections.abc import Awaitable, Callable

from ..record.candidate import Measurement
from ..spaces.space import Architecture

Evaluator = Callable[[Architecture], Awaitable[Measurement]]
"""Measures an architecture. A candidate's own failure is a Measurement with an `error`, or any exception.

A number alone is taken for the accuracy, and a plain function's value as it is. Only GeniusError, what cancels, and a
fault of the machine such as a full disk end the search; see `Measurement.of` and `agents.trainer.train`.
"""
