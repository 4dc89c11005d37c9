"""Searches from Python: start one, go on with one, fork one."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack, cast

from ..agents.baselines import PROPOSERS
from ..agents.calling import caller_config
from ..agents.proposer import Proposer
from ..errors import GeniusError, warn
from ..evaluators.evaluator import Evaluator, ValueEvaluator
from ..python_files import refuse_while_importing
from ..record.journal import Journal
from ..record.result import SearchResult, check_journal, load, read_result
from ..record.settings import OPTIONS, SETTINGS_FILE, Options, Settings, by_path, read_file, read_set, working_folder
from ..record.settings.llm_settings import Sent
from ..record.versions import fresh_id
from ..spaces.disguise import shuffle
from ..spaces.objective import Objective
from ..tables.own import table_sha256
from ..training.recipes import RECIPE_FIELDS
from .fork import states_after, take_over
from .pause import Answers, Ask
from .run_folder import locked, new_run, new_run_folder
from .setup import (
    AnySpace,
    Given,
    changes_in_words,
    check_fits,
    choose_goal,
    choose_limits,
    choose_parts,
    fingerprint,
    named_space,
    open_setup,
    parts_of_space,
)
from .state import Progress
from .trials import Calling, carry_on
from .trust import Claim, check_claims, claims

if TYPE_CHECKING:
    from langchain_core.callbacks import Callbacks
    from langchain_core.runnables import RunnableConfig

    from .setup import Llm

_OF_NAMED_MODELS = ("llm.temperature", "llm.reasoning_effort", "llm.num_ctx", "llm.options", "llm.base_url")

Show = Callable[[Progress], None]


def _show_nothing(progress: Progress) -> None: ...


async def search(
    space: AnySpace | None = None,
    *,
    settings: Settings | Path | str | None = None,
    llm: "Llm | None" = None,
    proposer: str | Proposer | None = None,
    evaluator: str | Evaluator | ValueEvaluator | None = None,
    objectives: Sequence[str | Objective] | str | Objective = (),
    limits: Mapping[str, Sequence[float | None]] | None = None,
    pareto: bool = False,
    run: Path | str | None = None,
    downloads: Path | str | None = None,
    trust: bool = False,
    progress: Show = _show_nothing,
    callbacks: "Callbacks" = None,
    config: "RunnableConfig | None" = None,
    ask: Ask | None = None,
    set: Sequence[str] = (),
    **options: Unpack[Options],
) -> SearchResult:
    """Search a space and return the result; the run folder keeps everything.

    - `space`, `llm`, `proposer`, `evaluator`: names, MODULE:NAME of your own among them, or objects of your own; of
      several llms the next one answers where one is down or refuses. Without an llm or a proposer the default is
      `GENIUS_LLM`, else gpt-4o where there is a key, else the embedded model.
    - `space` may also be a dict of decisions, see `space_of`, or the path of a file that describes a space. In a space
      by value an evaluator is called with the dict of values, elsewhere with the tuple of option numbers.
    - `objectives`: names, or Objective objects. The first is a measurement's value and steers; the others are metrics,
      or `flops` and `params`. Without them it is the evaluator's `objective`, else the space's.
    - `limits`: ranges by name, as in {"latency_ms": (None, 5)}. Of a cost that the space's own `cost` names they hold
      before anything is evaluated, as FLOPs and parameters do. Others are of metrics: what is measured beyond is not
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
    base = await asyncio.to_thread(_base, settings)
    asked = await asyncio.to_thread(_asked, _Call(space, llm, proposer, evaluator, downloads, set, options), base)
    if isinstance(settings, str | Path) and Path(settings).name == SETTINGS_FILE and not trust:
        _check_named(Path(settings), base.changed(asked.named), asked, {"space": "search"})
    begun = await asyncio.to_thread(_begun, asked, base, _Aim(objectives, limits, pareto))
    async with open_setup(begun, asked.given) as setup:
        folder = await asyncio.to_thread(new_run, begun, _path(run))
        async with locked(folder):
            return await carry_on(folder, begun, setup, Journal(folder), calling)


