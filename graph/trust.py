"""Trust in a run folder, which a stranger may have made.

Modules to import, servers to ask and paths to open that `search.json` names are used only where the user names them
too, in the same call or in the environment, trusts the file, or sealed it: see `graph.seal`.
"""

import json
import os
import shlex
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..agents.backends import servers_named
from ..agents.baselines import PROPOSERS
from ..errors import GeniusError
from ..evaluators.measures import MEASURES
from ..printable import brief
from ..python_files import split_file
from ..record.settings import MODEL, OPTIONS, Settings, working_folder
from ..record.settings.llm_settings import SAMPLING, is_plain_llm
from ..record.settings.training_settings import SLURM
from ..spaces import SPACES
from ..spaces.space_file import is_space_file
from ..training.recipes import RECIPES
from .measuring import EVALUATORS
from .pool import POOLS
from .seal import sealed_settings


@dataclass(frozen=True)
class Claim:
    """A module, server or path that a file names: the path of the setting, and its value."""

    setting: str
    value: str

    @property
    def words(self) -> str:
        """The claim in words."""
        if split_file(self.value) is not None or (self.setting == "space" and is_space_file(self.value)):
            return f"the file {brief(self.value)!r}"
        return f"{OPTIONS[self.setting].about.claim} {brief(self.value)!r}"

    @property
    def is_fixed(self) -> bool:
        """Whether it leads to the same from any folder: a server or a full path does, MODULE:NAME does not."""
        if self.setting == "command":  # its words may be short paths
            return False
        path = (split_file(self.value) or [self.value])[0]
        full = "://" in path or any(map(os.path.isabs, (path, path.partition(":")[2])))
        return full or self.setting in _FIXED or (self.setting == "training.on" and POOLS.known(path) is not None)


_FIXED = (
    "llm.base_url",
    "llm.options",
    "llm.model_file",
    "loop.prompts",
    "training.table",
    "training.slurm",
    "downloads",
)
"""Settings whose paths are full ones, or that name none."""


def claims(settings: Settings, given: Collection[str] = ()) -> list[Claim]:
    """List the modules, servers and paths of the settings, which a file alone does not decide.

    Parts that are `given` as objects, or were, take nothing from the file.
    """
    given = {*given, *settings.run.custom}
    found = [] if "space" in given or settings.decisions else list(_of_space(settings.space))
    if settings.asks_models and "llm" not in given:
        found += _of_llms(settings)
    if not settings.asks_models and "proposer" not in given and PROPOSERS.known(settings.proposer) is None:
        found.append(Claim("proposer", settings.proposer))
    found += [Claim("loop.arms", arm) for arm in settings.loop.arms if arm != MODEL and PROPOSERS.known(arm) is None]
    if settings.loop.prompts:
        found.append(Claim("loop.prompts", settings.loop.prompts))
    if "evaluator" not in given:
        found += _of_trainings(settings)
    return [*found, *_of_measures(settings)]


def _of_space(name: str) -> Iterator[Claim]:
    if SPACES.known(name) is None:
        yield Claim("space", name)


def _of_llms(settings: Settings) -> Iterator[Claim]:
    for spec in settings.llm.models:
        if not is_plain_llm(spec) and spec != os.environ.get("GENIUS_LLM"):
            yield Claim("llm.models", spec)
    reflector = settings.llm.reflector_llm
    if reflector and not is_plain_llm(reflector) and reflector != os.environ.get("GENIUS_LLM"):
        yield Claim("llm.reflector_llm", reflector)
    if settings.llm.base_url and settings.llm.base_url not in servers_named():
        yield Claim("llm.base_url", settings.llm.base_url)
    for name, value in settings.llm.options.items():
        if name not in SAMPLING:
            yield Claim("llm.options", f"{name}={value if isinstance(value, str) else json.dumps(value)}")
    if settings.llm.model_file:
        yield Claim("llm.model_file", settings.llm.model_file)


def _of_measures(settings: Settings) -> Iterator[Claim]:
    for name in settings.measures.names:
        if MEASURES.known(name) is None:
            yield Claim("measures.names", name)
    table = settings.measures.table
    if table and (settings.run.look_up_sha256 is None or _on_another_host(table)):
        yield Claim("measures.table", table)


