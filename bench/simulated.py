"""A simulated language model: it believes, proposes and takes advice as models do, and no token is spent.

Its judgement of architectures has a given Kendall correlation with the ranking of a table (`judgement`). How it
proposes is its habit:

- its own picks, as those of capable models were recorded: the architecture that it judges best, then changes of one
  decision of the best so far in 44 of 48 proposals, and of two in the others;
- `obeys` takes the first architecture of a shortlist, where the prompt holds one;
- `adversarial` reverses its judgement in all that it says, and proposes the architecture that it judges worst.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
import numpy.typing as npt

from ..agents.advice import shortlist_of
from ..agents.proposer import Form, Thinking
from ..errors import GeniusError
from ..guide.features import Floats
from ..printable import brief
from ..record.call import Reply
from ..record.candidate import NOTHING_LEFT, Candidate, Message
from ..record.history import History
from ..spaces.region import Region
from ..spaces.space import Architecture
from ..tables.published import Table
from ..tools.refused import refused_architectures
from .judgement import factored, judged
from .stated import beliefs_in_json, stated

SIMULATED = "simulated:"
_ONE_CHANGE = 44 / 48  # of the proposals after the first, in 18 recorded searches of capable models
_NOTES = "The beliefs stay as they were stated: a simulated model learns nothing from measurements."

Habit = Literal["own", "obeys", "adversarial"]


def read_simulated(name: str) -> tuple[float, Habit]:
    """Read `simulated:TAU` or `simulated:TAU:HABIT`.

    Raises: GeniusError.
    """
    written, colon, habit = name.removeprefix(SIMULATED).partition(":")
    try:
        tau = float(written)
    except ValueError:
        tau = np.nan
    if not -1 <= tau <= 1:
        raise GeniusError(f"TAU is a number from -1 to 1, as in {SIMULATED}0.6, got {brief(written)!r}")
    if colon and habit not in ("obeys", "adversarial"):
        raise GeniusError(f"the habit of a simulated model is obeys, adversarial, or left out, got {brief(habit)!r}")
    return tau, cast("Habit", habit or "own")


def simulated(region: Region, table: Table, name: str, seed: Sequence[int]) -> Thinking:
    """Make the model that a name describes, for a trial on a region whose table is known.

    Raises: GeniusError.
    """
    tau, habit = read_simulated(name)
    scores = judged(table, tau, seed)
    model = _Model(region, table, -scores if habit == "adversarial" else scores, habit, tuple(seed))
    return Thinking(model.think)


@dataclass(frozen=True, eq=False)
class _Model:
    """A model with a score for every architecture of a table; a function of its arguments alone."""

    region: Region
    table: Table
    scores: Floats
    habit: Habit
    seed: tuple[int, ...]

    async def think(self, prompt: Sequence[Message], history: Sequence[Candidate], form: Form) -> Reply:
        return Reply(await asyncio.to_thread(self._answer, prompt, History.of(history), form))

    def _answer(self, prompt: Sequence[Message], history: History, form: Form) -> str:
        if form.name == "beliefs":
            space = self.region.space
            return beliefs_in_json(space, stated(space, self.table, self.scores))
        if form.name != "proposal":
            return _NOTES
        found = self._pick(prompt, history)
        return f"My own judgement.\nArchitecture: {self.region.space.declared(found)}" if found else NOTHING_LEFT

    def _pick(self, prompt: Sequence[Message], history: History) -> Architecture | None:
        """Choose an architecture that was neither tried nor refused."""
        space = self.region.space
        done = history.tried(space, refused_architectures(space, prompt, history))
        return next((a for a in self._preferred(prompt, history) if space.identity(a) not in done), None)

    def _preferred(self, prompt: Sequence[Message], history: History) -> Iterator[Architecture]:
        """Go through architectures, the one that it would propose first."""
        if self.habit == "obeys":
            advised = shortlist_of(prompt, self.region.space)
            yield from (architecture for architecture in advised if self.table.place(architecture) is not None)
        yield from (self.table.architectures[at] for at in self._order(history))

    def _order(self, history: History) -> npt.NDArray[np.int64]:
        """Order the table's architectures: by the number of changes of the best so far, then by their scores."""
        best = next((candidate.architecture for candidate in history.feasible_first()), None)
        if best is None or self.habit == "adversarial":
            return np.argsort(-self.scores, kind="stable")
        rng = np.random.default_rng([*self.seed, len(history)])
        wanted = 1 if rng.random() < _ONE_CHANGE else 2
        changes = (factored(self.table).options != best).sum(axis=1)
        return np.lexsort((-self.scores, np.abs(changes - wanted)))
