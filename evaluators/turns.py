"""Turns: a few places, shared fairly by several queues."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from itertools import count
from typing import Generic, TypeVar

T = TypeVar("T")


class Turns(Generic[T]):
    """Places that are lent to one taker each. The queue served longest ago is next; within it the first to come."""

    def __init__(self, places: Iterable[T]) -> None:
        self._free = deque(places)
        self._waiting: dict[int, deque[asyncio.Future[T]]] = {}  # nobody waits while a place is free
        self._served: dict[int, int] = {}  # when each queue was served last, in turns
        self._clock = count(1)

    @asynccontextmanager
    async def take(self, queue: int = 0) -> AsyncIterator[T]:
        """Wait for a place, and give it back at the end."""
        place = await self._wait(queue)
        try:
            yield place
        finally:
            self._pass_on(place)

    async def _wait(self, queue: int) -> T:
        if self._free:
            self._served[queue] = next(self._clock)
            return self._free.popleft()
        turn: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(queue, deque()).append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            self._leave(queue, turn)
            raise

    def _leave(self, queue: int, turn: asyncio.Future[T]) -> None:
        if turn.cancelled():
            self._waiting[queue].remove(turn)
        else:  # it got a place at the moment of its cancellation
            self._pass_on(turn.result())

    def _pass_on(self, place: T) -> None:
        # a cancelled turn leaves its queue only when its taker runs again
        lines = {queue: [turn for turn in line if not turn.done()] for queue, line in self._waiting.items()}
        waiting = [queue for queue, line in lines.items() if line]
        if not waiting:
            self._free.append(place)
            return
        queue = min(waiting, key=lambda queue: self._served.get(queue, 0))
        self._served[queue] = next(self._clock)
        self._waiting[queue].remove(lines[queue][0])
        lines[queue][0].set_result(place)
