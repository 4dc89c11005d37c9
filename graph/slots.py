"""Slots: a trial's pending evaluations, which run while the graph proposes and between its invocations."""

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self

from langgraph.errors import GraphInterrupt
from typing_extensions import TypedDict

from ..errors import GeniusError


class Question(TypedDict):
    """A question of the evaluation of `iteration` to a person, for which the graph pauses."""

    iteration: int
    value: Any


class Slots:
    """Up to `count` pending evaluations at a time; closing the slots cancels the running ones."""

    def __init__(self, count: int = 1) -> None:
        self.count = count
        self._tasks: dict[int, asyncio.Task[None]] = {}  # by iteration
        self._questions: dict[int, Any] = {}  # of evaluations that wait for a person, by iteration

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

    def holds(self, iteration: int) -> bool:
        """Tell whether an iteration's evaluation runs here or waits for an answer; after a crash none does."""
        return iteration in self._tasks or iteration in self._questions

    @property
    def question(self) -> Question | None:
        """The question of the earliest evaluation that waits for a person; None where none waits."""
        if not self._questions:
            return None
        iteration = min(self._questions)
        return Question(iteration=iteration, value=self._questions[iteration])

    def answered(self, iteration: int) -> None:
        """Free the slot of an evaluation that waited for an answer, with which it starts again."""
        self._questions.pop(iteration, None)

    def start(self, iteration: int, evaluation: Coroutine[Any, Any, None]) -> None:
        """Start the evaluation of an iteration."""
        self._tasks[iteration] = asyncio.create_task(evaluation)

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
        done = {iteration: task for iteration, task in self._tasks.items() if task.done()}
        self._tasks = {iteration: task for iteration, task in self._tasks.items() if not task.done()}
        for iteration, task in done.items():
            try:
                task.result()
            except GraphInterrupt as pause:
                self._questions[iteration] = pause.args[0][0].value
