"""Everything that is needed to repeat a search, as it stands in `search.json`; never a key."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import JsonValue

from ...errors import GeniusError
from ...printable import brief
from ...schema import CLOSED, BadRecord, Name, Schema, Text
from ...spaces.disguise import Disguise
from ..files import BrokenRun, read_plain, write_atomically
from ..goal import GOAL, Goal
from .facts import Facts
from .limit_settings import LimitSettings
from .llm_settings import LLMSettings
from .loop_settings import LoopSettings
from .measure_settings import MeasureSettings
from .setting import absolute, setting, with_full_names
from .training_settings import TrainingSettings

SETTINGS_FILE = "search.json"
MODEL = "model"
"""The proposer that asks language models for every proposal, the plain loop."""
HYBRID = "hybrid"
"""The proposer that tries a language model's starts, then shares the iterations out among several arms: the default
where a language model is named."""
MODEL_BEFORE = "llm"
"""The name of the proposer `model` in earlier versions, which is refused."""
REFLECTION = 4
"""Iterations between two reflections, where the model reflects and nothing else is said."""
TOLD = "told"
"""The evaluator of a search whose candidates are handed out, and whose values are told."""
COMMAND = "command"
"""The evaluator that runs a command of the user's."""


@dataclass(frozen=True)
class Settings:
    """A search as its user asked for it: the names of its parts, and its options in groups.

    `goal` is that of the search, `run` tells its facts.
    """

    __pydantic_config__ = CLOSED

    version: Literal[2] = 2
    space: Name = setting("", "The run's own space, as the run names it: imports it.", claim="the module")
    decisions: Mapping[Text, JsonValue] = setting({}, "The decisions of a space that was given as a dict.", hidden=True)
    proposer: Name = setting(
        "",
        "Search without a model: random, largest, local-search, evolution, guided, guided-without-prior, "
        "guided-without-beliefs, cma-es, optuna-tpe, optuna-gp, optuna-nsgaii, or your own MODULE:NAME or "
        "FILE.py:NAME; with one: hybrid, where it starts and every --arm offers, or model, the paper's loop, where it "
        "makes every proposal. Default with one: hybrid, but model for human, --memory conversation and --when-done "
        "stop; for replay:FILE that of the recorded run.",
        claim="the module",
        rank=2,
    )
    evaluator: Name | None = setting(
        None,
        "table, train, measure, recording, command, told, or your own MODULE:NAME or FILE.py:NAME: a function "
        "train(config, trial), which runs in worker processes; default: as fits the space.",
        claim="the module",
    )
    command: Name | None = setting(
        None,
        "Evaluate by a command, as in 'python train.py --lr {lr}' or ./train.sh: its result is the last JSON object or "
        "number that it prints, or the file GENIUS_RESULT; GENIUS_CONFIG names the configuration's.",
        claim="the command",
    )
    downloads: Name | None = setting(
        None,
        "Folder of downloads; default: GENIUS_DATA, else the platform's cache.",
        metavar="FOLDER",
        claim="the images in",
    )
    llm: LLMSettings = field(default_factory=LLMSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    measures: MeasureSettings = field(default_factory=MeasureSettings)
    loop: LoopSettings = field(default_factory=LoopSettings)
    goal: Goal = GOAL
    run: Facts = field(default_factory=Facts)

    def __post_init__(self) -> None:
        object.__setattr__(self, "downloads", absolute(self.downloads))
        with_full_names(self, "space", "proposer", "evaluator")

    def check(self) -> "Settings":
        """Return the settings if every one has its type and is in its range.

        Raises: GeniusError, with the first rule broken.
        """
        try:
            SETTINGS.take(SETTINGS.plain(self))
        except BadRecord as error:
            raise GeniusError(str(error)) from None
        if not self.space:
            raise GeniusError("a search needs a space, as in `genius search digits`; `genius spaces` lists them")
        if not self.proposer:
            raise GeniusError("a search needs a proposer: name one")
        if self.proposer == MODEL_BEFORE:
            raise GeniusError(
                f"earlier versions called the proposer {MODEL!r} by the name {MODEL_BEFORE!r}: go on with the version "
                "that wrote it, or search anew"
            )
        if not self.asks_models and self.llm.models:
            raise GeniusError("an llm and a proposer exclude each other: name one of them")
        if self.proposer != HYBRID and self.loop.arms:
            raise GeniusError(f"arms are those of a hybrid search: name them with --proposer {HYBRID}")
        if self.command is not None and self.evaluator not in (None, COMMAND):
            raise GeniusError("a command and an evaluator exclude each other: name one of them")
        if self.asks_models and not self.llm.models:
            raise GeniusError("the proposer asks a language model, and none is named: name one with --llm")
        self.llm.check()
        self.training.check()
        self.measures.check()
        if self.training.table is not None and self.trains:
            raise GeniusError("a table and training exclude each other: accuracies are looked up or measured")
        _ = self.limits.ranges
        return self

    def changed(self, changes: Mapping[str, object]) -> "Settings":
        """Return the settings with other values, by their paths: `proposer`, or `llm.timeout` within a group."""
        own: dict[str, Any] = {}
        groups: dict[str, dict[str, Any]] = {}
        for path, value in changes.items():
            group, dot, name = path.partition(".")
            if dot:
                groups.setdefault(group, {})[name] = value
            else:
                own[path] = value
        return replace(self, **own, **{name: replace(getattr(self, name), **fields) for name, fields in groups.items()})

    def at(self, path: str) -> object:
        """Return the value at a path."""
        group, _, name = path.rpartition(".")
        return getattr(getattr(self, group) if group else self, name)

    @property
    def uses_tools(self) -> bool:
        """Whether a language model may call tools: as asked for, else in a hybrid search; the paper's loop has none."""
        return self.proposer == HYBRID if self.loop.tools is None else self.loop.tools

    @property
    def asks_beliefs(self) -> bool:
        """Whether the model is asked for its starts and beliefs before anything is measured."""
        return self.proposer == HYBRID if self.loop.beliefs is None else self.loop.beliefs

    @property
    def reflects_every(self) -> int:
        """After how many iterations the model rewrites its notebook; 0 for never."""
        if self.loop.reflect_every is not None:
            return self.loop.reflect_every
        return REFLECTION if self.proposer == HYBRID or self.llm.reflector_llm else 0

    @property
    def asks_principles(self) -> bool:
        """Whether the model is asked for its design principles in the end."""
        return self.proposer == HYBRID if self.loop.principles is None else self.loop.principles

    @property
    def asks_models(self) -> bool:
        """Whether the proposer asks language models."""
        return self.proposer in (MODEL, HYBRID)

    @property
    def looks_up(self) -> bool:
        """Whether accuracies are those of the space's published table, if it has one."""
        own = "evaluator" in self.run.custom or self.command is not None or self.evaluator not in (None, "table")
        return not own and self.training.table is None and not self.trains

    @property
    def trains(self) -> bool:
        """Whether architectures are trained rather than looked up: the settings name that, or a data set."""
        named = self.evaluator is not None or self.command is not None
        return self.evaluator == "train" or (not named and self.training.is_named)

    @property
    def says_who_measures(self) -> bool:
        """Whether the settings name an evaluator or a training, so that a script's own function is not meant."""
        own = "evaluator" in self.run.custom or self.evaluator is not None or self.command is not None
        return own or self.training.table is not None or self.training.is_named

    @property
    def disguise(self) -> Disguise | None:
        """The key to the disguise that the search wears, if it does."""
        return Disguise(self.run.meanings, self.run.places, self.run.units) if self.loop.disguise else None

    @property
    def is_told(self) -> bool:
        """Whether values are told from outside, by whoever asks for candidates."""
        return self.evaluator == TOLD

    @property
    def asking(self) -> LLMSettings:
        """The group `llm` with the seed that models are sent: their own, else the search's, None for none."""
        return replace(self.llm, seed=self.loop.seed if self.llm.seed is None else self.llm.seed)

    def as_new(self) -> "Settings":
        """Return the settings of a new run: the facts of this one are left out."""
        return replace(self, run=Facts())

    def thread(self, trial: int) -> str:
        """Name a trial's thread, in checkpoints and traces: the run, with the trial where there are several."""
        return f"{self.space}-{self.run.id}" + (f"-trial-{trial}" if self.loop.trials > 1 else "")

    def save(self, folder: Path) -> None:
        """Write `search.json`, whole or not at all."""
        write_atomically(folder / SETTINGS_FILE, json.dumps(SETTINGS.plain(self), indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path) -> "Settings":
        """Read a run's `search.json`.

        Raises: BrokenRun.
        """
        path = folder / SETTINGS_FILE
        try:
            return read_settings(read_plain(path)).check()
        except (FileNotFoundError, NotADirectoryError):
            raise BrokenRun(f"{folder} is not a run folder: it holds no {SETTINGS_FILE}") from None
        except (BadRecord, GeniusError, OSError) as error:
            raise BrokenRun(f"{path} cannot be read: {error}") from error


SETTINGS = Schema[Settings](Settings)
_FLAT = Schema[dict[str, Any]](dict[str, Any])


def read_settings(content: bytes) -> Settings:
    """Read settings from the JSON of a `search.json`.

    Raises: BadRecord, also for the flat list of settings that earlier versions wrote.
    """
    try:
        return SETTINGS.read(content)
    except BadRecord:
        refuse_flat(_FLAT.read(content))
        raise


def refuse_flat(held: Mapping[str, Any]) -> None:
    """Raises BadRecord for the flat list of settings that earlier versions wrote."""
    if "version" in held or "versions" not in held:
        return
    versions = held["versions"]
    made = versions.get("genius-nas") if isinstance(versions, Mapping) else None
    by = f"version {brief(str(made))}" if made else "an earlier version"
    raise BadRecord(
        f"{by} of this package wrote its settings in one flat list, and this version reads them in groups: go on with "
        f"{by}, or search anew"
    )
