"""Recorded starts: architectures that a proposer of a bench gets to try first, read from a stranger's file.

The file is JSON: `{"starts": [{"space": …, "flops_cap": "50%" or null, "architecture": […]}, …]}`, with a `note` to a
start and a text that describes them, `what`. Several starts for a task are tried in their order.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from pydantic import Field

from ..agents.beliefs import UnreadableAnswer, read_beliefs
from ..agents.proposer import Form, Proposer, Thinking, Unprompted, asked
from ..documents import read_document
from ..errors import GeniusError
from ..printable import brief
from ..record.call import Reply
from ..record.candidate import Candidate, Message
from ..record.history import History
from ..schema import CLOSED, BadRecord, Name, Numbers, Scalar, Schema, Text
from ..spaces.region import Region
from ..spaces.space import Architecture, BadArchitecture, SearchSpace
from ..tools.refused import refused_architectures
from ..tools.replies import UnreadableReply, read_reply
from .stated import beliefs_in_json
from .task import WHOLE_POOL, Task, cap_name, load_task, read_share

MOST_STARTS = 3
"""How many starts of a task are used."""


@dataclass(frozen=True)
class RecordedStart:
    """An architecture for a task: numbers of options, or values by name.

    `flops_cap` is the task's share of the largest FLOPs, as in 50%, None for the whole space.
    """

    space: Name
    architecture: Numbers | Annotated[dict[Text, Scalar], Field(max_length=10_000)]
    flops_cap: Text | None = None
    note: Text = ""

    @property
    def pool(self) -> str:
        """The name of the task's pool."""
        return WHOLE_POOL if self.flops_cap is None else cap_name(read_share(self.flops_cap))


@dataclass(frozen=True)
class RecordedStarts:
    """The content of a file of starts."""

    __pydantic_config__ = CLOSED

    starts: Annotated[tuple[RecordedStart, ...], Field(max_length=10_000)]
    what: Text = ""


_STARTS = Schema[RecordedStarts](RecordedStarts)


def read_starts(file: Path) -> RecordedStarts:
    """Read a file of starts.

    Raises: GeniusError.
    """
    if not file.is_file():
        raise GeniusError(f"the file of starts {file} is not there, or no file")
    try:
        found = _STARTS.take(read_document(file))
        _ = [start.pool for start in found.starts]
    except (BadRecord, GeniusError) as error:
        raise GeniusError(f"the file of starts {file}: {error}") from None
    return found


def recorded_for(file: Path, task: Task, data: Path) -> list[Architecture]:
    """Return all starts of a file for a task.

    Raises: GeniusError for one that the task's space does not have, or that is not in its pool.
    """
    space, table = load_task(task, data)
    found = []
    for number, start in enumerate(read_starts(file).starts, start=1):
        if start.space in (task.space, space.name) and start.pool == task.pool:
            try:
                architecture = _architecture(start, space)
            except (BadArchitecture, UnreadableReply) as error:
                raise GeniusError(f"start {number} of {file}, for {task.name}: {error}") from None
            if table.place(architecture) is None:
                where = f"{brief(space.written(architecture))} is not among the {len(table):,} architectures of it"
                raise GeniusError(f"start {number} of {file}, for {task.name}: {where}")
            found.append(architecture)
    return found


def starts_for(file: Path, task: Task, data: Path) -> tuple[Architecture, ...]:
    """Return the starts of a file that are used for a task.

    Raises: GeniusError, see `recorded_for`.
    """
    return tuple(recorded_for(file, task, data)[:MOST_STARTS])


def _architecture(start: RecordedStart, space: SearchSpace) -> Architecture:
    """Read a start's architecture by the space.

    Raises: BadArchitecture, UnreadableReply.
    """
    if isinstance(start.architecture, tuple):
        return space.settled(space.check(start.architecture))
    found = read_reply(json.dumps({"architecture": start.architecture}), space.without_rule).architecture
    return space.check(found or ())


def starting_with(starts: Sequence[Architecture], proposer: Proposer, region: Region) -> Proposer:
    """Return a proposer that first proposes the starts in their order, then as `proposer` does.

    A start that was tried before, or refused, is left out. A model names them for its own starts.
    """
    space = region.space

    def start(prompt: Sequence[Message], history: Sequence[Candidate]) -> Reply | None:
        done = History.of(history).tried(space, refused_architectures(space, prompt, history))
        left = (one for one in starts if space.identity(one) not in done)
        return next((Reply(f"A recorded start.\nArchitecture: {space.declared(one)}") for one in left), None)

    async def propose(prompt: Sequence[Message], history: Sequence[Candidate]) -> Reply | str:
        return start(prompt, history) or await asked(proposer, prompt, history)

    if isinstance(proposer, Thinking):
        return _thinking_with(starts, proposer, region, start)
    return Unprompted(propose) if isinstance(proposer, Unprompted) else propose


def _thinking_with(
    starts: Sequence[Architecture],
    model: Thinking,
    region: Region,
    start: Callable[[Sequence[Message], Sequence[Candidate]], Reply | None],
) -> Thinking:
    async def think(prompt: Sequence[Message], history: Sequence[Candidate], form: Form) -> Reply:
        found = start(prompt, history) if form.name == "proposal" else None
        reply = found or await model.think(prompt, history, form)
        return _with_starts(reply, starts, region) if form.name == "beliefs" else reply

    return Thinking(think)


def _with_starts(reply: Reply, starts: Sequence[Architecture], region: Region) -> Reply:
    """Put starts into a model's beliefs in the place of its own; an answer that cannot be read stays as it is."""
    try:
        beliefs = read_beliefs(reply, region).beliefs
    except UnreadableAnswer:
        return reply
    return replace(reply, text=beliefs_in_json(region.space, replace(beliefs, starts=tuple(starts))))
