"""The evaluator of a search whose values are told by whoever asks for candidates."""

from collections.abc import Mapping, Sequence
from math import isfinite

from ..errors import GeniusError
from ..record.measurement import Measurement
from ..record.plain import BadValue
from ..spaces.space import Architecture


def told(architecture: Architecture) -> Measurement:
    """Raises GeniusError: such a search evaluates nothing by itself."""
    raise NotEvaluated


class NotEvaluated(GeniusError):
    """A search of told values where one is made that evaluates."""

    def __init__(self) -> None:
        super().__init__(
            "the values of this search are told, and it evaluates nothing by itself: go on with it by `genius ask` and "
            "`genius tell`, or by genius.open, or name an evaluator"
        )


def measurement_of(returned: object, names: Sequence[str]) -> Measurement:
    """Read what is told: a number, a dict of metrics, or a Measurement."""
    if isinstance(returned, Mapping):
        if names[0] not in returned:
            raise BadValue(f"the evaluator gave no {names[0]}")
        rest = {name: value for name, value in returned.items() if name != names[0]}
        returned = Measurement(returned[names[0]], metrics=rest)
    elif not isinstance(returned, Measurement):
        if not hasattr(returned, "__float__"):
            raise BadValue(f"expected a number, a dict of metrics or a Measurement, got {returned!r}")
        returned = Measurement(float(returned))
    for name, value in [(names[0], returned.value), *((name, returned.metrics.get(name)) for name in names[1:])]:
        if value is not None and not isfinite(value):
            return Measurement(error=f"the evaluation diverged: {name} is {value:g}", failure="diverged")
    return Measurement.of(returned)
