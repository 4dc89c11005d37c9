"""Holds: a candidate that was asked for is held by the process that asked, as long as that lives.

A hold is a file in the folder `asked/` of a run, which its process keeps locked. A pending candidate that nobody holds
is handed out again, unless it was left to others. All of it happens while the run is locked.
"""

from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

_FOLDER = "asked"
_LEFT = ".left"


class Holds:
    """The holds of this process on the candidates of a run, by their ids."""

    def __init__(self, run: Path) -> None:
        self._folder = run / _FOLDER
        self._locks: dict[str, FileLock] = {}

    def take(self, id: str) -> bool:
        """Take hold of a candidate; False where it is held, by this process or a living one, or left to others.

        Raises: OSError.
        """
        if id in self._locks or self._path(id, _LEFT).exists():
            return False
        self._folder.mkdir(exist_ok=True)
        lock = FileLock(self._path(id), thread_local=False)
        with suppress(Timeout):
            lock.acquire(timeout=0)
            self._locks[id] = lock
        return id in self._locks

    def is_free(self, id: str) -> bool:
        """Tell whether a candidate is neither held nor left to others.

        Raises: OSError.
        """
        if not self.take(id):
            return False
        self._let_go(id)
        return True

    def leave(self, id: str) -> None:
        """Leave a candidate to others: it is not handed out again.

        Raises: OSError.
        """
        self._path(id, _LEFT).touch()
        self._let_go(id)

    def end(self, id: str) -> None:
        """Remove every trace of a candidate that was told."""
        self._let_go(id)
        for path in (self._path(id), self._path(id, _LEFT)):
            with suppress(OSError):  # Windows keeps a file that another process has locked: it says nothing any more
                path.unlink()

    def close(self) -> None:
        """Let go of all candidates."""
        for id in list(self._locks):
            self._let_go(id)

    def _let_go(self, id: str) -> None:
        if (lock := self._locks.pop(id, None)) is not None:
            lock.release()

    def _path(self, id: str, ending: str = "") -> Path:
        return self._folder / f"{id}{ending}"
