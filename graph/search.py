"""Searches from Python: start one, go on with one, fork one."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack, cast

from ..agents.calling import wanted
from ..agents.proposer import Proposer
from ..errors import GeniusError
from ..evaluators.evaluator import Evaluator, ValueEvaluator
from ..record.options import Sent
from ..record.result import SearchResult, check_journal, load, read_result
from ..record.settings import LLM, SETTINGS_FILE, Options, Settings
from ..record.versions import fresh_id
from ..spaces import get_space
from ..spaces.disguise import shuffle
from ..tables.fetch import data_folder
from ..tables.own import sha256_of
from .fork import states_after, take_over
from .pause import Answers, Ask
from .run_folder import new_run, new_run_folder
from .setup import AnySpace, Given, check_fits, choose_parts, fingerprint, open_setup
from .state import Progress
from .trials import carry_on
from .trust import check_claims, claims

if TYPE_CHECKING:
    from langchain_core.callbacks import Callbacks
    from langchain_core.runnables import RunnableConfig

    from .setup import Llm

_OF_NAMED_MODELS = ("temperature", "reasoning_effort", "num_ctx", "llm_options", "base_url")

Show = Callable[[Progress], None]


def _show_nothing(progress: Progress) -> None: ...


async def search(
    space: AnySpace,
    *,
    llm: "Llm | None" = None,
    proposer: str | Proposer | None = None,
    evaluator: Evaluator | ValueEvaluator | None = None,
    run: Path | str | None = None,
    data: Path | str | None = None,
    progress: Show = _show_nothing,
    callbacks: "Callbacks" = None,
    config: "RunnableConfig | None" = None,
    ask: Ask | None = None,
    **options: Unpack[Options],
) -> SearchResult:
    """Search a space and return what was found; the run folder keeps everything.

    - `space`, `llm`, `proposer`: names, or objects of your own; of several llms the next one answers where one is down
      or refuses. Without an llm or a proposer the default is `GENIUS_LLM`, else gpt-4o where there is a key, else the
      embedded model.
    - `space` may also be a dict of decisions, see `space_of`, or the path of a file that describes a space.
    - `evaluator`: needed for a space of your own. In a space by value it is called with the dict of values, elsewhere
      with the tuple of option numbers.
    - `run`, `data`: the run folder, and the folder of the published tables, which a run that goes on looks in again.
    - `callbacks`, `config`: LangChain's callback handlers, and a RunnableConfig whose tags, metadata, run_name (which
      names begin with), max_concurrency and callbacks every invocation of the graph gets. They are never written down.
    - `ask`: answers what the search waits for a person for, such as an approval; without it the search pauses there.
    - `options`: see `Options`.

    Raises: GeniusError for what cannot work, before anything is written; Paused where a person has to answer; RunFailed
    where a search had to stop.
    """
    called, answering = wanted(callbacks, config), Answers(ask=ask)
    names, given = choose_parts(space, llm, proposer, evaluator)
    _check_object(given, options)
    settings = Settings(
        **names,
        **_named(options),
        **_hashed(options),
        llm_seed=options.get("seed"),
        data=None if data is None else str(data),
    ).check()
    settings = replace(settings, fingerprint=fingerprint(given.space or get_space(settings.space)))
    if isinstance(proposer, str) and proposer != LLM and settings.advice:
        raise GeniusError(f"{proposer} reads no prompt: only a language model can be given advice")
    if settings.disguise:
        settings = replace(settings, meanings=shuffle(given.space or get_space(settings.space), settings.seed))
    async with open_setup(settings, given, data_folder(_path(settings.data))) as setup:
        folder = await asyncio.to_thread(new_run, settings, _path(run))
        return await carry_on(folder, settings, setup, progress, called, answering)


async def resume(
    run: Path | str,
    *,
    space: AnySpace | None = None,
    llm: "Llm | None" = None,
    proposer: str | Proposer | None = None,
    evaluator: Evaluator | ValueEvaluator | None = None,
    data: Path | str | None = None,
    trust: bool = False,
    progress: Show = _show_nothing,
    callbacks: "Callbacks" = None,
    config: "RunnableConfig | None" = None,
    answers: Any = None,
    ask: Ask | None = None,
    **changes: Unpack[Options],
) -> SearchResult:
    """Go on with a run that was cut off, or that is to make more iterations; a finished one is only read.

    Objects that the run was given from Python are needed again; `changes` are options that differ from now on. What
    `search.json` names of modules, servers and paths is to be named again, or `trust` takes all of it from there.
    `answers` is the answer to the question that a paused run waits for, or a dict of answers by the ids of several.
    Raises: GeniusError, BrokenRun, Paused, RunFailed.
    """
    folder, called, answering = Path(run), wanted(callbacks, config), Answers(answers, ask)
    old, journal = await asyncio.to_thread(load, folder)
    names, given = choose_parts(space, llm, proposer, evaluator, old)
    _check_disguise(old, changes)
    settings = _changed(old, names, given, changes, data)
    result = read_result(folder, settings, journal)
    if result.finished:
        answering.sort(())
        return result
    if not trust:
        _check_named(folder, settings, given, {*names, *_named({**changes, "data": data})})
    check_fits(old, settings, given)
    async with open_setup(settings, given, data_folder(_path(settings.data))) as setup:
        check_journal(journal, settings, setup.region.space)
        return await carry_on(folder, settings, setup, progress, called, answering)


async def fork(
    run: Path | str,
    at: int,
    *,
    to: Path | str | None = None,
    space: AnySpace | None = None,
    llm: "Llm | None" = None,
    proposer: str | Proposer | None = None,
    evaluator: Evaluator | ValueEvaluator | None = None,
    data: Path | str | None = None,
    trust: bool = False,
    progress: Show = _show_nothing,
    callbacks: "Callbacks" = None,
    config: "RunnableConfig | None" = None,
    ask: Ask | None = None,
    **changes: Unpack[Options],
) -> SearchResult:
    """Go on from an earlier iteration of a run in a new run folder, perhaps with other options.

    `at` is the last iteration that is taken over, 0 for none; the old run stays as it is. Objects, names and `trust`
    are as in `resume`. Raises: GeniusError, BrokenRun, RunFailed.
    """
    source, called, answering = Path(run), wanted(callbacks, config), Answers(ask=ask)
    old, journal = await asyncio.to_thread(load, source)
    names, given = choose_parts(space, llm, proposer, evaluator, old)
    _check_disguise(old, changes)
    identity = {"id": fresh_id(), "forked_from": f"{source}, iteration {at}"}
    settings = replace(_changed(old, names, given, changes, data), **identity)  # type: ignore[arg-type]
    if not 0 <= at < settings.iterations:
        raise GeniusError(f"at takes an iteration from 0 to {settings.iterations - 1}, got {at}")
    if not trust:
        _check_named(source, settings, given, {*names, *_named({**changes, "data": data})})
    check_fits(old, settings, given)
    states = await states_after(source, old, at)
    async with open_setup(settings, given, data_folder(_path(settings.data))) as setup:
        check_journal(journal, settings, setup.region.space)
        folder = await asyncio.to_thread(new_run_folder, settings, _path(to))
        await take_over(journal, states, folder, settings)
        return await carry_on(folder, settings, setup, progress, called, answering)


def _changed(
    old: Settings, names: Mapping[str, Any], given: Given, changes: Options, data: Path | str | None
) -> Settings:
    """Return the settings of a run that goes on with some changes.

    Raises: GeniusError where they do not fit the run.
    """
    _check_object(given, changes)
    named = {**_named(changes), **_hashed(changes)} | ({"data": str(data)} if data is not None else {})
    seed = {"llm_seed": named["seed"]} if "seed" in named else {}
    settings = replace(old, **names, **named, **seed, sent=_still_known(old, named)).check()
    if settings.space != old.space:
        raise GeniusError(f"this run searches {old.space}, and {settings.space} is another space: start a new search")
    return settings


def _check_named(folder: Path, settings: Settings, given: Given, named: Collection[str]) -> None:
    """Refuse what `search.json` alone names, and not the call.

    Raises: GeniusError.
    """
    alone = [claim for claim in claims(settings, given.parts) if claim.setting not in named]
    check_claims(folder / SETTINGS_FILE, alone)


def _still_known(old: Settings, changes: Mapping[str, Any]) -> list[Sent]:
    """Return what is known of the servers, but for the parameters that are changed: these are tried anew."""
    extra = {option.partition("=")[0] for option in changes.get("llm_options", ())}
    tried = set(changes) | extra
    found = []
    for one in old.sent:
        known = {name: value for name, value in one.items() if name not in tried}
        left_out = [name for name in one.get("left_out", ()) if name not in tried]
        found.append(cast("Sent", known | {"left_out": left_out}))
    return found


def _check_object(given: Given, options: Options) -> None:
    """Refuse options of a model's replies for models that are objects, which have their own."""
    asked = [name for name in _OF_NAMED_MODELS if options.get(name) not in (None, ())]
    if asked and given.llm is not None and not any(isinstance(llm, str) for llm in given.llm):
        raise GeniusError(f"a model object has its own {asked[0]}: set it there, not in the search")


def _check_disguise(old: Settings, changes: Options) -> None:
    if changes.get("disguise") not in (None, old.disguise):
        raise GeniusError("a run is in disguise from its beginning or not at all")


def _named(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is None: it stays as it was."""
    return {name: value for name, value in changes.items() if value is not None}


def _hashed(options: Options) -> dict[str, Any]:
    """Tell what the named table hashes to, so that another one at its path is noticed."""
    table = options.get("table")
    return {} if table is None else {"table_sha256": sha256_of(Path(table))}


def _path(given: Path | str | None) -> Path | None:
    return None if given is None else Path(given)
