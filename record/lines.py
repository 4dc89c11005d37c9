"""Files of JSON lines, which only grow: each line is a record of a schema.

Records are appended all or none, unless a kill or a power cut tears the last line. Readers leave a torn line out, and a
writer cuts it off before the next one.
"""

import errno
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from ..schema import BadRecord, Schema
from .files import BrokenRun, NotPlain, open_plain

_Record = TypeVar("_Record")

_LONGEST = 1 << 24  # bytes of a line
_BLOCK = 1 << 16


def read_records(path: Path, schema: Schema[_Record]) -> Iterator[_Record]:
    """Yield the records of a file; none where there is no file.

    Raises: BrokenRun, with the file and the line; NotPlain.
    """
    try:
        for number, line in enumerate(read_lines(path), start=1):
            yield _read(line, schema, f"{path}, line {number},")
    except OSError as error:
        raise BrokenRun(f"{path} cannot be read: {error.strerror}") from error


def _read(line: bytes, schema: Schema[_Record], where: str) -> _Record:
    try:
        return schema.read(line)
    except BadRecord as error:
        raise BrokenRun(f"{where} cannot be read: {error}") from None


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
        while (line := file.readline(_LONGEST)).endswith(b"\n"):
            yield line
        if len(line) == _LONGEST:
            raise NotPlain(f"{path} holds a line of more than {_LONGEST:,} bytes, which no file of its kind does")


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


def append_records(path: Path, records: Iterable[Mapping[str, object]], *, synced: bool = True) -> None:
    """Append a line for each record: all of them or, where the disk is full, none.

    Only where `synced` do they outlast a power cut. Raises: NotPlain, OSError.
    """
    content = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()
    with open(path, "ab", buffering=0, opener=open_plain) as file:
        size = file.seek(0, os.SEEK_END)
        try:
            if file.write(content) < len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
            if synced:
                os.fsync(file.fileno())
        except OSError:
            file.truncate(size)
            raise
