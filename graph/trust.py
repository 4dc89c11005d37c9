"""What a file alone does not decide: which module is imported, which server is asked, which path is opened.

A run folder may come from anybody. What `search.json` names of that kind is used where the user names it too, in the
same call or in the environment, or trusts the file.
"""

import os
import shlex
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..agents.backends import servers_named
from ..errors import GeniusError
from ..printable import brief
from ..record.options import SAMPLING, is_plain_llm
from ..record.settings import LLM, Settings
from ..spaces import known_space
from ..spaces.space_file import is_space_file

OPTIONS = {
    "space": "--space",
    "llm": "--llm",
    "fallbacks": "--llm",
    "base_url": "--base-url",
    "llm_options": "--llm-option",
    "model_file": "--model-file",
    "train_on": "--train-on",
    "on": "--on",
    "table": "--table",
    "data": "--data",
}
"""The settings by which a file could have code run, a server asked or a path opened, and their options."""

_WHAT = {
    "space": "the module",
    "base_url": "the server",
    "llm_options": "the option",
    "model_file": "the file",
    "train_on": "the images",
    "on": "the cluster",
    "table": "the table",
    "data": "the images in",
}


@dataclass(frozen=True)
class Claim:
    """What a file names: the setting, and its value."""

    setting: str
    value: str

    @property
    def words(self) -> str:
        """What it is, in words."""
        if self.setting == "space" and is_space_file(self.value):
            return f"the file {brief(self.value)!r}"
        return f"{_WHAT.get(self.setting, 'the language model')} {brief(self.value)!r}"


def claims(settings: Settings, given: Collection[str] = ()) -> list[Claim]:
    """List what the settings name that a file alone does not decide.

    Parts that are `given` as objects, or were, take nothing from the file.
    """
    given = {*given, *settings.custom}
    found = [] if "space" in given else list(_of_space(settings.space))
    if settings.proposer == LLM and "llm" not in given:
        found += _of_llms(settings)
    if "evaluator" not in given:
        found += _of_trainings(settings)
    return found


def _of_space(name: str) -> Iterator[Claim]:
    if known_space(name) is None:
        yield Claim("space", name)


def _of_llms(settings: Settings) -> Iterator[Claim]:
    for at, spec in enumerate(settings.llms):
        if not is_plain_llm(spec) and spec != os.environ.get("GENIUS_LLM"):
            yield Claim("fallbacks" if at else "llm", spec)
    if settings.base_url and settings.base_url not in servers_named():
        yield Claim("base_url", settings.base_url)
    for option in settings.llm_options:
        if option.partition("=")[0] not in SAMPLING:
            yield Claim("llm_options", option)
    if settings.model_file:
        yield Claim("model_file", settings.model_file)


def _of_trainings(settings: Settings) -> Iterator[Claim]:
    if settings.train_on and ":" in settings.train_on:
        yield Claim("train_on", settings.train_on)
    # a table is held against its checksum, and so is all that lies among the downloads but ImageNet
    if settings.table and (settings.table_sha256 is None or _on_another_host(settings.table)):
        yield Claim("table", settings.table)
    if settings.data and (settings.train_on == "imagenet" or _on_another_host(settings.data)):
        yield Claim("data", settings.data)
    address = settings.on.partition(":")[2]
    if address and address != os.environ.get("RAY_ADDRESS"):
        yield Claim("on", settings.on)


def _on_another_host(path: str) -> bool:
    return path.startswith(("//", r"\\"))


def check_claims(file: Path, found: Collection[Claim], options: Mapping[str, str] = OPTIONS) -> None:
    """Refuse what a file alone names.

    Raises: GeniusError, which says what that is and how to allow it.
    """
    if not found:
        return
    what, again = ", ".join(claim.words for claim in found), shlex.join(_again(found, options))
    raise GeniusError(
        f"{file} names {what}, and what a file alone names is neither imported, asked nor opened: where you want it, "
        f"name the same in this call ({again}), or take all that the file names with --trust"
    )


def _again(found: Collection[Claim], options: Mapping[str, str]) -> list[str]:
    return [word for claim in found for word in (options[claim.setting], claim.value)]


def resume_command(folder: Path, settings: Settings | None = None) -> str:
    """Return the command with which whoever made a run goes on with it: it names again what a file alone does not."""
    found = claims(settings) if settings is not None else []
    if settings is not None and any(OPTIONS[claim.setting] == "--llm" for claim in found):
        kept = [claim for claim in found if OPTIONS[claim.setting] != "--llm"]
        found = [*(Claim("llm", spec) for spec in settings.llms), *kept]  # one names them all or none
    return shlex.join(["genius", "resume", str(folder), *_again(found, OPTIONS)])


def going_on(folder: Path) -> str:
    """Return that command for a run of this process, whose settings stand in its folder."""
    try:
        return resume_command(folder, Settings.load(folder))
    except GeniusError:
        return resume_command(folder)
