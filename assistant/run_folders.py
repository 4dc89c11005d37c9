"""The run folders of an assistant: those below one folder, and no others."""

from dataclasses import dataclass
from pathlib import Path

from ..errors import GeniusError
from ..graph.run_folder import check_is_run, check_plain
from ..printable import brief
from ..record.settings import SETTINGS_FILE

_MOST = 200  # runs that are listed
_LONGEST = 200  # characters of a name
_DEEPEST = 3  # folders


@dataclass(frozen=True)
class RunFolders:
    """The runs below a folder, each called by its path from there."""

    root: Path

    def new(self, name: str) -> Path:
        """Return the folder of a run, which may not be there yet.

        Raises: GeniusError for a name that leads out of the root, also through a link.
        """
        path, words = Path(name), brief(repr(name))
        if not name.strip() or len(name) > _LONGEST or not name.isprintable():
            raise GeniusError(f"a run is named by up to {_LONGEST} printable characters, got {words}")
        if path.is_absolute() or ".." in path.parts or len(path.parts) > _DEEPEST or "\\" in name:
            raise GeniusError(f"a run is named by its path below {self.root}, at most {_DEEPEST} folders, got {words}")
        folder = self.root
        for part in path.parts:
            folder = folder / part
            if folder.is_symlink():
                raise GeniusError(f"{words} leads through a link, and only folders below {self.root} are opened")
        return folder

    def run(self, name: str) -> Path:
        """Return the folder of a run that is there.

        Raises: GeniusError, BrokenRun.
        """
        folder = self.new(name)
        check_is_run(folder)
        check_plain(folder)
        return folder

    def name(self, folder: Path) -> str:
        """Return the name of a run."""
        return folder.relative_to(self.root).as_posix()

    def all(self) -> list[str]:
        """List the runs, the latest first, at most 200."""
        patterns = ["/".join(["*"] * depth) for depth in range(1, _DEEPEST + 1)]
        found = [file.parent for each in patterns for file in self.root.glob(f"{each}/{SETTINGS_FILE}")]
        plain = [folder for folder in found if folder.resolve() == self.root.resolve() / folder.relative_to(self.root)]
        latest = sorted(plain, key=lambda folder: (folder / SETTINGS_FILE).stat().st_mtime, reverse=True)
        return [self.name(folder) for folder in latest[:_MOST]]
