"""What an evaluator is."""

from collections.abc import Awaitable, Callable

from ..spaces.space import Architecture
from ..tools.candidate import Measurement

Evaluator = Callable[[Architecture], Awaitable[Measurement]]
"""Measures an architecture. A candidate's own failure is a Measurement with an `error`; everything else raises."""
