"""Plans of what takes long: kept in its folder, held against the call that goes on, and the searches within."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from ..agents.backends import check_llm
from ..errors import GeniusError
from ..evaluators.pools import Pool
from ..graph.progress import Progress
from ..graph.proposers import name_proposer
from ..graph.run_folder import LOCK_FILE
from ..graph.search import resume, search
from ..printable import brief
from ..record.files import BrokenRun, read_plain, write_atomically
from ..record.result import SearchResult
from ..record.settings import OPTIONS, SETTINGS_FILE, Settings
from ..schema import BadRecord, Schema

PLAN_FILE = "plan.json"

# who trains, where and for how long at most decides no outcome; the facts of a run are new each time
_FREE = (
    *("settings.run.", "settings.llm.timeout", "settings.llm.tries", "settings.loop.trace"),
    *(
        f"settings.training.{name}"
        for name in ("workers", "on", "slurm", "device", "threads", "memory", "deadline", "silence")
    ),
)


class KeptPlan:
    """A plan, a dataclass with `settings` of searches, which its folder keeps."""

    noun = "plan"

    def save(self, folder: Path) -> None:
        """Write the plan into a folder, whole or not at all."""
        write_atomically(folder / PLAN_FILE, json.dumps(self._plain(), indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """Read the plan of a folder; None where it holds none.

        Raises: BrokenRun.
        """
        path = folder / PLAN_FILE
        try:
            return Schema[Self](cls).read(read_plain(path))
        except FileNotFoundError:
            return None
        except (BadRecord, GeniusError) as error:
            raise BrokenRun(f"{path} holds no plan of this command: {error}; name another folder with --out") from None

    def check_same(self, folder: Path) -> None:
        """Raises GeniusError where a folder holds something else than this plan or what was made by it."""
        if (held := self.load(folder)) is None:
            if folder.is_dir() and any(each.name != LOCK_FILE for each in folder.iterdir()):
                raise GeniusError(f"{folder} exists and holds no {self.noun}: name another folder with --out")
            return
        was, now = dict(_flat(held._plain())), dict(_flat(self._plain()))
        for path in sorted(was.keys() | now.keys()):
            if not path.startswith(_FREE) and was.get(path) != now.get(path):
                old, new = (brief(json.dumps(each.get(path))) for each in (was, now))
                raise GeniusError(
                    f"{folder} was begun with {path.removeprefix('settings.')} {old}, and this call asks for {new}: "
                    "ask for the same again, or name another folder with --out"
                )

    def _plain(self) -> dict[str, object]:
        return Schema[KeptPlan](type(self)).plain(self)


def _flat(held: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, object]]:
    for name, value in held.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def checked_search(settings: Settings) -> Settings:
    """Return the settings of a search with the name of its proposer, before anything is written.

    Raises: GeniusError for a search that cannot work, as far as that is known without its images.
    """
    names, _ = name_proposer(list(settings.llm.models) or None, settings.proposer or None, Settings())
    named = settings.changed(names).check()
    for spec in named.llm.models:
        check_llm(spec, named.asking)
    return named


async def kept_search(
    run: Path, settings: Settings, progress: Callable[[Progress], None], pool: Pool | None = None
) -> SearchResult:
    """Search by settings in a run folder, or go on with the search that it holds.

    Raises: GeniusError, BrokenRun, RunFailed.
    """
    if not (run / SETTINGS_FILE).is_file():
        return await search(settings=settings, run=run, pool=pool, progress=progress)
    # the settings are those of the call, which so names all that the run's own file names
    shown = {path: option for path, option in OPTIONS.items() if not option.about.hidden}
    named = {each.name: settings.at(path) for path, each in shown.items() if settings.at(path) != each.default}
    return await resume(run, pool=pool, progress=progress, **named)  # type: ignore[arg-type]
