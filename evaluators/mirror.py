"""The files of a training, brought from the machine that writes them to another as they change."""

from contextlib import suppress
from pathlib import Path

from ..training.job import TrainingFiles

FileChanges = dict[str, bytes | None]
"""What files hold by now, by name; None for one that is gone."""

FileStamps = dict[str, tuple[int, int]]
"""How files were when they were read: time of the last change in ns, and size in bytes."""


def changes_of(folder: Path, seen: FileStamps) -> FileChanges:
    """Read the files that are not as they were seen; partial ones and the job stay where they are."""
    now = {}
    for file in folder.iterdir():
        if not file.name.startswith(".") and file != TrainingFiles(folder).job:
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
    """Bring files to what they hold by now, each whole or not at all."""
    for name, content in changes.items():
        if content is None:
            (folder / name).unlink(missing_ok=True)
        else:
            partial = folder / f".{name}.partial"
            partial.write_bytes(content)
            partial.replace(folder / name)
