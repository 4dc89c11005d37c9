"""Slots: a trial's pending evaluations, which run while the graph proposes and between its invocations."""

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self

from langgraph.errors import GraphInterrupt
from typing_extensions import TypedDict

from ..errors import GeniusError


class Question(TypedDict):
    """A question of an evaluation to a person, for which the graph pauses: of an `iteration`, or of its `repeat`."""

    iteration: int
    repeat: int
    value: Any


_Place = tuple[int, int]  # of an evaluation: its iteration, and the number of its repeat, 0 for the first evaluation


class Slots:
    """Up to `count` pending evaluations at a time; closing the slots cancels the running ones.

    An evaluation is that of an iteration or, with a number from 1, one of its repeats.
    """

    def __init__(self, count: int = 1) -> None:
        self.count = count
        self._tasks: dict[_Place, asyncio.Task[None]] = {}
        self._questions: dict[_Place, Any] = {}  # of evaluations that wait for a person

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def holds(self, iteration: int, repeat: int = 0) -> bool:
        """Tell whether an evaluation runs here or waits for an answer; after a crash none does."""
        return (iteration, repeat) in self._tasks or (iteration, repeat) in self._questions

    @property
    def held(self) -> int:
        """How many evaluations run here or wait for an answer."""
        return len(self._tasks) + len(self._questions)

    @property
    def question(self) -> Question | None:
        """The question of the earliest evaluation that waits for a person; None where none waits."""
        if not self._questions:
            return None
        iteration, repeat = place = min(self._questions)
        return Question(iteration=iteration, repeat=repeat, value=self._questions[place])

    def answered(self, iteration: int, repeat: int = 0) -> None:
        """Free the slot of an evaluation that waited for an answer, with which it starts again."""
        self._questions.pop((iteration, repeat), None)

    def start(self, evaluation: Coroutine[Any, Any, None], iteration: int, repeat: int = 0) -> None:
        """Start an evaluation."""
        self._tasks[iteration, repeat] = asyncio.create_task(evaluation)

    async def wait(self) -> None:
        """Wait until one of the evaluations ends.

        Raises: the evaluation's exception; GeniusError where none runs, since others have changed the run's files.
        """
        if not self._tasks:
            raise GeniusError(
                "the run's journal and its checkpoints contradict each other: without checkpoints.sqlite, a run goes "
                "on from its journal"
            )
        await asyncio.wait(self._tasks.values(), return_when=asyncio.FIRST_COMPLETED)
        self.check()

    def check(self) -> None:
        """Free the slots of the evaluations that have ended; one that asks a person keeps its slot until the answer.

        Raises: the exception of an evaluation.
        """
        done = {place: task for place, task in self._tasks.items() if task.done()}
        self._tasks = {place: task for place, task in self._tasks.items() if not task.done()}
        for place, task in done.items():
            try:
                task.result()
            except GraphInterrupt as pause:
                self._questions[place] = pause.args[0][0].value