async def resume(
    run: Path | str,
    *,
    space: AnySpace | None = None,
    llm: "Llm | None" = None,
    proposer: str | Proposer | None = None,
    evaluator: str | Evaluator | ValueEvaluator | None = None,
    downloads: Path | str | None = None,
    trust: bool = False,
    progress: Show = _show_nothing,
    callbacks: "Callbacks" = None,
    config: "RunnableConfig | None" = None,
    answers: Any = None,
    ask: Ask | None = None,
    set: Sequence[str] = (),
    **changes: Unpack[Options],
) -> SearchResult:
    """Go on with a run that was cut off, or that is to make more iterations; a finished one is only read.

    Objects that the run was given from Python are needed again; `set` and `changes` are options that differ from now
    on. The modules, servers and paths that `search.json` names are to be named again, or `trust` takes all of them from
    there. `answers` is the answer to the question that a paused run waits for, or a dict of answers by the ids of
    several.
    Raises: GeniusError, BrokenRun, Paused, RunFailed.
    """
    refuse_while_importing()
    folder, calling = Path(run), Calling(progress, caller_config(callbacks, config), Answers(answers, ask))
    async with locked(folder, to_read=True) as unwritable:
        old, journal = await asyncio.to_thread(load, folder)
        asked = await asyncio.to_thread(_asked, _Call(space, llm, proposer, evaluator, downloads, set, changes), old)
        settings = _going_on(asked, old)
        result = read_result(folder, settings, journal)
        if result.finished:
            calling.answers.sort(())
            return result
        _check_source(folder, old, settings, asked, trust=trust)
        await asyncio.to_thread(check_fits, old, settings, asked.given)
        if unwritable:
            raise unwritable
        async with open_setup(settings, asked.given) as setup:
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
    downloads: Path | str | None = None,
    trust: bool = False,
    progress: Show = _show_nothing,
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
    async with locked(source, to_read=True):
        old, journal = await asyncio.to_thread(load, source)
        asked = await asyncio.to_thread(_asked, _Call(space, llm, proposer, evaluator, downloads, set, changes), old)
        settings = _going_on(asked, old).changed({"run.id": fresh_id(), "run.forked_from": f"{source}, iteration {at}"})
        if not 0 <= at < settings.loop.iterations:
            raise GeniusError(f"at takes an iteration from 0 to {settings.loop.iterations - 1}, got {at}")
        _check_source(source, old, settings, asked, trust=trust)
        await asyncio.to_thread(check_fits, old, settings, asked.given)
        states = await states_after(source, old, at)
    async with open_setup(settings, asked.given) as setup:
        check_journal(journal, settings, setup.region.space)
        folder = await asyncio.to_thread(new_run_folder, settings, _path(to))
        taken = await take_over(journal, states, folder, settings)
        async with locked(folder):
            return await carry_on(folder, settings, setup, taken, calling)


@dataclass(frozen=True)
class _Call:
    """The part of a call that `search`, `resume` and `fork` have in common."""

    space: AnySpace | None
    llm: "Llm | None"
    proposer: str | Proposer | None
    evaluator: str | Evaluator | ValueEvaluator | None
    downloads: Path | str | None
    set: Sequence[str]
    options: Options


@dataclass(frozen=True)
class _Aim:
    """The parts of the goal that a call names."""

    objectives: Sequence[str | Objective] | str | Objective
    limits: Mapping[str, Sequence[float | None]] | None
    pareto: bool


@dataclass(frozen=True)
class _Asked:
    """The request of a call: its objects, and the settings that it names, by their paths.

    `llm_options` are the names of a provider's options that the call itself names: others stay beside them.
    """

    given: Given
    named: Mapping[str, object]
    llm_options: Collection[str]

    def names(self, claim: Claim) -> bool:
        """Tell whether the call, too, names the claim of a file."""
        if claim.setting == "llm.options":
            return claim.value.partition("=")[0] in self.llm_options
        return claim.setting in self.named


def _base(settings: Settings | Path | str | None) -> Settings:
    """Return the settings that a new search starts from, without facts of another run.

    Raises: GeniusError for a file that cannot be used.
    """
    found = read_file(Path(settings)) if isinstance(settings, str | Path) else settings
    return Settings() if found is None else found.as_new()


def _asked(call: _Call, old: Settings) -> _Asked:
    """Read a call.

    Raises: GeniusError where it cannot be meant.
    """
    flags = by_path(call.options) | ({} if call.downloads is None else {"downloads": str(call.downloads)})
    named, alone = (flags | read_set(call.set, each.changed(flags), RECIPE_FIELDS) for each in (old, Settings()))
    llm: Any = named.pop("llm.models", None) if call.llm is None else call.llm
    if call.evaluator is not None and "command" in named:
        raise GeniusError("a command and an evaluator exclude each other: name one of them")
    names, given = choose_parts(call.space, llm, call.proposer, call.evaluator, old.changed(named))
    if "command" in named:
        names |= {"evaluator": None, "run.custom": [part for part in names["run.custom"] if part != "evaluator"]}
    _check_object(given, named)
    return _Asked(given, {**named, **names}, cast("Mapping[str, object]", alone.get("llm.options", {})))


