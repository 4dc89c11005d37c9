"""Everything that is needed to repeat a search, as it stands in `search.json`; never a key."""

import json
import platform
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from uuid import uuid4

from ..agents.backends import LLMOptions
from ..agents.reflector import Order
from ..agents.validator import WhenDone
from ..evaluators.worker import write_atomically
from ..spaces.errors import GeniusError
from .journal import BrokenRun

SETTINGS_FILE = "search.json"
_PACKAGES = ("genius-nas", "langgraph", "langchain", "langchain-core", "openai", "torch", "numpy", "scikit-learn")


def installed_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages whose behaviour a search depends on."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def fresh_id() -> str:
    """Return an identifier for a new run; its threads in checkpoints and traces carry it."""
    return uuid4().hex[:12]


@dataclass(frozen=True)
class Settings:
    """A search as its user asked for it. `custom` lists the parts that were objects passed from Python.

    `timeout` and `deadline` are in seconds; `max_tokens` bounds one reply; `max_replies` bounds the replies of one
    iteration; `tries` bounds the calls for one reply while a server is in trouble.
    """

    space: str
    proposer: str
    llm: str | None = None
    iterations: int = 10
    trials: int = 1
    seed: int = 0
    temperature: float = 0.0
    base_url: str | None = None
    model_file: str | None = None
    timeout: float = 120.0
    max_tokens: int = 2048
    max_replies: int = 10
    tries: int = 6
    when_done: WhenDone = "stop"
    order: Order = "best"
    deadline: float = 600.0
    custom: list[str] = field(default_factory=list)
    forked_from: str | None = None
    trace: bool = True
    id: str = field(default_factory=fresh_id)
    created: str = field(default_factory=lambda: time.strftime("%Y-%m-%dT%H:%M:%S%z"))
    versions: dict[str, str] = field(default_factory=installed_versions)

    def check(self) -> "Settings":
        """Return the settings if every number is in its range.

        Raises: GeniusError, with the first rule broken.
        """
        for name in ("iterations", "trials", "max_replies", "tries", "max_tokens"):
            if getattr(self, name) < 1:
                raise GeniusError(f"{name.replace('_', '-')} must be at least 1, got {getattr(self, name)}")
        for name in ("timeout", "deadline"):
            if not getattr(self, name) > 0:
                raise GeniusError(f"{name} must be more than 0 seconds, got {getattr(self, name)}")
        if self.seed < 0:
            raise GeniusError(f"seed must be 0 or more, got {self.seed}")
        if not 0 <= self.temperature <= 2:
            raise GeniusError(f"temperature must lie between 0 and 2, got {self.temperature}")
        for name, allowed in (("when_done", ("stop", "ask")), ("order", ("best", "time"))):
            if getattr(self, name) not in allowed:
                raise GeniusError(f"{name.replace('_', '-')} is {' or '.join(allowed)}, got {getattr(self, name)!r}")
        return self

    def thread(self, trial: int) -> str:
        """Name a trial's thread, in checkpoints and traces: the run, with the trial where there are several."""
        return f"{self.space}-{self.id}" + (f"-trial-{trial}" if self.trials > 1 else "")

    @property
    def llm_options(self) -> LLMOptions:
        """How the language model is asked."""
        model_file = Path(self.model_file) if self.model_file else None
        return LLMOptions(self.base_url, self.temperature, self.seed, self.timeout, self.max_tokens, model_file)

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
