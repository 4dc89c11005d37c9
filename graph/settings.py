"""Everything that is needed to repeat a search, as it stands in `search.json`; never a key."""

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from math import inf
from pathlib import Path
from uuid import uuid4

from typing_extensions import TypedDict

from ..agents.options import LLMOptions, read_extra
from ..agents.reflector import Order
from ..agents.validator import Repair, WhenDone
from ..spaces.cost import Convention, check_convention
from ..spaces.errors import GeniusError
from ..spaces.limits import Limits, parse_range
from ..training.job import write_atomically
from .budget import Budget
from .journal import BrokenRun
from .versions import installed_versions

SETTINGS_FILE = "search.json"


def fresh_id() -> str:
    """Return an identifier for a new run; its threads in checkpoints and traces carry it."""
    return uuid4().hex[:12]


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
    - `table`: the file of a table of one's own, see `tools.own_table`; only what it holds is searched.
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
    repair: Repair
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


_COUNTS = ("iterations", "trials", "workers", "max_replies", "tries", "max_tokens", "num_ctx", "batch", "threads")
_CHOICES = {"when_done": ("stop", "ask"), "order": ("best", "time"), "repair": ("ask", "nearest")}


@dataclass(frozen=True)
class Settings:
    """A search as its user asked for it: `Options` and the names of its parts.

    `fallbacks` are asked where the `llm` gives no answer. `llm_seed` is the seed that models are sent, None for none;
    `sent` what was really sent to each of them, and what its server refused. `custom` lists the parts that were objects
    passed from Python. `fingerprint` tells the space from another of the same name, `table_sha256` the table from
    another at the same path. `data` is the folder of downloads, where one was named. `meanings` are the real options
    behind the shown ones of a search in disguise.
    """

    space: str
    proposer: str
    llm: str | None = None
    fallbacks: Sequence[str] = ()
    fingerprint: str = ""
    iterations: int = 10
    trials: int = 1
    workers: int = 1
    on: str = "local"
    table: str | None = None
    table_sha256: str | None = None
    train_on: str | None = None
    recipe: str | None = None
    recipe_changes: Sequence[str] = ()
    batch: int | None = None
    device: str | None = None
    threads: int | None = None
    memory: str | None = None
    seed: int = 0
    flops: tuple[str, str] = ("-", "-")
    params: tuple[str, str] = ("-", "-")
    flops_convention: Convention = "macs"
    repair: Repair = "ask"
    temperature: float | None = None
    max_tokens: int | None = None
    reasoning_effort: str | None = None
    num_ctx: int | None = None
    llm_options: Sequence[str] = ()
    llm_seed: int | None = None
    price: tuple[float, float] | None = None
    max_cost: float | None = None
    max_llm_tokens: int | None = None
    max_hours: float | None = None
    base_url: str | None = None
    model_file: str | None = None
    timeout: float = 600.0
    sent: Sequence[Mapping[str, object]] = ()
    max_replies: int = 10
    tries: int = 6
    when_done: WhenDone = "ask"
    approve: bool = False
    order: Order = "best"
    advice: bool = False
    disguise: bool = False
    meanings: Sequence[Sequence[int]] = ()
    deadline: float | None = None
    silence: float | None = 1800.0
    custom: list[str] = field(default_factory=list)
    forked_from: str | None = None
    trace: bool = True
    data: str | None = None
    id: str = field(default_factory=fresh_id)
    created: str = field(default_factory=lambda: time.strftime("%Y-%m-%dT%H:%M:%S%z"))
    versions: dict[str, str] = field(default_factory=installed_versions)

    def __post_init__(self) -> None:
        """Write ends of ranges and paths as text, however they were given: that is how `search.json` holds them."""
        for name in ("flops", "params"):
            low, high = getattr(self, name)
            object.__setattr__(self, name, (_end(low), _end(high)))
        for name in ("model_file", "table", "data"):
            if (path := getattr(self, name)) is not None:
                object.__setattr__(self, name, os.path.abspath(path))

    def check(self) -> "Settings":
        """Return the settings if every number is in its range.

        Raises: GeniusError, with the first rule broken.
        """
        for name in _COUNTS:
            if (count := getattr(self, name)) is not None and count < 1:
                raise GeniusError(f"{name.replace('_', '-')} must be at least 1, got {count}")
        for name in ("timeout", "deadline", "silence"):
            if (seconds := getattr(self, name)) is not None and not seconds > 0:
                raise GeniusError(f"{name} must be more than 0 seconds, got {seconds}")
        for name in ("max_cost", "max_llm_tokens", "max_hours"):
            if (most := getattr(self, name)) is not None and not most > 0:
                raise GeniusError(f"{name.replace('_', '-')} must be more than 0, got {most}")
        if self.price is not None and not (len(self.price) == 2 and min(self.price) >= 0):
            raise GeniusError(f"price takes two numbers from 0, dollars per million tokens, got {self.price}")
        if self.seed < 0:
            raise GeniusError(f"seed must be 0 or more, got {self.seed}")
        if self.temperature is not None and not 0 <= self.temperature <= 2:
            raise GeniusError(f"temperature must lie between 0 and 2, got {self.temperature}")
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise GeniusError(f"{name.replace('_', '-')} is {' or '.join(allowed)}, got {getattr(self, name)!r}")
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
        write_atomically(folder / SETTINGS_FILE, json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path) -> "Settings":
        """Read a run's `search.json`.

        Raises: BrokenRun.
        """
        path = folder / SETTINGS_FILE
        if not path.is_file():
            raise BrokenRun(f"{folder} is not a run folder: it holds no {SETTINGS_FILE}")
        try:
            return cls._read(json.loads(path.read_text(encoding="utf-8"))).check()
        except (ValueError, TypeError, GeniusError) as error:
            raise BrokenRun(f"{path} cannot be read: {error}") from error

    @classmethod
    def _read(cls, values: Mapping[str, object]) -> "Settings":
        known = {f.name for f in fields(cls)}
        if unknown := set(values) - known:
            raise ValueError(f"it has fields of another version: {', '.join(sorted(unknown))}")
        return cls(**values)  # type: ignore[arg-type]


def _end(given: str | float | None) -> str:
    return "-" if given is None else given if isinstance(given, str) else f"{given:.0f}"
