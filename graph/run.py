"""The run folder: made, locked, and left in a state from which a search can go on."""

import asyncio
import shlex
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from ..spaces.errors import GeniusError, RunFailed
from .journal import BrokenRun
from .settings import SETTINGS_FILE, Settings

if TYPE_CHECKING:
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

CHECKPOINTS_FILE = "checkpoints.sqlite"
LOCK_FILE = "lock"
LOCK_WAIT = 20.0  # seconds


def new_run(settings: Settings, given: Path | None) -> Path:
    """Make a run folder with its `search.json`: the given one, else a new one in `runs/`, named after the search.

    Raises: GeniusError where there is something in it already, or it cannot be made.
    """
    folder = new_folder(settings, given)
    try:
        settings.save(folder)
    except OSError as error:
        raise _cannot_write(folder, error) from error
    return folder


def new_folder(settings: Settings, given: Path | None) -> Path:
    """Make a run folder that is no run yet: it becomes one with its `search.json`.

    Raises: GeniusError where there is something in it already, or it cannot be made.
    """
    folder = given if given is not None else _unused(Path("runs"), settings)
    if folder.exists() and not _is_empty(folder):
        hint = f"; go on with it: {resume_command(folder)}" if (folder / SETTINGS_FILE).is_file() else ""
        raise GeniusError(f"{folder} exists and is not empty{hint}; or name another folder with --run")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_write(folder, error) from error
    return folder


def resume_command(folder: Path) -> str:
    """Write the command that goes on with a run."""
    return shlex.join(["genius", "resume", str(folder)])


def _cannot_write(folder: Path, error: OSError) -> GeniusError:
    return GeniusError(f"cannot write the run folder {folder}: {error.strerror or error}")


def _is_empty(folder: Path) -> bool:
    """Tell whether a folder holds nothing, or only what a kill left of a `search.json` that was being written."""
    return folder.is_dir() and all(file.match(f".{SETTINGS_FILE}.*") for file in folder.iterdir())


def _unused(parent: Path, settings: Settings) -> Path:
    name = f"{settings.space.replace(':', '-')}-{settings.proposer}-{time.strftime('%Y%m%d-%H%M%S')}"
    folder, number = parent / name, 2
    while folder.exists():
        folder, number = parent / f"{name}-{number}", number + 1
    return folder


@asynccontextmanager
async def locked(folder: Path) -> AsyncIterator[None]:
    """Hold the run for this process alone.

    Raises: GeniusError where another process holds it, or the folder cannot be written.
    """
    lock = FileLock(folder / LOCK_FILE, thread_local=False)
    try:
        await asyncio.to_thread(lock.acquire, timeout=0)
    except Timeout as error:
        raise GeniusError(f"{folder} is in use by another process; wait for it to end") from error
    except (OSError, NotImplementedError) as error:
        why = getattr(error, "strerror", None) or error
        raise GeniusError(f"{folder} cannot be locked, and a search writes into its run folder: {why}") from error
    try:
        yield
    finally:
        lock.release()


@asynccontextmanager
async def open_checkpoints(folder: Path) -> AsyncIterator["AsyncSqliteSaver"]:
    """Open the run's checkpoints; left open, the connection would keep the process from ending.

    Where another process holds them locked, every access waits up to `LOCK_WAIT` seconds.
    """
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

    async with AsyncSqliteSaver.from_conn_string(str(folder / CHECKPOINTS_FILE)) as saver:
        await saver.conn.execute(f"PRAGMA busy_timeout = {LOCK_WAIT * 1000:.0f}")
        await saver.setup()
        yield saver


_PASSING = {
    ("SQLITE_BUSY", "SQLITE_LOCKED"): "was locked by another process for {wait:g} s, everything so far is kept: close "
    "what reads or writes it, such as a database browser or a backup",
    ("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM"): "cannot be written ({error}): make its folder writable",
    ("SQLITE_IOERR", "SQLITE_PROTOCOL"): "cannot be read or written ({error}): look after its disk, which needs locks "
    "that work, as some network disks have none",
}
"""What may be over when a run goes on, by the beginnings of SQLite's names for it."""


def broken_checkpoints(folder: Path, error: sqlite3.Error) -> GeniusError:
    """Say why a run's checkpoints cannot be used, and what to do: as RunFailed where it may pass."""
    path, kind = folder / CHECKPOINTS_FILE, getattr(error, "sqlite_errorname", "")
    for kinds, words in _PASSING.items():
        if kind.startswith(kinds):
            return RunFailed(f"{path} {words.format(wait=LOCK_WAIT, error=error)}, then `{resume_command(folder)}`")
    return BrokenRun(f"{path} cannot be used: {error}; without that file, a run goes on from its journal")
