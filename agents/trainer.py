"""The agent that has a candidate measured."""

import math
from dataclasses import replace

from ..evaluators.evaluator import Evaluator
from ..tools.candidate import Candidate, Measurement


async def train(candidate: Candidate, evaluate: Evaluator) -> Candidate:
    """Measure a candidate's architecture; a failure that the evaluator reports becomes the candidate's error.

    Raises: TypeError where the evaluator returns something other than a Measurement.
    """
    assert candidate.architecture is not None
    measurement = await evaluate(candidate.architecture)
    if not isinstance(measurement, Measurement):
        raise TypeError(f"an evaluator returns a genius.Measurement, got {type(measurement).__name__}")
    if (failure := _failure(measurement)) is None:
        return replace(candidate, measurement=measurement)
    return replace(candidate, measurement=replace(measurement, accuracy=None, error=failure), error=failure)


def _failure(measurement: Measurement) -> str | None:
    accuracy = measurement.accuracy
    if measurement.error or accuracy is None:
        return measurement.error or "the evaluator gave no accuracy"
    return None if math.isfinite(accuracy) else f"the evaluator gave {accuracy} as accuracy"
