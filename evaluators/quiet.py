"""Quiet: measurements of time run while no evaluation does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Quiet:
    """Keeps measurements apart from the evaluations of a search: a measurement waits for those that run.

    Evaluations run beside each other, and none begins while a measurement waits or runs.
    """

    def __init__(self) -> None:
        self._evaluations = self._waiting = 0
        self._measuring = False
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def evaluation(self) -> AsyncIterator[None]:
        """Evaluate, as soon as nothing is measured."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._waiting and not self._measuring)
            self._evaluations += 1
        try:
            yield
        finally:
            self._evaluations -= 1
            await self._tell()

    @asynccontextmanager
    async def measurement(self) -> AsyncIterator[None]:
        """Measure, as soon as nothing is evaluated and nothing else is measured."""
        self._waiting += 1
        try:
            async with self._changed:
                await self._changed.wait_for(lambda: not self._evaluations and not self._measuring)
                self._measuring = True
        finally:
            self._waiting -= 1
            if not self._measuring:
                await self._tell()
        try:
            yield
        finally:
            self._measuring = False
            await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()
