"""The results of a user's function: one result, or results epoch by epoch from a generator."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping
from inspect import isawaitable
from typing import cast

from ..record.measurement import Measurement
from ..record.plain import whole
from .trial_object import Reports

_NUMBERS = ("epoch", "epochs")  # the keys of a dict that number an epoch


class _Yields:
    """The results that a generator yields: each is an epoch, and the last one is the result."""

    def __init__(self, reports: Reports) -> None:
        self._reports, self._epoch = reports, 0
        self.last: object = None

    def take(self, yielded: object) -> None:
        """Report a result as an epoch: the one that its `epoch` names, or the next."""
        given = dict(yielded) if isinstance(yielded, Mapping) else {}
        epoch, epochs = (given.pop(name, None) for name in _NUMBERS)
        self._epoch = self._epoch + 1 if epoch is None else whole("epoch", epoch, 0)
        if isinstance(yielded, Measurement):
            given = {**yielded.metrics, self._reports.names[0]: yielded.value}
        elif not isinstance(yielded, Mapping) and yielded is not None:
            given = {self._reports.names[0]: yielded}
        self._reports.add(self._epoch, epochs, given)
        if yielded is not None:
            self.last = given if isinstance(yielded, Mapping) else yielded


def finished(returned: object, reports: Reports) -> object:
    """Return the result behind a function's return value: of a coroutine, or of a generator, when it has ended."""
    if isawaitable(returned) or isinstance(returned, AsyncIterator):
        return asyncio.run(finished_later(returned, reports))
    if not isinstance(returned, Iterator):
        return returned
    yields = _Yields(reports)
    while True:
        try:
            yields.take(next(returned))
        except StopIteration as end:
            return yields.last if end.value is None else end.value


async def finished_later(returned: Awaitable[object] | AsyncIterator[object], reports: Reports) -> object:
    """Return the result of a coroutine or of an asynchronous generator."""
    found: object = await returned if isawaitable(returned) else returned
    if not isinstance(found, AsyncIterator):
        return found
    yields = _Yields(reports)
    async for each in cast("AsyncIterator[object]", found):
        yields.take(each)
    return yields.last
