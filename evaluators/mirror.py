"""A mirror of a training's files: their changes are read on one machine, and applied on another."""

from contextlib import suppress
from pathlib import Path

from ..record.files import replacing
from ..training.job import JobFiles

FileChanges = dict[str, bytes | None]
"""New contents of files, by name; None for a file that is gone."""

FileStamps = dict[str, tuple[int, int]]
"""Stamps of files when they were last read, by name: time of the last change in ns, and size in bytes."""


def changes_of(folder: Path, seen: FileStamps) -> FileChanges:
    """Read the files whose stamps differ from `seen`, and update `seen`; partial files and the job are left out."""
    now = {}
    for file in folder.iterdir():
        if not file.name.startswith(".") and file != JobFiles(folder).job:
            with suppress(FileNotFoundError):  # the worker has just removed it
                now[file.name] = (file.stat().st_mtime_ns, file.stat().st_size)
    changed: FileChanges = {name: None for name in seen if name not in now}
    for name, state in now.items():
        if seen.get(name) != state:
            with suppress(FileNotFoundError):
                changed[name] = (folder / name).read_bytes()
    seen.clear()
    seen.update(now)
    return changed


def apply_changes(folder: Path, changes: FileChanges) -> None:
    """Write the new contents of files into a folder, each whole or not at all, and remove the files that are gone."""
    for name, content in changes.items():
        if content is None:
            (folder / name).unlink(missing_ok=True)
        else:
            with replacing(folder / name) as partial:
                partial.write_bytes(content)
