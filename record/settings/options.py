"""The options of a search: one table of all settings, by path, with the flat names that Python and `--help` show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from typing_extensions import TypedDict

from ...errors import GeniusError
from ...schema import BadRecord, Schema
from .limit_settings import LimitSettings, RepairMode
from .llm_settings import LLMSettings, read_options
from .loop_settings import LoopSettings, Memory, Order, WhenDone
from .measure_settings import MeasureSettings
from .setting import About, declared
from .settings import Settings
from .training_settings import TrainingSettings

Ends = tuple[str | float | None, str | float | None]
"""The low and the high end of a range, as in ("270M", "330M") or (None, 7e6); None or "-" leaves an end open."""

GROUPS = {
    "llm": LLMSettings,
    "loop": LoopSettings,
    "limits": LimitSettings,
    "training": TrainingSettings,
    "measures": MeasureSettings,
}


@dataclass(frozen=True)
class Setting:
    """A setting with its place: the path of a field in its group, as in `llm.timeout`."""

    path: str
    about: About
    kind: Any
    default: object

    @property
    def name(self) -> str:
        """The keyword of Python."""
        return self.about.name or self.path.rpartition(".")[2]

    @property
    def flag(self) -> str:
        """The option of the command line."""
        return self.about.flag or f"--{self.name.replace('_', '-')}"

    @property
    def group(self) -> str:
        """The name of the group; nothing for the name of a part."""
        return self.path.rpartition(".")[0]

    @property
    def choices(self) -> tuple[str, ...]:
        """The values that it can have, where they are a few words."""
        return get_args(self.kind) if get_origin(self.kind) is Literal else ()

    @cached_property
    def schema(self) -> Schema[Any]:
        """The schema of its values."""
        return Schema(self.kind)


def _options(group: str, of: type) -> dict[str, Setting]:
    prefix = f"{group}." if group else ""
    return {f"{prefix}{name}": Setting(f"{prefix}{name}", *told) for name, told in declared(of).items()}


OPTIONS = _options("", Settings) | {path: o for name, of in GROUPS.items() for path, o in _options(name, of).items()}
"""All settings by their paths."""

BY_NAME = {option.name: option for option in OPTIONS.values() if not option.about.hidden}
"""Those with a name of their own, by it: the keywords of Python."""


class Options(TypedDict, total=False):
    iterations: int
    trials: int
    workers: int
    command: str | None
    in_process: bool
    on: str
    slurm: str | Sequence[str]
    table: Path | str | None
    single_run: bool
    data: str | None
    recipe: str | None
    batch: int | None
    device: str | None
    threads: int | None
    worker_memory: str | None
    confirm: int
    confirm_seeds: int
    seed: int | None
    flops: Ends
    params: Ends
    flops_convention: Literal["macs", "thop"]
    repair: RepairMode
    temperature: float | None
    max_tokens: int | None
    reasoning_effort: str | None
    num_ctx: int | None
    llm_options: Sequence[str] | Mapping[str, Any]
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
    arms: Sequence[str]
    approve: bool
    order: Order
    advice: bool
    beliefs: bool | None
    tools: bool | None
    reflect_every: int | None
    principles: bool | None
    reflector_llm: str | None
    memory: Memory
    prompts: Path | str | None
    disguise: bool
    deadline: float | None
    silence: float | None
    measure: Sequence[str]
    on_device: Literal["cpu", "cuda"]
    on_batch: int
    on_threads: int
    runtime: Literal["torch", "onnx"]
    on_seconds: float
    latency_table: Path | str | None
    trace: bool


Options.__doc__ = (
    "The options of a search besides its parts; an option that is not named keeps its value.\n\n"
    + "\n".join(f"    - `{name}`: {BY_NAME[name].about.doc}" for name in Options.__annotations__)
)


def flat_option(name: str) -> Setting | None:
    """Return the option that Python's keyword of this name, or the field of this name, is; None where there is none."""
    fields = (option for path, option in OPTIONS.items() if path.rpartition(".")[2] == name)
    return BY_NAME.get(name) or next(fields, None)


def by_path(options: Options | Mapping[str, Any]) -> dict[str, object]:
    """Return options by their paths; one that is None is left out, since it stays as it was.

    Raises: GeniusError for an option that cannot be read; TypeError for a name of none.
    """
    found: dict[str, object] = {}
    for name, value in options.items():
        if name not in BY_NAME:
            near = get_close_matches(name, BY_NAME, 1)
            raise TypeError(f"a search has no option {name!r}" + (f": did you mean {near[0]!r}?" if near else ""))
        if value is not None:
            found[BY_NAME[name].path] = _value(BY_NAME[name], value)
    return found


def _value(option: Setting, value: Any) -> object:
    if option.path == "llm.options" and not isinstance(value, Mapping):
        value = read_options(value)
    if option.path == "training.slurm" and isinstance(value, str):
        value = (value,)
    try:
        return option.schema.take(str(value) if isinstance(value, Path) else value, option.flag.lstrip("-"))
    except BadRecord as error:
        raise GeniusError(str(error)) from None
