"""The answer of an evaluator: the value of the objective, and further quantities."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal, get_args

from pydantic import Field

from ..printable import named, one_line
from ..schema import CLOSED, Amount, Count, Number, Schema, Text, Title
from .plain import BadValue, number, text, whole

Failure = Literal["out of memory", "too large", "diverged", "crashed", "timed out", "too much output", "lost", "raised"]
"""How an evaluation can fail: the memory did not suffice, or was estimated not to; the loss or the value became NaN or
infinite; the process ended by itself; it took too long or showed no life; it printed too much; the machine it ran on
was lost; the evaluator raised an exception, or returned no measurement."""

ERROR_LENGTH, DEVICE_LENGTH = 400, 100  # characters that are kept
_TITLE = 60  # characters of a metric's name
MOST_METRICS, _CURVE = 100, 10_000  # how many are kept

Metrics = Annotated[dict[Title, Number], Field(max_length=MOST_METRICS)]
Curve = Annotated[tuple[Number, ...], Field(max_length=_CURVE)]


@dataclass(frozen=True, init=False)
class Measurement:
    """The answer of an evaluator.

    `value` is that of the search's first objective, `sd` the standard deviation of its error where the evaluator knows
    it, `curve` the value after each epoch or step, `metrics` are other numbers by their names, those of further
    objectives and of limits among them: that is all that the search may see. `test_value`, `test_metrics` and both
    ranks, of which 1 is the best of all that the search may try, are for reports: no prompt and no proposer sees them.
    `error` says why there is no value, and `failure` is the kind of failure. `seconds` are those for which the `device`
    was held, all tries together.

    Where the objective is accuracy, `accuracy` and `test_accuracy` are other names for both values.
    """

    __pydantic_config__ = CLOSED

    value: Number | None = None
    test_value: Number | None = None
    rank: Count | None = None
    test_rank: Count | None = None
    seconds: Amount = 0.0
    error: Text | None = None
    failure: Failure | None = None
    device: Text = ""
    sd: Amount | None = None
    curve: Curve = ()
    metrics: Metrics = field(default_factory=dict)
    test_metrics: Metrics = field(default_factory=dict)

    def __init__(
        self,
        value: float | None = None,
        test_value: float | None = None,
        rank: int | None = None,
        test_rank: int | None = None,
        seconds: float = 0.0,
        error: str | None = None,
        failure: Failure | None = None,
        device: str = "",
        sd: float | None = None,
        curve: Sequence[float] = (),
        metrics: Mapping[str, float] | None = None,
        test_metrics: Mapping[str, float] | None = None,
        *,
        accuracy: float | None = None,
        test_accuracy: float | None = None,
    ) -> None:
        if (value is not None and accuracy is not None) or (test_value is not None and test_accuracy is not None):
            raise TypeError("a measurement has one value: accuracy is another name for it")
        given = {
            "value": accuracy if value is None else value,
            "test_value": test_accuracy if test_value is None else test_value,
            "rank": rank,
            "test_rank": test_rank,
            "seconds": seconds,
            "error": error,
            "failure": failure,
            "device": device,
            "sd": sd,
            "curve": curve,
            "metrics": {} if metrics is None else metrics,
            "test_metrics": {} if test_metrics is None else test_metrics,
        }
        for name, what in given.items():
            object.__setattr__(self, name, what)

    @property
    def accuracy(self) -> float | None:
        """Another name for the value, where the objective is accuracy."""
        return self.value

    @property
    def test_accuracy(self) -> float | None:
        """Another name for the test value, where the objective is accuracy."""
        return self.test_value

    @classmethod
    def of(cls, returned: object) -> "Measurement":
        """Read the answer of an evaluator, a measurement or a value alone, as plain JSON types.

        Numbers may be of any library. Texts become one printable line each, and long ones lose their middle. Where
        there is an error, it counts alone. Raises: BadValue, with the field.
        """
        if not isinstance(returned, Measurement):
            return cls(number("the evaluator's answer", returned, expected="a Measurement or a finite number"))
        seconds, device = number("seconds", returned.seconds, 0.0), text(returned.device, DEVICE_LENGTH)
        failure = _failure(returned.failure)
        if returned.error is not None and (error := text(returned.error, ERROR_LENGTH)):
            return cls(seconds=seconds, error=error, failure=failure, device=device)
        return cls(
            value=None if returned.value is None else number("value", returned.value),
            test_value=None if returned.test_value is None else number("test_value", returned.test_value),
            rank=None if returned.rank is None else whole("rank", returned.rank),
            test_rank=None if returned.test_rank is None else whole("test_rank", returned.test_rank),
            seconds=seconds,
            failure=failure,
            device=device,
            sd=None if returned.sd is None else number("sd", returned.sd, 0.0),
            curve=_curve(returned.curve),
            metrics=_metrics("metrics", returned.metrics),
            test_metrics=_metrics("test_metrics", returned.test_metrics),
        )


def _failure(given: object) -> Failure | None:
    known = {kind: kind for kind in get_args(Failure)}
    if given is not None and (not isinstance(given, str) or given not in known):
        raise BadValue(f"expected one of {', '.join(known)}, got {named(given)} as failure")
    return None if given is None else known[given]


def _curve(given: object) -> tuple[float, ...]:
    """Read a curve of numbers; of a longer one the end is kept."""
    try:
        points = list(given)  # type: ignore[call-overload]
    except TypeError:
        raise BadValue(f"expected a list of numbers, got {named(given)} as curve") from None
    return tuple(number("a point of the curve", point) for point in points[-_CURVE:])


def _metrics(field: str, given: object) -> dict[str, float]:
    if not isinstance(given, Mapping) or len(given) > MOST_METRICS:
        raise BadValue(f"expected at most {MOST_METRICS} numbers by their names, got {named(given)} as {field}")
    for name in given:
        if not is_metric_name(name):
            raise BadValue(f"expected a short text, got {named(name)} as a metric's name")
    return {name: number(f"the metric {name}", value) for name, value in given.items()}


def is_metric_name(name: object) -> bool:
    """Tell whether a metric can have this name: a short text in one line."""
    return isinstance(name, str) and bool(name.strip()) and name == one_line(name, _TITLE)


MEASUREMENT = Schema[Measurement](Measurement)
