"""The agent that has a candidate measured."""

import asyncio
import logging
import traceback
from collections.abc import Sequence
from dataclasses import replace

from ..errors import RunFailed, is_pause
from ..evaluators.evaluator import Evaluator
from ..evaluators.in_process import evaluated
from ..evaluators.outcome import failure_of, measurement_of
from ..printable import printable
from ..record.candidate import Candidate
from ..record.goal import GOAL, Goal
from ..record.measurement import Measurement
from ..record.plain import BadValue
from ..record.secrets import redact
from ..spaces.space import Architecture

RAISED_AT_FIRST = 5
"""After so many evaluations of a trial that all raised, none measured, the evaluator is at fault."""

_log = logging.getLogger("genius")
_log.addHandler(logging.NullHandler())  # tracebacks go where an application sends them, not to the live display


async def train(candidate: Candidate, evaluate: Evaluator, goal: Goal = GOAL) -> Candidate:
    """Measure a candidate's architecture; a failure becomes the candidate's error, and the search goes on.

    An exception of the evaluator is such a failure; its traceback goes to the logger `genius`. So is an answer that
    lacks a quantity of the goal, or that lies outside the bounds of its objectives.

    Raises: GeniusError as the evaluator does; RunFailed where the machine is at fault, as with a full disk.
    """
    assert candidate.architecture is not None
    measurement = await _measure(candidate.architecture, evaluate, goal)
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


async def _measure(architecture: Architecture, evaluate: Evaluator, goal: Goal) -> Measurement:
    try:
        return measurement_of(await evaluated(evaluate, architecture), goal.needed)
    except BadValue as bad:
        return Measurement.of(Measurement(error=redact(str(bad)), failure="raised"))
    except (Exception, SystemExit, asyncio.CancelledError) as error:
        task = asyncio.current_task()
        if is_pause(error) or (isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling()):
            raise
        failed = failure_of(error)
        trace = printable(redact("".join(traceback.format_exception(error))))
        _log.warning("the evaluator raised on %s\n%s", list(architecture), trace)
        return Measurement.of(replace(failed, error=redact(failed.error or "")))


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
