"""One search of a bench: a proposer on a task, through the same graph as every search, nothing kept on disk."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, cast

from ..agents.arms import no_model, open_arms
from ..agents.backends import LOCAL, open_llms
from ..agents.baselines import PROPOSERS
from ..agents.proposer import Proposer
from ..evaluators.evaluator import Measured
from ..evaluators.from_table import run_evaluator, table_evaluator
from ..graph.build import build_graph
from ..graph.state import Context, Kept, SearchState
from ..record.candidate import Candidate
from ..record.goal import Goal
from ..record.settings.llm_settings import LLMSettings
from ..record.settings.settings import REFLECTION
from ..schema import CLOSED, Amount, Count, Flag, Name, Numbers, Schema, Whole
from ..spaces.disguise import draw_disguise
from ..spaces.region import Region
from ..spaces.space import Architecture
from ..tables.published import Table
from .entrants import Entrant, read_entrant
from .simulated import simulated
from .starts import starting_with, starts_for
from .task import Task, load_task

if TYPE_CHECKING:
    from ..graph.build import Graph


@dataclass(frozen=True)
class BenchTrial:
    """The search of one proposer, with one seed, on one task.

    `architectures` are in the order they were tried, None for an iteration without one; shorter than `iterations` where
    the proposer stopped by itself. Values stand in the table; of one's own `table` is the SHA-256. `noisy` is whether
    an evaluation was one of an architecture's trainings. `starts` are the recorded architectures that the proposer got
    first.
    """

    __pydantic_config__ = CLOSED

    space: Name
    pool: Name
    proposer: Name
    seed: Whole
    iterations: Count
    architectures: tuple[Numbers | None, ...]
    table: Name = ""
    noisy: Flag = False
    starts: tuple[Numbers, ...] = ()
    taken: Whole = 0
    llm_calls: Whole = 0
    input_tokens: Whole = 0
    output_tokens: Whole = 0
    seconds: Amount = 0.0


TRIAL = Schema[BenchTrial](BenchTrial)


async def run_trial(task: Task, name: str, seed: int, iterations: int, data: Path) -> BenchTrial:
    """Let a proposer search a task.

    Raises: GeniusError where the proposer cannot be opened, ProviderError where its model gives no answer.
    """
    entrant = read_entrant(name)
    space, table = load_task(task, data)
    hidden = draw_disguise(space, seed) if entrant.disguise else None
    look_up = run_evaluator(table, seed) if task.noisy else table_evaluator(table)

    def evaluate(architecture: Architecture) -> Measured | Awaitable[Measured]:
        return look_up(hidden.reveal(architecture) if hidden else architecture)

    started, whole = perf_counter(), Region(space, task.limits)
    region = whole.disguised(hidden) if hidden else whole
    starts = starts_for(entrant.starts, task, data) if entrant.starts else ()
    first = [hidden.conceal(start) if hidden else start for start in starts]
    async with _open(entrant, region, table, seed, data) as model:
        proposer, arms = _starting(first, model, _arms(entrant, region, (seed, 1), model), region)
        goal = Goal((table.objective,))
        asking = _asked_for(entrant) | {"procedure": table.procedure_in_words(single=task.noisy)}
        context = Context(
            region, proposer, evaluate, goal=goal, seed=(seed, 1), iterations=iterations, arms=arms, **asking
        )
        candidates = await _search(context, iterations)
    found = [c.architecture and (hidden.reveal(c.architecture) if hidden else c.architecture) for c in candidates]
    return BenchTrial(
        task.space,
        task.pool,
        name,
        seed,
        iterations,
        tuple(found),
        table.sha256,
        task.noisy,
        starts,
        taken=sum(candidate.taken is not None for candidate in candidates),
        **asdict(context.journal.usage(1)),
        seconds=perf_counter() - started,
    )


@cache
def _graph() -> "Graph":
    return build_graph()


def _asked_for(entrant: Entrant) -> dict[str, Any]:
    """Return the fields of a context for questions to a model besides proposals, as a search sets them."""
    calls = entrant.hybrid and entrant.llm is not None  # a simulated model calls no tools and keeps no notes
    reflect_every = REFLECTION if calls else 0
    return {"advice": entrant.advice, "tools": calls, "beliefs": entrant.hybrid, "reflect_every": reflect_every}


_CARRIED = ("done", "beliefs", "notebook", "hints", "considered")  # of the state; the journal holds the rest


async def _search(context: Context, iterations: int) -> Sequence[Candidate]:
    state: Kept = {"done": 0}
    async with context.slots:
        while state["done"] < iterations and not state.get("stopped"):
            carried = {name: value for name, value in state.items() if name in _CARRIED}
            state = cast("Kept", await _graph().ainvoke(cast("SearchState", carried), context=context))
    return context.journal.finished(1)


@asynccontextmanager
async def _open(entrant: Entrant, region: Region, table: Table, seed: int, data: Path) -> AsyncIterator[Proposer]:
    """Open the proposer of a trial, of a hybrid search its model."""
    if (llm := entrant.llm) is not None:
        async with open_llms([llm], region.space, LLMSettings(seed=seed if llm == LOCAL else None), data) as opened:
            yield opened.proposer(1)
    elif entrant.simulated:
        yield await asyncio.to_thread(simulated, region, table, entrant.simulated, (seed, 1))
    else:
        yield no_model if entrant.hybrid else PROPOSERS.find(entrant.base)(region, (seed, 1))


def _arms(entrant: Entrant, region: Region, seed: Sequence[int], model: Proposer) -> dict[str, Proposer]:
    """Make the arms of a hybrid search."""
    if not entrant.hybrid:
        return {}
    return open_arms((), region, seed, model if entrant.base else None)


def _starting(
    starts: Sequence[Architecture], proposer: Proposer, arms: Mapping[str, Proposer], region: Region
) -> tuple[Proposer, dict[str, Proposer]]:
    """Have the proposer, and each arm, begin with the starts, if there are any."""
    first = partial(starting_with, starts, region=region) if starts else _unchanged
    return first(proposer), {name: first(arm) for name, arm in arms.items()}


def _unchanged(proposer: Proposer) -> Proposer:
    return proposer
