"""The agent that has a candidate measured."""

import asyncio
import errno
import logging
import traceback
from collections.abc import Sequence
from dataclasses import replace
from inspect import isawaitable

from ..errors import GeniusError, RunFailed, is_pause
from ..evaluators.evaluator import Evaluator
from ..printable import one_line, printable, reason
from ..record.candidate import Candidate
from ..record.goal import GOAL, Goal
from ..record.measurement import Failure, Measurement
from ..record.plain import BadValue
from ..record.secrets import redact
from ..spaces.space import Architecture

RAISED_AT_FIRST = 5
"""After so many evaluations of a trial that all raised, none measured, the evaluator is at fault."""

_MACHINE = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the disk is read-only",
    errno.EMFILE: "too many files are open: raise the limit, as in `ulimit -n 4096`",
    errno.ENFILE: "too many files are open on this machine",
}

_log = logging.getLogger("genius")
_log.addHandler(logging.NullHandler())  # tracebacks go where an application sends them, not to the live display


async def train(candidate: Candidate, evaluate: Evaluator, goal: Goal = GOAL) -> Candidate:
    """Measure a candidate's architecture; a failure becomes the candidate's error, and the search goes on.

    An exception of the evaluator is such a failure; its traceback goes to the logger `genius`. So is an answer that
    lacks a quantity of the goal, or that lies outside the bounds of its objectives.

    Raises: GeniusError as the evaluator does; RunFailed where the machine is at fault, as with a full disk.
    """
    assert candidate.architecture is not None
    measurement = await _measure(candidate.architecture, evaluate)
    if measurement.value is None and measurement.error is None:
        measurement = replace(measurement, error=f"the evaluator gave no {goal.objective.name}")
    try:
        goal.check(candidate, measurement)
    except BadValue as bad:
        measurement = Measurement(
            error=str(bad), failure="raised", seconds=measurement.seconds, device=measurement.device
        )
    measurement = replace(measurement, error=measurement.error and redact(measurement.error))
    measurement = replace(measurement, device=measurement.device and redact(measurement.device))
    return replace(candidate, measurement=measurement, error=measurement.error)


async def _measure(architecture: Architecture, evaluate: Evaluator) -> Measurement:
    try:
        returned: object = evaluate(architecture)
        if isawaitable(returned):
            returned = await returned
        return Measurement.of(returned)
    except BadValue as bad:
        return Measurement.of(Measurement(error=redact(str(bad)), failure="raised"))
    except (Exception, SystemExit, asyncio.CancelledError) as error:
        _raise_what_ends_the_search(error)
        trace = printable(redact("".join(traceback.format_exception(error))))
        _log.warning("the evaluator raised on %s\n%s", list(architecture), trace)
        failure: Failure = "out of memory" if _is_out_of_memory(error) else "raised"
        return Measurement.of(Measurement(error=redact(reason(error)), failure=failure))


def _raise_what_ends_the_search(error: BaseException) -> None:
    """Raise faults that no other architecture would mend, and cancellations and pauses of the evaluation."""
    task = asyncio.current_task()
    if is_pause(error) or (isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling()):
        raise error
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, GeniusError):
        raise error
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in _MACHINE:
            raise RunFailed(f"{_MACHINE[cause.errno]} ({one_line(str(cause), 300)})") from error
        cause = cause.__cause__


def _is_out_of_memory(error: BaseException) -> bool:
    """Tell whether memory did not suffice; torch has an exception of its own for that of a GPU."""
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"


def check_evaluator(finished: Candidate, history: Sequence[Candidate]) -> None:
    """Stop a trial in which every evaluation so far raised, once: with the candidate that makes up the number.

    Raises: RunFailed.
    """
    first = [candidate.measurement for candidate in history if candidate.measurement][:RAISED_AT_FIRST]
    if len(first) < RAISED_AT_FIRST or first[-1] is not finished.measurement:
        return
    if all(measurement.failure == "raised" for measurement in first):
        raise RunFailed(
            f"each of the first {RAISED_AT_FIRST} evaluations raised: mend the evaluator; the last: {finished.error}"
        )
