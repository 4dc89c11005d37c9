"""Pauses of a search: its graph waits for answers, which are given, asked for, or awaited by a paused run."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from inspect import isawaitable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import GeniusError, RunFailed
from ..printable import one_line
from .trust import going_on

if TYPE_CHECKING:
    from langgraph.types import Interrupt

Ask = Callable[["Interrupt"], Awaitable[Any] | Any]
"""Takes an interrupt of the graph and returns the answer to it; None where nobody answers now."""

_LONGEST = 600  # characters of a question in a sentence


class Paused(RunFailed):
    """A search that waits for a person's answer.

    `interrupts` are LangGraph's: each has an `id` and, as `value`, the question. `run` is the run folder.
    """

    def __init__(self, interrupts: Sequence["Interrupt"], run: Path) -> None:
        self.interrupts, self.run = tuple(interrupts), run
        asked = "; ".join(f"{question_in_words(each.value)}{_by_id(each, interrupts)}" for each in interrupts)
        super().__init__(
            f"the run waits for an answer: {asked}; give it with `{going_on(run)}` at a terminal, or from Python "
            f"with genius.resume({str(run)!r}, answers=…)"
        )


def _by_id(interrupt: "Interrupt", interrupts: Sequence["Interrupt"]) -> str:
    return f" (by its id, {interrupt.id})" if len(interrupts) > 1 else ""


def question_in_words(value: object) -> str:
    """Write a question in one line, with the fault of the last answer, if there was one."""
    if not isinstance(value, Mapping) or not isinstance(value.get("question"), str):
        return one_line(str(value), _LONGEST)
    wrong = f" (the last answer is none: {value['error']})" if value.get("error") else ""
    return one_line(f"{value['question']}{wrong}", _LONGEST)


class Answers:
    """Answers to the questions of a run: those `given` for its open questions, then those of `ask`.

    `given` is the answer to the only open question, or a mapping from the questions' ids to answers.
    """

    def __init__(self, given: Any = None, ask: Ask | None = None) -> None:
        self._given, self._ask = given, ask
        self._sorted: dict[str, Any] = {}
        self._one_at_a_time = asyncio.Lock()

    def sort(self, interrupts: Sequence["Interrupt"]) -> None:
        """Assign the given answers to the open questions.

        Raises: GeniusError where the assignment is not clear.
        """
        if self._given is None:
            return
        if not interrupts:
            raise GeniusError("this run waits for no answer: resume it without answers")
        ids = [each.id for each in interrupts]
        if isinstance(self._given, Mapping) and self._given and set(self._given) <= set(ids):
            self._sorted = dict(self._given)
        elif len(ids) == 1:
            self._sorted = {ids[0]: self._given}
        else:
            questions = "; ".join(f"{each.id} ({question_in_words(each.value)})" for each in interrupts)
            raise GeniusError(f"this run waits for several answers: give them by the questions' ids, {questions}")

    async def to(self, interrupts: Sequence["Interrupt"], run: Path) -> dict[str, Any]:
        """Return an answer to each question, by its id.

        Raises: Paused where a question has none.
        """
        found = {each.id: await self._to(each) for each in interrupts}
        if None in found.values():
            raise Paused(interrupts, run)
        return found

    async def _to(self, interrupt: "Interrupt") -> Any:
        if interrupt.id in self._sorted:
            return self._sorted.pop(interrupt.id)
        if self._ask is None:
            return None
        async with self._one_at_a_time:
            answer = self._ask(interrupt)
            return await answer if isawaitable(answer) else answer


def paused(errors: Sequence[BaseException]) -> Paused | None:
    """Merge the pauses of several trials into one; None where there is none."""
    pauses = [error for error in errors if isinstance(error, Paused)]
    return Paused([each for error in pauses for each in error.interrupts], pauses[0].run) if pauses else None
