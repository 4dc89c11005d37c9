"""What a search does where its graph pauses: it asks whoever answers, or stops until somebody does."""

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
"""Is asked what the graph waits for, and returns the answer; None where nobody answers now."""

_LONGEST = 600  # characters of a question in a sentence


class Paused(RunFailed):
    """A search that waits for a person's answer.

    `interrupts` are LangGraph's: each has an `id` and, as `value`, what is asked. `run` is the run folder.
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
    """Say in one line what is asked, and what was wrong with the last answer, if anything was."""
    if not isinstance(value, Mapping) or not isinstance(value.get("question"), str):
        return one_line(str(value), _LONGEST)
    wrong = f" (the last answer is none: {value['error']})" if value.get("error") else ""
    return one_line(f"{value['question']}{wrong}", _LONGEST)


class Answers:
    """Answers the questions of a run: first with what was given for those that were open, then by asking.

    `given` is the answer to the only question that is open, or answers by the questions' ids.
    """

    def __init__(self, given: Any = None, ask: Ask | None = None) -> None:
        self._given, self._ask = given, ask
        self._sorted: dict[str, Any] = {}
        self._one_at_a_time = asyncio.Lock()

    def sort(self, interrupts: Sequence["Interrupt"]) -> None:
        """Note which of the open questions what was given is for.

        Raises: GeniusError where that cannot be told.
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

        Raises: Paused where there is none.
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
    """Return one pause for those of several trials; None where there is none."""
    pauses = [error for error in errors if isinstance(error, Paused)]
    return Paused([each for error in pauses for each in error.interrupts], pauses[0].run) if pauses else None
