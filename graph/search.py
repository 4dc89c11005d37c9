"""Searches from Python: start one, go on with one, fork one."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from ..agents.proposer import Proposer
from ..evaluators.evaluator import Evaluator
from ..spaces import get_space
from ..spaces.disguise import shuffle
from ..spaces.errors import GeniusError
from ..spaces.space import SearchSpace
from ..tools.fetch import data_folder
from .fork import states_after, take_over
from .journal import Journal
from .picture import PICTURE_FILE, draw
from .result import SearchResult, read_result
from .run import new_folder, new_run
from .settings import Options, Settings, fresh_id
from .setup import LLM, choose_parts, open_setup
from .state import Progress
from .trials import carry_on

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

Show = Callable[[Progress], None]


def _show_nothing(progress: Progress) -> None: ...


async def search(
    space: str | SearchSpace,
    *,
    llm: "str | BaseChatModel | None" = None,
    proposer: str | Proposer | None = None,
    evaluator: Evaluator | None = None,
    run: Path | str | None = None,
    data: Path | str | None = None,
    progress: Show = _show_nothing,
    **options: Unpack[Options],
) -> SearchResult:
    """Search a space and return what was found; the run folder keeps everything.

    - `space`, `llm`, `proposer`: names, or objects of your own. Without an llm or a proposer the default is
      `GENIUS_LLM`, else gpt-4o where there is a key, else the embedded model.
    - `evaluator`: needed for a space of your own.
    - `run`, `data`: the run folder, and the folder of the published tables.
    - `options`: see `Options`.

    Raises: GeniusError for what cannot work, before anything is written; RunFailed where a search had to stop.
    """
    names, given = choose_parts(space, llm, proposer, evaluator)
    settings = Settings(**names, **options).check()  # type: ignore[arg-type]
    if isinstance(proposer, str) and proposer != LLM and settings.advice:
        raise GeniusError(f"{proposer} reads no prompt: only a language model can be given advice")
    if settings.disguise:
        settings = replace(settings, meanings=shuffle(given.space or get_space(settings.space), settings.seed))
    async with open_setup(settings, given, data_folder(_path(data))) as setup:
        return await carry_on(new_run(settings, _path(run)), settings, setup, progress)


async def resume(
    run: Path | str,
    *,
    space: SearchSpace | None = None,
    llm: "str | BaseChatModel | None" = None,
    proposer: str | Proposer | None = None,
    evaluator: Evaluator | None = None,
    data: Path | str | None = None,
    progress: Show = _show_nothing,
    **changes: Unpack[Options],
) -> SearchResult:
    """Go on with a run that was cut off, or that is to make more iterations; a finished one is only read.

    Objects that the run was given from Python are needed again; `changes` are options that differ from now on.
    Raises: GeniusError, BrokenRun, RunFailed.
    """
    folder = Path(run)
    old = Settings.load(folder)
    names, given = choose_parts(space, llm, proposer, evaluator, old)
    _check_disguise(old, changes)
    settings = replace(old, **names, **_named(changes)).check()
    if (result := read_result(folder, settings, Journal.load(folder))).finished:
        if not (folder / PICTURE_FILE).is_file():
            await asyncio.to_thread(draw, result, folder)
        return result
    async with open_setup(settings, given, data_folder(_path(data))) as setup:
        return await carry_on(folder, settings, setup, progress)


async def fork(
    run: Path | str,
    at: int,
    *,
    to: Path | str | None = None,
    space: SearchSpace | None = None,
    llm: "str | BaseChatModel | None" = None,
    proposer: str | Proposer | None = None,
    evaluator: Evaluator | None = None,
    data: Path | str | None = None,
    progress: Show = _show_nothing,
    **changes: Unpack[Options],
) -> SearchResult:
    """Go on from an earlier iteration of a run in a new run folder, perhaps with other options.

    `at` is the last iteration that is taken over, 0 for none; the old run stays as it is.
    Raises: GeniusError, BrokenRun, RunFailed.
    """
    source = Path(run)
    old = Settings.load(source)
    names, given = choose_parts(space, llm, proposer, evaluator, old)
    _check_disguise(old, changes)
    identity = {"id": fresh_id(), "forked_from": f"{source}, iteration {at}"}
    settings = replace(old, **names, **_named(changes), **identity).check()  # type: ignore[arg-type]
    if not 0 <= at < settings.iterations:
        raise GeniusError(f"at takes an iteration from 0 to {settings.iterations - 1}, got {at}")
    states = await states_after(source, old, at)
    async with open_setup(settings, given, data_folder(_path(data))) as setup:
        folder = new_folder(settings, _path(to))
        await take_over(Journal.load(source), states, folder, settings)
        return await carry_on(folder, settings, setup, progress)


def _check_disguise(old: Settings, changes: Options) -> None:
    if changes.get("disguise") not in (None, old.disguise):
        raise GeniusError("a run is in disguise from its beginning or not at all")


def _named(changes: Options) -> dict[str, Any]:
    """Leave out what is None: it stays as it was."""
    return {name: value for name, value in changes.items() if value is not None}


def _path(given: Path | str | None) -> Path | None:
    return None if given is None else Path(given)
