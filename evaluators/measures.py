"""The measures: numbers of a network before it is trained, or of the folder of a finished training."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, SupportsFloat, TypeVar

from ..errors import GeniusError
from ..plugins import Plugins, signature_refusing
from ..printable import named
from ..schema import CLOSED, Amount, Count, Name, Numbers
from ..spaces.objective import LATENCY, MEMORY, Objective
from ..training.job import Job

Runtime = Literal["torch", "onnx"]
"""The library that runs a network to measure its latency: PyTorch, or onnxruntime."""

OfNetwork = Callable[..., SupportsFloat]
"""A measure of one's own: a function of a network, in evaluation mode, and of a batch of images, on the same device."""

OfFolder = Callable[[Path], SupportsFloat]
"""A measure of a finished training: a function of its folder, which holds its weights."""

_Function = TypeVar("_Function", bound=Callable[..., SupportsFloat])
_MARK = "_genius_after_training"


def after_training(function: _Function) -> _Function:
    """Mark a function of the folder of a finished training, as a measure; any other is one of a network."""
    setattr(function, _MARK, True)
    return function


@dataclass(frozen=True)
class Measure:
    """A quantity of a network, or of a finished training, and the function that measures it; None for built-in ones."""

    objective: Objective
    function: Callable[..., SupportsFloat] | None = None
    after_training: bool = False

    @property
    def name(self) -> str:
        """The name of the quantity among the metrics of a measurement."""
        return self.objective.name


def sd_of(name: str) -> str:
    """Return the name of the metric that holds the standard deviation of the error of another one."""
    return f"{name} sd"


def _read(value: object) -> Measure | None:
    """Take a function of a network and a batch of images, or a marked one of a folder."""
    after = bool(getattr(value, _MARK, False))
    if not callable(value) or isinstance(value, type) or signature_refusing(value, 1 if after else 2):
        return None
    found = getattr(value, "objective", None)
    if found is None:
        found = Objective(getattr(value, "__name__", type(value).__name__), better="lower")
    if not isinstance(found, Objective):
        raise GeniusError(f"a measure's objective is a genius.Objective, got {named(found)}")
    return Measure(found, value, after)


MEASURES: Plugins[Measure] = Plugins(
    "measure",
    {objective.name: Measure(objective) for objective in (LATENCY, MEMORY)},
    _read,
    "a function of a network and a batch of images, or one of a folder that @genius.after_training marks",
)
"""The measures by name, and the door for one's own.

The objective of a function is its attribute `objective`, else its name, and lower is better.
"""


def find_measures(names: Iterable[str]) -> dict[str, Measure]:
    """Return measures by the names that they were asked for.

    Raises: GeniusError for an unknown name, and where two measure a quantity of the same name.
    """
    found = {name: MEASURES.find(name) for name in names}
    quantities: dict[str, str] = {}
    for name, measure in found.items():
        if (other := quantities.setdefault(measure.name, name)) != name:
            raise GeniusError(f"{other} and {name} both measure a quantity named {measure.name}: name one of them")
    return found


@dataclass(frozen=True, kw_only=True)
class NetworkJob(Job):
    """The measures of an untrained network, on batches of `batch` images.

    - `space`: the name of a space, or `module:NAME` of one's own.
    - `measures`: their names; `runtime` is the library that runs the network for its latency.
    - `seconds`: the most that one measure takes, the last run of the network aside.
    - `classes`, `size`, `channels`: those of the data set that the network is built for, None for the space's own.
    """

    __pydantic_config__ = CLOSED
    noun = "measurement"

    kind: Literal["network"] = "network"
    space: Name
    architecture: Numbers
    measures: tuple[Name, ...]
    batch: Count = 1
    runtime: Runtime = "torch"
    seconds: Amount = 10.0
    classes: Count | None = None
    size: Count | None = None
    channels: Count | None = None


@dataclass(frozen=True, kw_only=True)
class FinishedJob(Job):
    """The measures of a finished training, whose folder is `trained`."""

    __pydantic_config__ = CLOSED
    noun = "measurement"

    kind: Literal["finished"] = "finished"
    measures: tuple[Name, ...]
    trained: Path
