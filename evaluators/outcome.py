"""The outcome of a user's evaluation: its answer or its exception as a measurement, or as the end of the search."""

import errno
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from ..errors import GeniusError, RunFailed
from ..printable import brief, last_lines, named, one_line
from ..record.measurement import MOST_METRICS, Measurement, is_metric_name
from ..record.plain import BadValue, real
from ..schema import LARGEST
from ..spaces.objective import SCORE
from ..training.machine import is_out_of_memory

_MACHINE = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the disk is read-only",
    errno.EMFILE: "too many files are open: raise the limit, as in `ulimit -n 4096`",
    errno.ENFILE: "too many files are open on this machine",
}


@dataclass(frozen=True)
class MetricsRead:
    """A dict of metrics as it is read: the objective's value and test value, None where there is none, and metrics."""

    value: float | None
    test_value: float | None
    metrics: Mapping[str, float]


def read_metrics(given: Mapping[str, object], names: Sequence[str]) -> MetricsRead:
    """Read a dict of metrics; values that are no numbers are left out.

    The value has the name of the first objective for a key, which is the first of the `names`, else `value`; where the
    objective is the default score, the only number is the value. `test_` and one of these keys is the test value. Of
    more metrics than a measurement keeps, those of the `names` stay.
    """
    numbers = {key: value for key, each in given.items() if is_metric_name(key) and (value := real(each)) is not None}
    alone = list(numbers) if names[0] == SCORE.name and len(numbers) == 1 else []
    key = next((key for key in (names[0], "value", *alone) if key in numbers), None)
    value = numbers.pop(key) if key is not None else None
    tests = [numbers.pop(f"test_{each}") for each in (names[0], "value") if _is_test(each, numbers, names)]
    needed = {name: numbers[name] for name in names[1:] if name in numbers}
    metrics = needed | {name: number for name, number in numbers.items() if not is_lost(number)}
    return MetricsRead(value, next(iter(tests), None), dict(list(metrics.items())[:MOST_METRICS]))


def _is_test(key: str, numbers: Mapping[str, float], names: Sequence[str]) -> bool:
    name = f"test_{key}"
    return name in numbers and name not in names and not is_lost(numbers[name])


def is_lost(value: float) -> bool:
    """Tell whether a number is NaN or infinite."""
    return not (isfinite(value) and abs(value) <= LARGEST)


def measurement_of(returned: object, names: Sequence[str]) -> Measurement:
    """Read the answer of an evaluation: a number of any library, a dict of metrics (`read_metrics`), or a Measurement.

    `names` are the quantities that the goal needs, that of the first objective before all others. One that is NaN or
    infinite is the failure "diverged".
    Raises: BadValue where one is missing, or where the answer is none of these.
    """
    if isinstance(returned, Mapping):
        found = read_metrics(returned, names)
        if missing := [name for name in names[1:] if name not in found.metrics]:
            raise BadValue(_missing(missing[0], returned, names))
        if found.value is None:
            raise BadValue(_missing(names[0], returned, names))
        returned = Measurement(found.value, found.test_value, metrics=found.metrics)
    elif not isinstance(returned, Measurement):
        if (value := real(returned)) is None:
            raise BadValue(f"expected a number, a dict of metrics or a Measurement, got {named(returned)}")
        returned = Measurement(value)
    return _diverged(returned, names) or Measurement.of(returned)


def _diverged(returned: Measurement, names: Sequence[str]) -> Measurement | None:
    """Return the failure of a measurement that lacks an error and has a needed quantity that is not finite."""
    needed = {names[0]: returned.value} | {name: returned.metrics.get(name) for name in names[1:]}
    lost = [
        f"{name} is {value:g}" for name, each in needed.items() if (value := real(each)) is not None and is_lost(value)
    ]
    if returned.error is not None or not lost:
        return None
    error = f"the evaluation diverged: {lost[0]}"
    return Measurement.of(
        Measurement(error=error, failure="diverged", seconds=returned.seconds, device=returned.device)
    )


def _missing(name: str, returned: Mapping[object, object], names: Sequence[str]) -> str:
    """Name the missing quantity, the given ones, and the way out."""
    if name in returned:
        return f"the evaluator's {name} is no number, but {named(returned[name])}"
    numbers = [brief(str(key)) for key, value in returned.items() if real(value) is not None]
    there = f"it gave {', '.join(numbers[:20])}" if numbers else "it gave no number"
    ways = [f"return it by this name{' or as `value`' * (name == names[0])}"]
    if name == names[0] and numbers:
        ways.append(f"name the objective that it gave, as in --objective {numbers[0]}:lower")
    return f"the evaluator gave no {name}, {there}: {', or '.join(ways)}"


def failure_of(error: BaseException, held: str = "") -> Measurement:
    """Return an exception of an evaluation as its failure; `held` says how much memory it held, where that is known.

    Raises: GeniusError, as it is; RunFailed where the machine is at fault, as with a full disk.
    """
    first = error
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    if isinstance(first, GeniusError):
        raise first
    cause: BaseException | None = first
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in _MACHINE:
            raise RunFailed(f"{_MACHINE[cause.errno]} ({one_line(str(cause), 300)})") from error
        cause = cause.__cause__
    if is_out_of_memory(first):
        return Measurement(error=f"out of memory: {last_lines(error)}{held}", failure="out of memory")
    return Measurement(error=last_lines(error), failure="raised")