def _begun(asked: _Asked, base: Settings, aim: _Aim) -> Settings:
    """Return the settings of a new run, with the facts of its space and its table.

    Raises: GeniusError.
    """
    settings = base.changed(asked.named).check()
    if "space" not in asked.named and not settings.decisions:
        settings = settings.changed(parts_of_space(settings.space, asked.given.evaluator, settings))
    space = asked.given.space or named_space(settings)
    _check_object(asked.given, [path for path in _OF_NAMED_MODELS if settings.at(path) not in (None, {})])
    if settings.loop.advice and settings.proposer in PROPOSERS and asked.given.proposer is None:
        raise GeniusError(f"{settings.proposer} reads no prompt: only a language model can be given advice")
    meanings = shuffle(space, settings.loop.first_seed) if settings.loop.disguise else ()
    measured, computed = choose_limits(space, settings, aim.limits)
    return settings.changed(
        {
            "goal": choose_goal(space, settings, asked.given, aim.objectives, measured, aim.pareto),
            "limits.others": computed,
            "run.fingerprint": fingerprint(space),
            "run.meanings": meanings,
            "run.table_sha256": _hash_of_table(asked, settings),
        }
    ).check()


def _going_on(asked: _Asked, old: Settings) -> Settings:
    """Return the settings of a run that goes on with some changes.

    Raises: GeniusError where they do not fit the run.
    """
    settings = old.changed({**asked.named, "run.sent": _still_known(old, asked.named)}).check()
    if any(asked.names(claim) for claim in claims(settings)):
        settings = settings.changed({"run.working_folder": working_folder()})  # what is named now is named from here
    if settings.space != old.space:
        raise GeniusError(f"this run searches {old.space}, and {settings.space} is another space: start a new search")
    if settings.loop.disguise != old.loop.disguise:
        raise GeniusError("a run is in disguise from its beginning or not at all")
    hashed = {"run.table_sha256": _hash_of_table(asked, settings)} if "training.table" in asked.named else {}
    return settings.changed(hashed)


def _check_named(file: Path, settings: Settings, asked: _Asked, flags: Mapping[str, str] | None = None) -> None:
    """Refuse the modules, servers and paths that the file of a run alone names, and not the call.

    Raises: GeniusError.
    """
    alone = [claim for claim in claims(settings, asked.given.parts) if not asked.names(claim)]
    check_claims(file, alone, flags)


def _check_source(folder: Path, old: Settings, new: Settings, asked: _Asked, *, trust: bool) -> None:
    """Hold a run against the call that goes on with it; warn of the parts that it goes on without.

    Raises: GeniusError, also for a module, server or path that `search.json` alone names and not the call.
    """
    if not trust:
        _check_named(folder / SETTINGS_FILE, new, asked)
    for sentence in changes_in_words(old, new):
        warn(sentence)


def _still_known(old: Settings, named: Mapping[str, Any]) -> list[Sent]:
    """Return the known refusals of the servers, but for the parameters that are changed: these are tried anew."""
    tried = {path.rpartition(".")[2] for path in named} | set(named.get("llm.options", ()))
    found = []
    for one in old.run.sent:
        known = {name: value for name, value in one.items() if name not in tried}
        left_out = [name for name in one.get("left_out", ()) if name not in tried]
        found.append(cast("Sent", known | {"left_out": left_out}))
    return found


def _check_object(given: Given, named: Collection[str]) -> None:
    """Refuse options of a model's replies for models that are objects, which have their own."""
    asked = [OPTIONS[path].name for path in _OF_NAMED_MODELS if path in named]
    if asked and given.llm is not None and not any(isinstance(llm, str) for llm in given.llm):
        raise GeniusError(f"a model object has its own {asked[0]}: set it there, not in the search")


def _hash_of_table(asked: _Asked, settings: Settings) -> str | None:
    """Return the SHA-256 of the table, so that another one at its path is noticed; errors call it as the call does."""
    table = asked.named.get("training.table", settings.training.table)
    return None if table is None else table_sha256(Path(str(table)))


def _path(given: Path | str | None) -> Path | None:
    return None if given is None else Path(given)
