"""The run folder: its creation, and its lock for one process."""

import asyncio
import errno
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import GeniusError
from ..record.files import BrokenRun, check_folder
from ..record.settings import SETTINGS_FILE, Settings
from ..spaces import short_name
from .seal import save_sealed
from .trust import resume_command

_OWN = "evaluations/*/*/files"  # files of the user's own functions and commands, which alone open them
LOCK_FILE = "lock"
_POLL = 0.05  # seconds
_NOT_WRITABLE = (errno.EROFS, errno.EACCES, errno.EPERM)


def new_run(settings: Settings, given: Path | None) -> Path:
    """Make a run folder with its `search.json`: the given one, else a new one in `runs/`, named after the search.

    Raises: GeniusError where the folder is not empty, or cannot be made.
    """
    folder = new_run_folder(settings, given)
    try:
        save_sealed(settings, folder)
    except OSError as error:
        raise _cannot_write(folder, error) from error
    return folder


def new_run_folder(settings: Settings, given: Path | None) -> Path:
    """Make an empty run folder, which becomes a run with its `search.json`.

    Raises: GeniusError where the folder is not empty, or cannot be made.
    """
    folder = given if given is not None else unused_folder(Path("runs"), settings)
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
    """Tell whether a folder holds no file, or only a lock and a partial `search.json` that a kill left."""
    left = (LOCK_FILE, f".{SETTINGS_FILE}.*")
    return folder.is_dir() and all(any(map(file.match, left)) for file in folder.iterdir())


def unused_folder(parent: Path, settings: Settings) -> Path:
    """Return a folder that is not there yet, named after the search and the time."""
    parts = (re.sub(r"[:/\\]", "-", short_name(part)) for part in (settings.space, settings.proposer))
    name = "-".join([*parts, time.strftime("%Y%m%d-%H%M%S")])
    folder, number = parent / name, 2
    while folder.exists():
        folder, number = parent / f"{name}-{number}", number + 1
    return folder


def check_is_run(folder: Path) -> None:
    """Raises BrokenRun where a folder is no run."""
    if not (folder / SETTINGS_FILE).exists():
        raise BrokenRun(f"{folder} is not a run folder: it holds no {SETTINGS_FILE}")


def check_plain(folder: Path) -> None:
    """Raises NotPlain where a run holds anything but files and folders, besides those of the user's own code."""
    check_folder(folder, _OWN)


@asynccontextmanager
async def begun_once(folder: Path, settings: Settings, wait: float) -> AsyncIterator[bool]:
    """Lock an empty folder, and make it a run; yields False where another process has done so meanwhile.

    Raises: GeniusError, as `locked` does.
    """
    async with held_folder(folder, wait=wait):
        if new := not (folder / SETTINGS_FILE).exists():
            await asyncio.to_thread(save_sealed, settings, folder)
        yield new


@asynccontextmanager
async def locked(folder: Path, *, to_read: bool = False, wait: float = 0.0) -> AsyncIterator[GeniusError | None]:
    """Lock a run for this process; `to_read` leaves a folder without write permission unlocked, and yields the reason.

    Another process's lock is waited for, `wait` seconds at most.
    Raises: BrokenRun where the folder is no run; GeniusError where another process holds the lock, the folder cannot be
    written, or it holds links.
    """
    await asyncio.to_thread(check_is_run, folder)
    async with held_folder(folder, to_read=to_read, wait=wait) as unwritable:
        yield unwritable


async def _acquire(lock: FileLock, wait: float) -> None:
    """Acquire a lock, at the latest after `wait` seconds; one that is cancelled has acquired nothing.

    Raises: Timeout, OSError, NotImplementedError.
    """
    until = time.monotonic() + wait
    while True:
        acquiring = asyncio.create_task(asyncio.to_thread(lock.acquire, timeout=0))
        try:
            await asyncio.shield(acquiring)
        except asyncio.CancelledError:
            await asyncio.gather(acquiring, return_exceptions=True)
            lock.release()
            raise
        except Timeout:
            if time.monotonic() >= until:
                raise
            await asyncio.sleep(_POLL)
        else:
            return


@asynccontextmanager
async def held_folder(folder: Path, *, to_read: bool = False, wait: float = 0.0) -> AsyncIterator[GeniusError | None]:
    """Lock any folder for this process, as `locked` does a run."""
    await asyncio.to_thread(check_plain, folder)
    lock = FileLock(folder / LOCK_FILE, thread_local=False)
    try:
        await _acquire(lock, wait)
    except Timeout as error:
        raise GeniusError(f"{folder} is in use by another process; wait for it to end") from error
    except (OSError, NotImplementedError) as error:
        why = getattr(error, "strerror", None) or error
        unwritable = GeniusError(f"{folder} cannot be locked, and a search writes into its run folder: {why}")
        if not (to_read and getattr(error, "errno", None) in _NOT_WRITABLE):
            raise unwritable from error
        yield unwritable
        return
    try:
        yield None
    finally:
        lock.release()
