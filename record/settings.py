"""Everything that is needed to repeat a search, as it stands in `search.json`; never a key."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from ..errors import GeniusError
from ..schema import CLOSED, BadRecord, Count, Flag, Name, Schema, Whole
from ..spaces.cost import Convention, check_convention
from ..spaces.region import Limits, parse_range
from .budget import Budget
from .files import read_plain, write_atomically
from .journal import BrokenRun
from .options import LLMOptions, Sent, read_extra, refuse_url_with_secret
from .versions import fresh_id, installed_versions

SETTINGS_FILE = "search.json"
LLM = "llm"
"""The proposer that asks language models."""

Order = Literal["best", "time"]
"""How a prompt lists earlier experiments: the most accurate first, or in the order they were made."""

WhenDone = Literal["stop", "ask"]
"""What follows where a language model says that nothing better is left: the search stops, or the model is asked again.

A proposer without a model, and a person, know what they say: then the search stops."""

RepairMode = Literal["ask", "nearest"]
"""What follows an architecture that breaks the limits or the space's rule: the model is asked again, or the nearest one
that keeps both is taken."""

Ends = tuple[str | float | None, str | float | None]
"""The low and the high end of a range, as in ("270M", "330M") or (None, 7e6); None or "-" leaves an end open."""


class Options(TypedDict, total=False):
    """What a search can be asked for besides its parts; what is not named keeps its default.

    - `iterations`: architectures to evaluate in each trial. `trials`: repetitions of the whole search.
    - `seed`: of everything random; it is sent to the model too where it is given.
    - `temperature`, `max_tokens`, `reasoning_effort`, `num_ctx`, `llm_options`: of the model's replies, the last as in
      ("top_p=0.9",). What is not given is not sent.
    - `price`: dollars for a million tokens of prompt and of reply, where they are not to be looked up.
    - `max_cost`, `max_llm_tokens`, `max_hours`: what the run may spend: dollars, tokens, device-hours of training.
    - `flops`, `params`: the range that an architecture must keep, FLOPs counted by `flops_convention`, macs or thop.
    - `repair`: what follows a reply off these limits: the model is asked again, or the nearest architecture is taken.
    - `base_url`, `model_file`: an OpenAI-compatible server; a GGUF file for the embedded model.
    - `workers`: evaluations that run at once, of all trials together. `on`: local, ray, or ray:ADDRESS.
    - `table`: the file of a table of one's own, see `tables.own`; only what it holds is searched.
    - `train_on`, `recipe`: the data set and the recipe to train with, where the space is not looked up in a table;
      `recipe_changes`: its fields that differ, as in ("lr=0.2",); `batch`: another batch, with the rate scaled to it.
    - `device`, `threads`: cpu, cuda or mps, and threads of the CPU, for each worker. `memory`: of that, as in "20G".
    - `timeout`, `deadline`: seconds for one reply, and for one training. `silence`: seconds in which a training must
      end an epoch, or it is taken to hang.
    - `max_replies`: replies an iteration may take until one is valid. `tries`: calls for one reply while a server is
      in trouble.
    - `when_done`: ask again, or stop, when the model says that nothing better is left.
    - `order`: prompts list the best experiments first, or all in order of time. `approve`: ask before each training.
    - `advice`: whether prompts tell what a surrogate makes of the measurements, with a shortlist of what to try.
    - `disguise`: whether the model sees neutral names and shuffled options in place of the real ones.
    - `trace`: whether the run folder gets a `trace.jsonl`.
    """

    iterations: int
    trials: int
    workers: int
    on: str
    table: Path | str | None
    train_on: str | None
    recipe: str | None
    recipe_changes: Sequence[str]
    batch: int | None
    device: str | None
    threads: int | None
    memory: str | None
    seed: int
    flops: Ends
    params: Ends
    flops_convention: Convention
    repair: RepairMode
    temperature: float | None
    max_tokens: int | None
    reasoning_effort: str | None
    num_ctx: int | None
    llm_options: Sequence[str]
    price: tuple[float, float] | None
    max_cost: float | None
    max_llm_tokens: int | None
    max_hours: float | None
    base_url: str | None
    model_file: Path | str | None
    timeout: float
    max_replies: int
    tries: int
    when_done: WhenDone
    approve: bool
    order: Order
    advice: bool
    disguise: bool
    deadline: float | None
    silence: float | None
    trace: bool


Upto = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
Few = Annotated[int, Field(strict=True, ge=1, le=10_000)]
Seconds = Annotated[float, Field(strict=True, gt=0, le=1e9)]
Most = Annotated[float, Field(strict=True, gt=0, le=1e15)]
Price = Annotated[float, Field(strict=True, ge=0, le=1e9)]
Word = Annotated[str, Field(strict=True, max_length=100)]
Names = Annotated[Sequence[Name], Field(max_length=1_000)]


@dataclass(frozen=True)
class Settings:
    """A search as its user asked for it: `Options` and the names of its parts.

    `fallbacks` are asked where the `llm` gives no answer. `llm_seed` is the seed that models are sent, None for none;
    `sent` what was really sent to each of them, and what its server refused. `custom` lists the parts that were objects
    passed from Python. `fingerprint` tells the space from another of the same name, `table_sha256` the table from
    another at the same path. `data` is the folder of downloads, where one was named. `meanings` are the real options
    behind the shown ones of a search in disguise.
    """

    __pydantic_config__ = CLOSED

    space: Name
    proposer: Name
    llm: Name | None = None
    fallbacks: Names = ()
    fingerprint: Name = ""
    iterations: Upto = 10
    trials: Few = 1
    workers: Few = 1
    on: Name = "local"
    table: Name | None = None
    table_sha256: Name | None = None
    train_on: Name | None = None
    recipe: Name | None = None
    recipe_changes: Names = ()
    batch: Upto | None = None
    device: Word | None = None
    threads: Few | None = None
    memory: Word | None = None
    seed: Whole = 0
    flops: tuple[Word, Word] = ("-", "-")
    params: tuple[Word, Word] = ("-", "-")
    flops_convention: Convention = "macs"
    repair: RepairMode = "ask"
    temperature: Annotated[float, Field(strict=True, ge=0, le=2)] | None = None
    max_tokens: Count | None = None
    reasoning_effort: Word | None = None
    num_ctx: Count | None = None
    llm_options: Names = ()
    llm_seed: Whole | None = None
    price: tuple[Price, Price] | None = None
    max_cost: Most | None = None
    max_llm_tokens: Count | None = None
    max_hours: Most | None = None
    base_url: Name | None = None
    model_file: Name | None = None
    timeout: Seconds = 600.0
    sent: Sequence[Sent] = ()
    max_replies: Few = 10
    tries: Few = 6
    when_done: WhenDone = "ask"
    approve: Flag = False
    order: Order = "best"
    advice: Flag = False
    disguise: Flag = False
    meanings: Sequence[Sequence[Whole]] = ()
    deadline: Seconds | None = None
    silence: Seconds | None = 1800.0
    custom: list[Literal["space", "llm", "proposer", "evaluator"]] = field(default_factory=list)
    forked_from: Name | None = None
    trace: Flag = True
    data: Name | None = None
    id: Word = field(default_factory=fresh_id)
    created: Word = field(default_factory=lambda: time.strftime("%Y-%m-%dT%H:%M:%S%z"))
    versions: dict[Word, Word] = field(default_factory=installed_versions)

    def __post_init__(self) -> None:
        """Write ends of ranges and paths as text, however they were given: that is how `search.json` holds them."""
        for name in ("flops", "params"):
            low, high = getattr(self, name)
            object.__setattr__(self, name, (_end(low), _end(high)))
        for name in ("model_file", "table", "data"):
            if (path := getattr(self, name)) is not None:
                object.__setattr__(self, name, str(Path(path).absolute()))

    def check(self) -> "Settings":
        """Return the settings if every one has its type and is in its range.

        Raises: GeniusError, with the first rule broken.
        """
        try:
            SETTINGS.take(SETTINGS.plain(self))
        except BadRecord as error:
            name, _, rule = str(error).partition(" ")
            raise GeniusError(f"{name.replace('_', '-')} {rule}") from None
        if self.proposer == LLM and not self.llm:
            raise GeniusError("the proposer is a language model, and none is named: name one with --llm")
        for spec in self.llms:
            refuse_url_with_secret("the language model's name", spec)
        refuse_url_with_secret("the base URL", self.base_url or "")
        if self.on != "local" and self.on.partition(":")[0] != "ray":
            raise GeniusError(f"trainings run on local, ray or ray:ADDRESS, got {self.on!r}")
        if self.table is not None and self.trains:
            raise GeniusError("a table and training exclude each other: accuracies are looked up or measured")
        _ = self.limits, self.memory_limit, self.asking
        return self

    @property
    def trains(self) -> bool:
        """Whether a data set or a recipe is named, so that architectures are trained rather than looked up."""
        return bool(self.train_on or self.recipe or self.recipe_changes or self.batch)

    @property
    def memory_limit(self) -> int | None:
        """The bytes of its device that a training may use.

        Raises: GeniusError for what is no amount, or nothing.
        """
        limit = inf if self.memory is None else parse_range("-", self.memory)[1]
        if limit < 1:
            raise GeniusError(f"memory must be more than 0, got {self.memory}")
        return None if limit == inf else int(limit)

    @property
    def limits(self) -> Limits:
        """The limits on what an architecture may cost.

        Raises: GeniusError for a range that cannot be read.
        """
        return Limits(parse_range(*self.flops), parse_range(*self.params), check_convention(self.flops_convention))

    def thread(self, trial: int) -> str:
        """Name a trial's thread, in checkpoints and traces: the run, with the trial where there are several."""
        return f"{self.space}-{self.id}" + (f"-trial-{trial}" if self.trials > 1 else "")

    @property
    def asking(self) -> LLMOptions:
        """How the language model is asked.

        Raises: GeniusError for an option that cannot be read, or that is a secret.
        """
        return LLMOptions(
            base_url=self.base_url,
            temperature=self.temperature,
            seed=self.llm_seed,
            timeout=self.timeout,
            max_tokens=self.max_tokens,
            reasoning_effort=self.reasoning_effort,
            num_ctx=self.num_ctx,
            extra=read_extra(self.llm_options),
            price=None if self.price is None else (self.price[0], self.price[1]),
            model_file=Path(self.model_file) if self.model_file else None,
        )

    @property
    def llms(self) -> list[str]:
        """The language models in the order they are asked; none where the proposer is none."""
        return [self.llm, *self.fallbacks] if self.llm is not None else []

    @property
    def budget(self) -> Budget:
        """What the run may spend."""
        return Budget(self.max_cost, self.max_llm_tokens, self.max_hours)

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
            return SETTINGS.read(read_plain(path)).check()
        except (FileNotFoundError, NotADirectoryError):
            raise BrokenRun(f"{folder} is not a run folder: it holds no {SETTINGS_FILE}") from None
        except (BadRecord, GeniusError, OSError) as error:
            raise BrokenRun(f"{path} cannot be read: {error}") from error


SETTINGS = Schema[Settings](Settings)


def _end(given: str | float | None) -> str:
    return "-" if given is None else given if isinstance(given, str) else f"{given:.0f}"
