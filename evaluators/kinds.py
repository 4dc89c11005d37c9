"""The kinds of jobs that a worker does."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from ..errors import GeniusError
from ..record.files import read_plain
from ..schema import BadRecord, Name, Schema
from ..training.detection_job import DetectionJob
from ..training.job import Job, TrainingJob
from ..training.language_job import LanguageJob
from .measures import FinishedJob, NetworkJob
from .scripts import CommandJob, FunctionJob


@dataclass(frozen=True)
class Kind:
    """A kind of job: its record, and the function that does one, as `module:function` of this package.

    The function writes the answer file, and returns or raises as `training.learn.do_job` does. `warm_up` is one without
    arguments that a worker may call before it has such a job.
    """

    record: type[Job]
    function: str
    warm_up: str = ""

    def load(self) -> Callable[[Job], object]:
        """Import the function that does such a job."""
        return _imported(self.function)

    def load_ahead(self) -> None:
        """Load all that such a job needs."""
        self.load()
        if self.warm_up:
            _imported(self.warm_up)()


def _imported(name: str) -> Callable[..., object]:
    module, _, function = name.partition(":")
    found: Callable[..., object] = getattr(import_module(f"..{module}", __package__), function)
    return found


KINDS = {
    "training": Kind(TrainingJob, "training.learn:do_job", "training.learn:warm_up"),
    "detection": Kind(DetectionJob, "training.learn:do_job"),
    "language": Kind(LanguageJob, "training.learn:do_job"),
    "network": Kind(NetworkJob, "evaluators.on_network:do_network_job"),
    "finished": Kind(FinishedJob, "evaluators.on_network:do_finished_job"),
    "function": Kind(FunctionJob, "evaluators.function_worker:do_function"),
    "command": Kind(CommandJob, "evaluators.command_worker:do_command"),
}
"""The kinds of jobs by the `kind` of their records."""


@dataclass(frozen=True)
class _Kinded:
    kind: Name


_KINDED = Schema[_Kinded](_Kinded)


def load_job(path: Path) -> tuple[Kind, Job]:
    """Read a job of any kind.

    Raises: GeniusError where a file holds none.
    """
    try:
        kind = KINDS[_KINDED.read(read_plain(path)).kind]
    except (BadRecord, KeyError) as error:
        raise GeniusError(f"{path} does not hold a job: {error}") from None
    return kind, kind.record.load(path)
