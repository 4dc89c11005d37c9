"""The request to Slurm: the long options of `sbatch`, read from texts such as `partition=gpu,gres=gpu:1`."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ...errors import GeniusError
from ...printable import brief

_NAME = re.compile(r"[a-z][a-z-]*")
_NEXT = re.compile(r",(?=[a-z][a-z-]*=)")  # a comma within a value, as in nodelist=a1,a2, starts no option
_FLAGS = frozenset(
    ("contiguous", "exclusive", "hold", "no-kill", "no-requeue", "overcommit", "oversubscribe", "reboot", "requeue")
)
"""Options that mean something without a value."""
_OURS = {
    "each evaluation is a job of one task": ("array", "nodes", "ntasks", "ntasks-per-node", "ntasks-per-gpu", "wrap"),
    "the search finds its jobs by it": ("job-name", "clusters", "cluster", "uid", "gid"),
    "the evaluation's log takes the output": ("output", "error", "input", "open-mode"),
    "the search submits jobs and waits for them": ("wait", "parsable", "quiet", "test-only", "signal", "chdir"),
    "jobs get the search's environment without its secrets": ("export", "export-file", "get-user-env"),
}
_GPUS = ("gpus", "gpus-per-node", "gpus-per-socket", "gpus-per-task")


@dataclass(frozen=True)
class SlurmRequest:
    """The resources that each job asks Slurm for, as `sbatch` calls them; a flag has no text."""

    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def threads(self) -> int | None:
        """The CPU threads of each job, where the request names them."""
        asked = self.options.get("cpus-per-task")
        return None if asked is None else int(asked)

    @property
    def has_gpu(self) -> bool:
        """Whether the request names GPUs."""
        by_kind = (self.options.get(name, "") for name in ("gres", "tres-per-task"))
        by_number = (self.options.get(name, "0") for name in _GPUS)
        return any("gpu" in text for text in by_kind) or any(text != "0" for text in by_number)

    @property
    def words(self) -> str:
        """The request as it is written for `--slurm`."""
        return ",".join(f"{name}={value}" if value else name for name, value in self.options.items()) or "no option"


def read_request(texts: Sequence[str]) -> SlurmRequest:
    """Read texts of options, separated by commas; a comma before a word that is no option belongs to the value.

    Raises: GeniusError for an option that is not ours to take, or stands there twice.
    """
    found: dict[str, str] = {}
    for name, value in (each for text in texts for each in _pairs(text)):
        if found.setdefault(name, value) != value:
            raise GeniusError(f"--slurm names {name} twice, {found[name]!r} and {value!r}: name it once")
    if not found.get("cpus-per-task", "1").isdecimal() or found.get("cpus-per-task") == "0":
        raise GeniusError(f"--slurm cpus-per-task is a whole number from 1, got {found['cpus-per-task']!r}")
    return SlurmRequest(found)


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    """Yield the options of a text, each with its value."""
    for part in _NEXT.split(text):
        first, *rest = part.split(",")
        flags = [word for word in rest if word in _FLAGS]
        value = ",".join([first, *(word for word in rest if word not in _FLAGS)])
        for each in (value, *flags):
            yield _checked(*_split(each))


def _split(part: str) -> tuple[str, str]:
    name, given, value = part.partition("=")
    name = name.strip().removeprefix("--").replace("_", "-")
    if not (value if given else name in _FLAGS):
        raise GeniusError(f"--slurm takes sbatch's options as NAME=VALUE, as in partition=gpu, got {brief(repr(part))}")
    return name, value.strip()


def _checked(name: str, value: str) -> tuple[str, str]:
    """Return an option and its value, if both are plain words in the comments of a batch script."""
    if not _NAME.fullmatch(name):
        raise GeniusError(f"sbatch has no option {brief(repr(name))}: --slurm takes NAME=VALUE, as in partition=gpu")
    if not value.isprintable() or set(value) & set("'\"\\"):
        raise GeniusError(f"--slurm {name} holds a line break, a quote or a backslash: {brief(repr(value))}")
    for why, names in _OURS.items():
        if name in names:
            raise GeniusError(f"--slurm cannot set {name}: {why}")
    return name, value
