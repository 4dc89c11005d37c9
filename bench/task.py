"""A task of a bench: a space with a table, or its part within limits, in which ranks are counted."""

from dataclasses import dataclass, replace
from functools import lru_cache
from math import inf
from pathlib import Path

from ..errors import GeniusError
from ..printable import brief
from ..record.confirmation import Confirming
from ..spaces import get_space
from ..spaces.region import NO_LIMITS, Limits, Region
from ..spaces.space import SearchSpace
from ..tables.own import open_table
from ..tables.published import TABLES, BadTable, Table, load_table

WHOLE_POOL = "all"


@dataclass(frozen=True)
class Task:
    """A space, and the limits on the architectures that may be proposed; `pool` names the limits.

    `table` is the file of a table of one's own, and `sha256` its expected hash, if known. Without a file the space's
    published table is used. `noisy` is whether an evaluation is one of an architecture's trainings, drawn by the seed,
    rather than the mean of all.
    """

    space: str
    pool: str = WHOLE_POOL
    limits: Limits = NO_LIMITS
    table: Path | None = None
    sha256: str = ""
    noisy: bool = False

    @property
    def name(self) -> str:
        """How reports call it."""
        pool = "" if self.pool == WHOLE_POOL else f" {self.pool}"
        return f"{self.space}{pool}{', one run each' if self.noisy else ''}"


def capped(task: Task, share: float) -> Task:
    """Return the task's pool of architectures with up to a share of the largest one's FLOPs, in multiply-adds.

    Raises: GeniusError for a share that is no share, or that nothing keeps.
    """
    if not 0 < share < 1:
        raise GeniusError(f"a FLOPs cap is a share of the largest FLOPs between 0% and 100%, got {percentage(share)}")
    space = _own(task.space, task.table, task.sha256)[0] if task.table else get_space(task.space)
    largest = space.costs(list(space.architectures()))[:, 0].max()
    limits = Limits(flops=(-inf, float(int(share * largest))))
    Region(space, limits).check()
    return replace(task, pool=cap_name(share), limits=limits)


def cap_name(share: float) -> str:
    """Name the pool of the architectures with up to a share of the largest FLOPs."""
    return f"≤{percentage(share)} FLOPs"


def read_share(word: str) -> float:
    """Read a share of the largest FLOPs, as in 50%.

    Raises: GeniusError.
    """
    try:
        return float(word.strip().removesuffix("%")) / 100
    except ValueError:
        raise GeniusError(f"a FLOPs cap is a percentage, as in 50%, got {brief(repr(word))}") from None


def holds_trainings(space: str) -> bool:
    """Tell whether the published table of a space holds single trainings."""
    table = get_space(space).table
    return table is not None and bool(table.runs)


def check_trainings(task: Task, table: Table, confirming: Confirming) -> None:
    """Raises GeniusError where a noisy task's table holds too few trainings for the evaluations that confirm."""
    if task.noisy and confirming.count and confirming.repeats >= table.trainings:
        raise GeniusError(
            f"the table of {task.space} holds {table.trainings} trainings of each architecture: --confirm-seeds is at "
            f"most {table.trainings - 1}, got {confirming.repeats}"
        )


def percentage(share: float) -> str:
    """Write a share without rounding it, as in 12.5%."""
    return f"{100 * share:.10g}%"


@lru_cache(maxsize=32)
def load_task(task: Task, data: Path) -> tuple[SearchSpace, Table]:
    """Return the task's space, as far as its table holds it, and the table's architectures within the limits.

    Raises: GeniusError, BadTable.
    """
    own = task.table and _own(task.space, task.table, task.sha256)
    space, table = own or _published(task.space, data)
    if not task.limits.limited:
        return space, table
    return space, table.part(Region(space, task.limits).allows(table.architectures))


@lru_cache(maxsize=8)
def _own(name: str, file: Path, sha256: str) -> tuple[SearchSpace, Table]:
    space, table = open_table(get_space(name), file)
    if sha256 not in ("", table.sha256):
        raise BadTable(f"the table {file} was changed while the bench ran: run it again in a new folder")
    return space, table


@lru_cache(maxsize=8)
def _published(name: str, data: Path) -> tuple[SearchSpace, Table]:
    space = get_space(name)
    if space.table is None:
        raise BadTable(
            f"{space.name} has no table; the spaces with tables are: {', '.join(TABLES)}; give it one of your own: a "
            "bench ranks architectures among all of a space, which an evaluator alone does not tell"
        )
    return space, load_table(space, data)
