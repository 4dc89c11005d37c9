"""Files in folders that strangers may have filled: only plain files are opened, and never through a link.

A file is written whole or not at all. Files that grow, line by line, are in `lines.py`.
"""

import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import GeniusError

_PLAINLY = sum(getattr(os, flag, 0) for flag in ("O_NOFOLLOW", "O_NONBLOCK"))
_NO_PLAIN_FILE = {errno.ELOOP, errno.EMLINK, errno.ENXIO, errno.EISDIR}
_MOST = 1 << 24  # bytes of a file that is read as a whole


class BrokenRun(GeniusError):
    """A folder of a search, a training or a bench that cannot be read."""


class NotPlain(GeniusError):
    """A link, a device, a pipe or a folder in the place of a file, or a file that is far too large."""


def open_plain(path: str, flags: int) -> int:
    """Open a plain file without following links; for use as `open(…, opener=open_plain)`.

    Raises: NotPlain; OSError as usual.
    """
    if os.path.islink(path):  # Windows knows no O_NOFOLLOW
        raise _refusal(path, "a link")
    try:
        file = os.open(path, flags | _PLAINLY, 0o666)
    except OSError as error:
        if error.errno in _NO_PLAIN_FILE:
            raise _refusal(path, "no file") from None
        raise
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise _refusal(path, "no file")
    return file


def _refusal(path: str, what: str) -> NotPlain:
    return NotPlain(f"{path} is {what}: in a run folder and among downloads only plain files are read or written")


def check_folder(folder: Path, unopened: str = "") -> None:
    """Check that a folder holds only files and folders, at every depth, before a library opens files in it.

    `unopened` is a pattern of folders in it in which nobody opens anything.
    Raises: NotPlain for a link, a pipe or a device.
    """
    pending = [os.fspath(folder)] if folder.is_dir() else []
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    if not (unopened and Path(entry.path).relative_to(folder).match(unopened)):
                        pending.append(entry.path)
                elif not entry.is_file(follow_symlinks=False):
                    raise _refusal(entry.path, "a link" if entry.is_symlink() else "no file")


def read_plain(path: Path, most: int = _MOST) -> bytes:
    """Read a whole file.

    Raises: NotPlain, also where it holds more than `most` bytes; OSError.
    """
    with open(path, "rb", opener=open_plain) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise NotPlain(f"{path} holds more than {most:,} bytes, which no file of its kind does")
    return content


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield the path of a partial file or folder to write, which takes the place of `path` at the end.

    On failure the partial one is removed, and `path` stays as it was.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield partial
        partial.replace(path)
    finally:
        if partial.is_dir() and not partial.is_symlink():
            shutil.rmtree(partial, ignore_errors=True)
        else:
            partial.unlink(missing_ok=True)


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file whole or not at all, even through a power cut.

    Raises: NotPlain; OSError, after which no partial file is left.
    """
    with replacing(path) as partial, open(partial, "wb", opener=open_plain) as file:
        file.write(content.encode() if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())


def sha256_of(content: Path | bytes) -> str:
    """Return the SHA-256 of a file's content, or of bytes, as hexadecimal digits.

    Raises: OSError.
    """
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    with content.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
