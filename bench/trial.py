"""One search of a bench: a proposer on a task, through the same graph as every search, nothing kept on disk."""

from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from ..agents.backends import LOCAL, check_llm, open_llms
from ..agents.baselines import PROPOSERS
from ..agents.proposer import Proposer
from ..errors import GeniusError
from ..evaluators.evaluator import Measured
from ..evaluators.from_table import run_evaluator, table_evaluator
from ..graph.build import build_graph
from ..graph.state import Context
from ..record.candidate import Candidate
from ..record.goal import Goal
from ..record.settings.llm_settings import LLMSettings
from ..schema import CLOSED, Amount, Count, Flag, Name, Numbers, Schema, Whole
from ..spaces.disguise import disguise, reveal, shuffle
from ..spaces.region import Region
from ..spaces.space import Architecture
from .task import Task, load_task

if TYPE_CHECKING:
    from ..graph.build import Graph

LLM_PREFIX = "llm:"
_ADVICE, _DISGUISE = "+advice", "+disguise"


@dataclass(frozen=True)
class BenchTrial:
    """The search of one proposer, with one seed, on one task.

    `architectures` are in the order they were tried, None for an iteration without one; shorter than `iterations` where
    the proposer stopped by itself. Values stand in the table; of one's own `table` is the SHA-256. `noisy` is whether
    an evaluation was one of an architecture's trainings.
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
    taken: Whole = 0
    llm_calls: Whole = 0
    input_tokens: Whole = 0
    output_tokens: Whole = 0
    seconds: Amount = 0.0


TRIAL = Schema[BenchTrial](BenchTrial)


def check_proposer(name: str) -> None:
    """Make sure that there is a proposer of this name.

    Raises: GeniusError.
    """
    spec = _spec(name)
    if spec.startswith(LLM_PREFIX):
        check_llm(spec.removeprefix(LLM_PREFIX), LLMSettings())
        return
    if spec != name:
        raise GeniusError(f"only a language model can be given advice or a disguise: write {LLM_PREFIX}{name}")
    if ":" not in name and PROPOSERS.known(name) is None:
        raise GeniusError(
            f"there is no proposer {name!r}; the proposers are: {', '.join(PROPOSERS.names())}, language models as "
            f"{LLM_PREFIX}SPEC, with {_ADVICE} or {_DISGUISE} behind it, and your own as MODULE:NAME"
        )
    PROPOSERS.find(name)


def _spec(name: str) -> str:
    return name.replace(_ADVICE, "").replace(_DISGUISE, "")


async def run_trial(task: Task, name: str, seed: int, iterations: int, data: Path) -> BenchTrial:
    """Let a proposer search a task.

    Raises: GeniusError where the proposer cannot be opened, ProviderError where its model gives no answer.
    """
    space, table = load_task(task, data)
    meanings = shuffle(space, seed) if _DISGUISE in name else None
    shown = disguise(space, meanings) if meanings else space
    look_up = run_evaluator(table, seed) if task.noisy else table_evaluator(table)

    def evaluate(architecture: Architecture) -> Measured | Awaitable[Measured]:
        return look_up(reveal(architecture, meanings) if meanings else architecture)

    started, region = perf_counter(), Region(shown, task.limits)
    async with _open(name, region, seed, data) as proposer:
        context = Context(
            region,
            proposer,
            evaluate,
            goal=Goal((table.objective,)),
            advice=_ADVICE in name,
            seed=(seed, 1),
            iterations=iterations,
        )
        candidates = await _search(context, iterations)
    found = [c.architecture and (reveal(c.architecture, meanings) if meanings else c.architecture) for c in candidates]
    return BenchTrial(
        task.space,
        task.pool,
        name,
        seed,
        iterations,
        tuple(found),
        table.sha256,
        task.noisy,
        taken=sum(candidate.taken is not None for candidate in candidates),
        **asdict(context.journal.usage(1)),
        seconds=perf_counter() - started,
    )


@cache
def _graph() -> "Graph":
    return build_graph()


async def _search(context: Context, iterations: int) -> Sequence[Candidate]:
    done, stopped = 0, None
    async with context.slots:
        while done < iterations and not stopped:
            state = await _graph().ainvoke({"done": done}, context=context)
            done, stopped = state["done"], state["stopped"]
    return context.journal.finished(1)


@asynccontextmanager
async def _open(name: str, region: Region, seed: int, data: Path) -> AsyncIterator[Proposer]:
    if name.startswith(LLM_PREFIX):
        llm = _spec(name).removeprefix(LLM_PREFIX)
        async with open_llms([llm], region.space, LLMSettings(seed=seed if llm == LOCAL else None), data) as opened:
            yield opened.proposer(1)
        return
    yield PROPOSERS.find(name)(region, (seed, 1))
