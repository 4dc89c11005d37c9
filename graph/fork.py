"""Forks: new runs that start from an earlier checkpoint of another run."""

import asyncio
import shutil
import sqlite3
import tempfile
from contextlib import aclosing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ..errors import GeniusError
from ..evaluators.meter import READINGS_FILE
from ..record.files import open_plain
from ..record.hints import add_hint
from ..record.journal import Journal, read_calls
from ..record.settings import Settings
from .build import build_graph
from .checkpoints import CHECKPOINTS_FILE, broken_checkpoints, open_checkpoints, read_state
from .seal import save_sealed
from .state import SearchState

if TYPE_CHECKING:
    from .build import Graph


async def states_after(source: Path, settings: Settings, at: int) -> dict[int, SearchState | None]:
    """Return each trial's checkpointed state after iteration `at`; None for a trial that starts anew, with `at` 0.

    A trial whose proposer stopped earlier gives its last state. Works on a copy of the source's checkpoints, while the
    source is locked. Raises: GeniusError where a trial has made fewer iterations.
    """
    copy = await asyncio.to_thread(tempfile.TemporaryDirectory)
    try:
        await asyncio.to_thread(_copy_checkpoints, source, Path(copy.name))
        async with open_checkpoints(Path(copy.name)) as saver:
            graph = build_graph(saver)
            return {t: await _state_after(graph, settings, t, at) for t in range(1, settings.loop.trials + 1)}
    except sqlite3.DatabaseError as error:
        raise broken_checkpoints(source, error) from error
    finally:
        await asyncio.to_thread(copy.cleanup)


def _copy_checkpoints(source: Path, target: Path) -> None:
    """Copy the checkpoints, together with SQLite's journals.

    Raises: GeniusError where another process writes them meanwhile: a folder without write permission has no lock.
    """
    names = [CHECKPOINTS_FILE + end for end in ("", "-wal", "-journal")]
    before = [_changed(source / name) for name in names]
    for name in names:
        with (
            suppress(FileNotFoundError),
            open(source / name, "rb", opener=open_plain) as file,
            (target / name).open("wb") as copy,
        ):
            shutil.copyfileobj(file, copy)
    if before != [_changed(source / name) for name in names]:
        raise GeniusError(f"{source} is in use by another process; wait for it to end")


def _changed(path: Path) -> tuple[int, int] | None:
    try:
        return path.stat().st_mtime_ns, path.stat().st_size
    except FileNotFoundError:
        return None


async def _state_after(graph: "Graph", settings: Settings, trial: int, at: int) -> SearchState | None:
    if at == 0:
        return None
    config: Any = {"configurable": {"thread_id": settings.thread(trial)}}
    made = 0
    async with aclosing(graph.aget_state_history(config)) as snapshots:  # type: ignore[type-var]
        async for snapshot in snapshots:  # the latest first
            state: Any = read_state(snapshot.values, trial)
            if state["done"] and state["candidate"] is None:
                made = max(made, state["done"])
                if state["done"] == at or (state["done"] < at and state["stopped"]):
                    return cast("SearchState", state)
    raise GeniusError(f"trial {trial} has made {made} iterations: it cannot be forked at {at}")


async def take_over(
    source: Journal, states: dict[int, SearchState | None], folder: Path, settings: Settings
) -> Journal:
    """Make a run of a new folder: write the states, and the lines of the source's journal up to them.

    Returns the new journal.
    """
    journal = Journal(folder)
    async with open_checkpoints(folder) as saver:
        graph = build_graph(saver)
        for trial, state in states.items():
            if state is None:
                continue
            await _copy_lines(source, journal, trial, state)
            config: Any = {"configurable": {"thread_id": settings.thread(trial)}}
            await graph.aupdate_state(config, state, as_node="trainer")
    taken = max((state["hints"] for state in states.values() if state), key=len, default=[])
    for hint in taken:
        await asyncio.to_thread(add_hint, folder, hint)
    await asyncio.to_thread(save_sealed, settings, folder)
    if source.folder is not None:
        await asyncio.to_thread(_copy_readings, source.folder / READINGS_FILE, folder / READINGS_FILE)
    return journal


def _copy_readings(source: Path, target: Path) -> None:
    """Copy the readings of networks, so that the new run sees the same numbers."""
    with suppress(FileNotFoundError), open(source, "rb", opener=open_plain) as file, target.open("wb") as copy:
        shutil.copyfileobj(file, copy)


async def _copy_lines(source: Journal, target: Journal, trial: int, state: SearchState) -> None:
    for candidate in source.finished(trial)[: state["done"]]:
        await target.add(candidate)
    for confirmation in source.confirmations(trial):
        if target.find(trial, confirmation.iteration) is not None:
            await target.confirm(confirmation)
    proposed = state["done"] + len(state["running"])
    assert source.folder is not None
    for place, prompt, reply in read_calls(source.folder):
        _, t, iteration, _ = place
        if t == trial and iteration <= proposed:
            await target.log_reply(place, prompt, reply)
    for page in source.pages(trial):
        if page.iteration <= proposed:
            await target.write_page(page)