def _of_trainings(settings: Settings) -> Iterator[Claim]:
    if settings.evaluator and EVALUATORS.known(settings.evaluator) is None:
        yield Claim("evaluator", settings.evaluator)
    if settings.command:
        yield Claim("command", settings.command)
    if settings.training.recipe and RECIPES.known(settings.training.recipe) is None:
        yield Claim("training.recipe", settings.training.recipe)
    if settings.training.data and ":" in settings.training.data:
        yield Claim("training.data", settings.training.data)
    # a table is held against its checksum, and so is all that lies among the downloads but ImageNet
    if settings.training.table and (settings.run.table_sha256 is None or _on_another_host(settings.training.table)):
        yield Claim("training.table", settings.training.table)
    if settings.downloads and (_data_of(settings) == "imagenet" or _on_another_host(settings.downloads)):
        yield Claim("downloads", settings.downloads)
    own, address = POOLS.known(settings.training.on) is None, settings.training.address
    submits = settings.training.on == SLURM  # jobs on the user's account
    if own or submits or (address and address != os.environ.get("RAY_ADDRESS")):
        yield Claim("training.on", settings.training.on)
    for request in settings.training.slurm:
        yield Claim("training.slurm", request)


def _data_of(settings: Settings) -> str | None:
    """Return the data set that is named, or that the space names."""
    if settings.training.data or "space" in settings.run.custom:
        return settings.training.data
    space = SPACES.known(settings.space)
    return space.data if space else None


def _on_another_host(path: str) -> bool:
    return path.startswith(("//", r"\\"))


def own_claims(folder: Path, home: str | None = None) -> list[Claim]:
    """List the claims of a run that are the user's own: it bears their seal, and here they lead where they led then.

    `home` is the folder in which a command runs, where it is not that of the file.
    """
    if (settings := sealed_settings(folder)) is None:
        return []
    then, here = settings.run.working_folder, working_folder()
    homes = {"command": then if home is None else home}
    return [claim for claim in claims(settings) if claim.is_fixed or homes.get(claim.setting, here) == then]


def check_claims(
    file: Path, found: Collection[Claim], flags: Mapping[str, str] | None = None, home: str | None = None
) -> None:
    """Refuse claims that a file alone makes; `flags` are the options of a command that calls settings otherwise.

    Those of a run of the user's own are their own; `home` is as in `own_claims`. Raises: GeniusError, which names the
    claim and how to allow it.
    """
    own = own_claims(file.parent, home) if found else []
    found = [claim for claim in found if claim not in own]
    if not found:
        return
    what, again = ", ".join(claim.words for claim in found), shlex.join(_again(found, flags or {}))
    raise GeniusError(
        f"{file} names {what}, and what a file alone names is neither imported, asked nor opened: where you want it, "
        f"name the same in this call ({again}), or take all that the file names with --trust{_began(file.parent)}"
    )


def _began(folder: Path) -> str:
    """Say from which folder a run of the user's own goes on as it is."""
    settings = sealed_settings(folder)
    return f"; it is your own run, and in {brief(settings.run.working_folder)} it goes on as it is" if settings else ""


def _again(found: Collection[Claim], flags: Mapping[str, str]) -> list[str]:
    return [word for one in found for word in (flags.get(one.setting, OPTIONS[one.setting].flag), one.value)]


def resume_command(folder: Path, settings: Settings | None = None) -> str:
    """Return the command that goes on with a run; it names the modules, servers and paths that need the user's word."""
    own = own_claims(folder)
    found = [claim for claim in claims(settings) if claim not in own] if settings is not None else []
    if settings is not None and any(claim.setting == "llm.models" for claim in found):
        kept = [claim for claim in found if claim.setting != "llm.models"]
        found = [*(Claim("llm.models", spec) for spec in settings.llm.models), *kept]  # one names them all or none
    command = "ask" if settings is not None and settings.is_told else "resume"
    return shlex.join(["genius", command, str(folder), *_again(found, {})])


def going_on(folder: Path) -> str:
    """Return that command for a run of this process, whose settings stand in its folder."""
    try:
        return resume_command(folder, Settings.load(folder))
    except GeniusError:
        return resume_command(folder)
