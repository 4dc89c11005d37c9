"""Full disks: one error for them, whichever library met them. Does not load torch."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import RunFailed

_FULL = (errno.ENOSPC, errno.EDQUOT)


class DiskFull(RunFailed):
    """A training could not write its files."""


def disk_full(folder: Path) -> DiskFull:
    """Make the error of a training whose folder lies on a full disk."""
    return DiskFull(f"the disk of {folder} is full: free some space")


@contextmanager
def told_when_full(folder: Path) -> Iterator[None]:
    """Raise DiskFull in place of any error that a full disk caused while files were written in `folder`."""
    try:
        yield
    except Exception as error:
        if _is_full(error):
            raise disk_full(folder) from error
        raise


def _is_full(error: BaseException | None) -> bool:
    """Tell whether a full disk caused an error, or any error in its chain: libraries raise their own on top."""
    while error is not None:
        number = error.errno if isinstance(error, OSError) else None
        if number in _FULL or any(os.strerror(full) in str(error) for full in _FULL):
            return True
        error = error.__cause__ or error.__context__
    return False
