"""The run folder: made, and held by one process."""

import asyncio
import errno
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import GeniusError
from ..record.files import check_folder
from ..record.settings import SETTINGS_FILE, Settings
from ..spaces.space_file import is_space_file
from .trust import resume_command

LOCK_FILE = "lock"
_NOT_WRITABLE = (errno.EROFS, errno.EACCES, errno.EPERM)


def new_run(settings: Settings, given: Path | None) -> Path:
    """Make a run folder with its `search.json`: the given one, else a new one in `runs/`, named after the search.

    Raises: GeniusError where there is something in it already, or it cannot be made.
    """
    folder = new_run_folder(settings, given)
    try:
        settings.save(folder)
    except OSError as error:
        raise _cannot_write(folder, error) from error
    return folder


def new_run_folder(settings: Settings, given: Path | None) -> Path:
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


def _cannot_write(folder: Path, error: OSError) -> GeniusError:
    return GeniusError(f"cannot write the run folder {folder}: {error.strerror or error}")


def _is_empty(folder: Path) -> bool:
    """Tell whether a folder holds nothing, or only what a kill left of a `search.json` that was being written."""
    return folder.is_dir() and all(file.match(f".{SETTINGS_FILE}.*") for file in folder.iterdir())


def _unused(parent: Path, settings: Settings) -> Path:
    space = Path(settings.space).stem if is_space_file(settings.space) else settings.space
    name = f"{space.replace(':', '-')}-{settings.proposer}-{time.strftime('%Y%m%d-%H%M%S')}"
    folder, number = parent / name, 2
    while folder.exists():
        folder, number = parent / f"{name}-{number}", number + 1
    return folder


@asynccontextmanager
async def locked(folder: Path, *, to_read: bool = False) -> AsyncIterator[None]:
    """Hold the run for this process alone; one that is there `to_read` and cannot be written is not held.

    Raises: GeniusError where another process holds it, the folder cannot be written, or holds links.
    """
    await asyncio.to_thread(check_folder, folder)
    lock = FileLock(folder / LOCK_FILE, thread_local=False)
    try:
        await asyncio.to_thread(lock.acquire, timeout=0)
    except Timeout as error:
        raise GeniusError(f"{folder} is in use by another process; wait for it to end") from error
    except (OSError, NotImplementedError) as error:
        if not (to_read and getattr(error, "errno", None) in _NOT_WRITABLE):
            why = getattr(error, "strerror", None) or error
            raise GeniusError(f"{folder} cannot be locked, and a search writes into its run folder: {why}") from error
    try:
        yield
    finally:
        lock.release()
