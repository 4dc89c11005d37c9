"""The facts of a run: found when it began or as it went on, and asked for by nobody."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from ...schema import Amount, Name, Whole
from ..versions import fresh_id, installed_versions
from .llm_settings import Sent
from .setting import Word


def working_folder() -> str:
    """Return the current folder as `search.json` holds it: printable, for any name."""
    return os.fsencode(os.getcwd()).decode(errors="backslashreplace")


@dataclass(frozen=True)
class Facts:
    """The facts that tell a run from another of the same settings.

    `custom` lists the parts that were objects passed from Python. `fingerprint` tells the space from another of the
    same name, `table_sha256` and `look_up_sha256` a table and a look-up of costs from others at the same paths;
    `prompts_sha256` is that of the prompts in use, None where the proposer reads none.
    `meanings`, `places` and `units` are the key to the disguise of a search that wears one, see `Disguise`. `sent`
    holds the parameters that each language model was sent, and those that its server refused. `working_folder` is the
    folder where the parts were named: modules are imported from there and short paths lead from there. `seal` is the
    proof of `graph.seal` that this user's own search wrote all this.
    """

    id: Word = field(default_factory=fresh_id)
    created: Word = field(default_factory=lambda: time.strftime("%Y-%m-%dT%H:%M:%S%z"))
    versions: dict[Word, Word] = field(default_factory=installed_versions)
    forked_from: Name | None = None
    custom: Sequence[Literal["space", "llm", "proposer", "evaluator"]] = ()
    fingerprint: Name = ""
    table_sha256: Name | None = None
    look_up_sha256: Name | None = None
    prompts_sha256: Name | None = None
    meanings: Sequence[Sequence[Whole]] = ()
    places: Sequence[Whole] = ()
    units: tuple[Amount, ...] = ()
    sent: Sequence[Sent] = ()
    working_folder: Name = field(default_factory=working_folder)
    seal: Name = ""
