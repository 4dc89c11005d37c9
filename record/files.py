"""Files in folders that strangers may have filled: only plain files are opened, and never through a link."""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from ..errors import GeniusError

_PLAINLY = sum(getattr(os, flag, 0) for flag in ("O_NOFOLLOW", "O_NONBLOCK"))
_NO_PLAIN_FILE = {errno.ELOOP, errno.EMLINK, errno.ENXIO, errno.EISDIR}
_MOST = 1 << 24  # bytes of a file that is read as a whole, and of a line
_BLOCK = 1 << 16


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


def check_folder(folder: Path) -> None:
    """Check that a folder holds only files and folders, at every depth, before a library opens files in it.

    Raises: NotPlain for a link, a pipe or a device.
    """
    pending = [os.fspath(folder)] if folder.is_dir() else []
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
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


def read_lines(path: Path, start: int = 0) -> Iterator[bytes]:
    """Yield the complete lines of a file from byte `start` on; a last line without its end is left out.

    Yields none where there is no file. Raises: NotPlain, also for a line that is far too long; OSError.
    """
    try:
        file = open(path, "rb", opener=open_plain)  # noqa: SIM115 - closed below
    except FileNotFoundError:
        return
    with file:
        file.seek(start)
        while (line := file.readline(_MOST)).endswith(b"\n"):
            yield line
        if len(line) == _MOST:
            raise NotPlain(f"{path} holds a line of more than {_MOST:,} bytes, which no file of its kind does")


def cut_torn_line(path: Path) -> None:
    """Cut off a file's last line where a crash tore it, so that the next line starts on its own.

    Raises: NotPlain, OSError.
    """
    try:
        file = open(path, "r+b", opener=open_plain)  # noqa: SIM115 - closed below
    except FileNotFoundError:
        return
    with file:
        end = size = file.seek(0, os.SEEK_END)
        while end:
            start = max(0, end - _BLOCK)
            file.seek(start)
            if (newline := file.read(end - start).rfind(b"\n")) >= 0:
                end = start + newline + 1
                break
            end = start
        if end < size:
            file.truncate(end)


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file whole or not at all, even through a power cut.

    Raises: NotPlain; OSError, after which no partial file is left.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    file = open(partial, "wb", opener=open_plain)  # noqa: SIM115 - closed below
    try:
        with file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
