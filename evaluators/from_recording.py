"""The evaluator that looks accuracies up in a recorded conversation."""

from collections.abc import Mapping

from ..record.measurement import Measurement
from ..spaces.space import Architecture, SearchSpace
from ..tables.recording import BadRecording
from .evaluator import Evaluator


def recorded_evaluator(space: SearchSpace, measurements: Mapping[Architecture, float], name: str) -> Evaluator:
    """Make an evaluator that returns the accuracies, in percent, of the recording called `name`.

    Architectures that are the same function share one accuracy. An architecture without one, as the last of a recording
    often is, becomes a failed candidate, and the search goes on with the next reply of the recording.
    Raises: BadRecording where the recording has no accuracy at all.
    """
    if not measurements:
        raise BadRecording(
            f"{name} reports no accuracy of an architecture of {space.name}, which has no table: put the accuracies "
            "beside a list of messages as NAME.csv, with the lines `reply,accuracy`, or train, or pass an evaluator"
        )
    known = {space.identity(architecture): accuracy for architecture, accuracy in measurements.items()}

    async def evaluate(architecture: Architecture) -> Measurement:
        accuracy = known.get(space.identity(architecture))
        if accuracy is None:
            return Measurement(error=f"{name} reports no accuracy of this architecture")
        return Measurement(accuracy)

    return evaluate
