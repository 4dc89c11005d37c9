"""A mirror of an evaluation's files: their changes are read on one machine, and applied on another."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ..record.files import NotPlain, open_plain, replacing
from ..training.job import JobFiles

FileChanges = dict[str, bytes | None]
"""New contents of files, by their paths in the folder, with slashes; None for a file that is gone."""

FileStamps = dict[str, tuple[int, int]]
"""Stamps of files when they were last read, by path: time of the last change in ns, and size in bytes."""


def changes_of(folder: Path, seen: FileStamps) -> FileChanges:
    """Read the files whose stamps differ from `seen`, and update `seen`; partial files and the job are left out.

    Of the files of a user's own code, all plain ones in all folders count, and no link does.
    """
    now = {}
    for name in _names(folder):
        with suppress(FileNotFoundError):  # the worker has just removed it
            stat = (folder / name).stat()
            now[name] = (stat.st_mtime_ns, stat.st_size)
    changed: FileChanges = {name: None for name in seen if name not in now}
    for name, state in now.items():
        if seen.get(name) != state:
            with suppress(FileNotFoundError, NotPlain):
                changed[name] = _content(folder / name)
    seen.clear()
    seen.update(now)
    return changed


def _names(folder: Path) -> Iterator[str]:
    """Yield the paths of the files of an evaluation."""
    files = JobFiles(folder)
    for file in folder.iterdir():
        if not file.name.startswith(".") and file not in (files.job, files.own):
            yield file.name
    for parent, _, names in os.walk(files.own):
        for file in (Path(parent, name) for name in names):
            if file.is_file() and not file.is_symlink():
                yield file.relative_to(folder).as_posix()


def _content(file: Path) -> bytes:
    with open(file, "rb", opener=open_plain) as opened:
        return opened.read()


def apply_changes(folder: Path, changes: FileChanges) -> None:
    """Write the new contents of files into a folder, each whole or not at all, and remove the files that are gone."""
    for name, content in changes.items():
        if content is None:
            (folder / name).unlink(missing_ok=True)
        else:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            with replacing(folder / name) as partial:
                partial.write_bytes(content)
