"""Searches from Python: start one, go on with one, fork one."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from ..agents.calling import caller_config
from ..agents.proposer import Proposer
from ..errors import GeniusError
from ..evaluators.evaluator import Evaluator, ValueEvaluator
from ..evaluators.pools import Pool
from ..python_files import refuse_while_importing
from ..record.journal import Journal
from ..record.result import SearchResult, check_journal, load, read_result
from ..record.settings import Options, Settings
from ..record.versions import fresh_id
from ..spaces.objective import Objective
from ..spaces.space import SearchSpace
from .concluder import unconcluded
from .fork import states_after, take_over
from .pause import Answers, Ask
from .progress import Progress, ignore
from .request import Aim, Arguments, Continuation, Opening, as_path, check_evaluates, continuation
from .run_folder import locked, new_run, new_run_folder
from .setup import AnySpace, named_space, open_setup
from .trials import Calling, begun, carry_on

if TYPE_CHECKING:
    from langchain_core.callbacks import Callbacks
    from langchain_core.runnables import RunnableConfig

    from .proposers import Llm

Show = Callable[[Progress], None]


async def search(
    space: AnySpace | None = None,
    *,
    settings: Settings | Path | str | None = None,
    llm: "Llm | None" = None,
    proposer: str | Proposer | None = None,
    evaluator: str | Evaluator | ValueEvaluator | None = None,
    pool: Pool | None = None,
    objectives: Sequence[str | Objective] | str | Objective = (),
    limits: Mapping[str, Sequence[float | None]] | None = None,
    pareto: bool = False,
    run: Path | str | None = None,
    downloads: Path | str | None = None,
    trust: bool = False,
    progress: Show = ignore,
    callbacks: "Callbacks" = None,
    config: "RunnableConfig | None" = None,
    ask: Ask | None = None,
    set: Sequence[str] = (),
    **options: Unpack[Options],
) -> SearchResult:
    """Search a space and return the result; the run folder keeps everything.

    - `space`, `llm`, `proposer`, `evaluator`: names, MODULE:NAME of your own among them, or objects of your own; of
      several llms the next one answers where one is down or refuses. An llm alone takes part in a hybrid search, see
      `default_proposer`. Without an llm or a proposer the default is `GENIUS_LLM`, else gpt-4o where there is a key,
      else the embedded model.
    - `space` may also be a dict of decisions, see `space_of`, or the path of a file that describes a space. In a space
      by value an evaluator is called with the dict of values, elsewhere with the tuple of option numbers.
    - `pool`: an open pool, which several searches may share, for their evaluations; it stays open.
    - `objectives`: names, or Objective objects. The first is a measurement's value and steers; the others are metrics,
      or `flops` and `params`. Without them it is the evaluator's `objective`, else the space's.
    - `limits`: ranges by name, as in {"latency_ms": (None, 5)}. Of a cost that the space's own `cost` names they hold
      before anything is evaluated, as FLOPs and parameters do. Others are of metrics: a measurement beyond is not
      feasible.
    - `pareto`: search the front of all objectives.
    - `settings`: the settings to start from, or a file of them, YAML or JSON; those that are named beside them win.
      Modules, servers and paths of a run's own `search.json` are to be named again, or `trust` takes them from there.
    - `run`, `downloads`: the run folder, and that of downloaded tables and data sets, which a run that goes on looks in
      again.
    - `callbacks`, `config`: LangChain's callback handlers, and a RunnableConfig whose tags, metadata, run_name (which
      names begin with), max_concurrency and callbacks every invocation of the graph gets. They are never written down.
    - `ask`: answers the questions that the search has for a person, such as an approval; without it the search pauses
      there.
    - `set`: any setting by its path, as in ("llm.timeout=60", "lr=0.2"), the latter a field of the recipe.
    - `options`: see `Options`.

    Raises: GeniusError for a search that cannot work, before anything is written; Paused where a person has to answer;
    RunFailed where a search had to stop.
    """
    refuse_while_importing()
    calling = Calling(progress, caller_config(callbacks, config), Answers(ask=ask))
    arguments = Arguments(space, llm, proposer, evaluator, downloads, set, options, pool)
    opening = Opening(arguments, settings, Aim(objectives, limits, pareto), trust)
    begun, given = await asyncio.to_thread(opening.begin)
    check_evaluates(begun)
    async with open_setup(begun, given) as setup:
        folder = await asyncio.to_thread(new_run, begun, as_path(run))
        async with locked(folder):
            return await carry_on(folder, begun, setup, Journal(folder), calling)


async def resume(
    run: Path | str,
    *,
    space: AnySpace | None = None,
    llm: "Llm | None" = None,
    proposer: str | Proposer | None = None,
    evaluator: str | Evaluator | ValueEvaluator | None = None,
    pool: Pool | None = None,
    downloads: Path | str | None = None,
    trust: bool = False,
    progress: Show = ignore,
    callbacks: "Callbacks" = None,
    config: "RunnableConfig | None" = None,
    answers: Any = None,
    ask: Ask | None = None,
    set: Sequence[str] = (),
    **changes: Unpack[Options],
) -> SearchResult:
    """Go on with a run that was cut off, or that is to make more iterations; a finished one is only read.

    Objects that the run was given from Python are needed again; `set` and `changes` are options that differ from now
    on. Of a run without this user's seal, the modules, servers and paths that `search.json` names are to be named
    again, or `trust` takes all of them from there. `answers` is the answer to the question that a paused run waits for,
    or a dict of answers by the ids of several.
    Raises: GeniusError, BrokenRun, Paused, RunFailed.
    """
    refuse_while_importing()
    folder, calling = Path(run), Calling(progress, caller_config(callbacks, config), Answers(answers, ask))
    arguments = Arguments(space, llm, proposer, evaluator, downloads, set, changes, pool)
    async with locked(folder, to_read=True) as unwritable:
        going, journal = await asyncio.to_thread(_read, arguments, folder, trust=trust)
        settings, result = going.settings, read_result(folder, going.settings, journal)
        if result.finished and not unconcluded(settings, journal):
            calling.answers.sort(())
            calling.progress(begun(folder, settings, partial(_shown, going), journal))
            return result
        await _check(going, settings)
        if unwritable:
            raise unwritable
        async with open_setup(settings, going.given) as setup:
            check_journal(journal, settings, setup.region.space)
            return await carry_on(folder, settings, setup, journal, calling)


async def fork(
    run: Path | str,
    at: int,
    *,
    to: Path | str | None = None,
    space: AnySpace | None = None,
    llm: "Llm | None" = None,
    proposer: str | Proposer | None = None,
    evaluator: str | Evaluator | ValueEvaluator | None = None,
    pool: Pool | None = None,
    downloads: Path | str | None = None,
    trust: bool = False,
    progress: Show = ignore,
    callbacks: "Callbacks" = None,
    config: "RunnableConfig | None" = None,
    ask: Ask | None = None,
    set: Sequence[str] = (),
    **changes: Unpack[Options],
) -> SearchResult:
    """Go on from an earlier iteration of a run in a new run folder, perhaps with other options.

    `at` is the last iteration that is taken over, 0 for none; the old run stays as it is. Objects, names and `trust`
    are as in `resume`. Raises: GeniusError, BrokenRun, RunFailed.
    """
    refuse_while_importing()
    source, calling = Path(run), Calling(progress, caller_config(callbacks, config), Answers(ask=ask))
    arguments = Arguments(space, llm, proposer, evaluator, downloads, set, changes, pool)
    async with locked(source, to_read=True):
        going, journal = await asyncio.to_thread(_read, arguments, source, trust=trust)
        settings = going.settings.changed({"run.id": fresh_id(), "run.forked_from": f"{source}, iteration {at}"})
        if not 0 <= at < settings.loop.iterations:
            raise GeniusError(f"at takes an iteration from 0 to {settings.loop.iterations - 1}, got {at}")
        await _check(going, settings)
        states = await states_after(source, going.old, at)
    async with open_setup(settings, going.given) as setup:
        check_journal(journal, settings, setup.region.space)
        folder = await asyncio.to_thread(new_run_folder, settings, as_path(to))
        taken = await take_over(journal, states, folder, settings)
        async with locked(folder):
            return await carry_on(folder, settings, setup, taken, calling)


def _read(arguments: Arguments, folder: Path, *, trust: bool) -> tuple[Continuation, Journal]:
    """Read a run, and the call that goes on with it.

    Raises: GeniusError, BrokenRun.
    """
    old, journal = load(folder)
    return continuation(arguments, folder, old, trust=trust), journal


def _shown(going: Continuation) -> SearchSpace:
    """Return the space of a finished run, as its proposers saw it.

    Raises: GeniusError where it may not be used.
    """
    going.check()
    going.check_space()
    space = going.given.space or named_space(going.settings)
    return going.settings.disguise.of(space) if going.settings.disguise else space


async def _check(going: Continuation, settings: Settings) -> None:
    """Raises GeniusError where a run cannot go on by settings."""
    check_evaluates(settings)
    going.check()
    await asyncio.to_thread(going.check_space)
