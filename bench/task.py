"""What is searched in a bench: a space with a table, or the part of it within limits, where ranks are of that part."""

from dataclasses import dataclass
from functools import lru_cache
from math import inf
from pathlib import Path

import numpy as np

from ..spaces import get_space
from ..spaces.errors import GeniusError
from ..spaces.inside import allowed
from ..spaces.limits import NO_LIMITS, Limits
from ..spaces.searchable import check_searchable
from ..spaces.space import SearchSpace
from ..tools.tables import Table, load_table, read_table

WHOLE_POOL = "all"


@dataclass(frozen=True)
class Task:
    """A space and the limits on what may be proposed; `pool` names them.

    `table` is the file of a table of one's own; without it the space's published one is taken.
    """

    space: str
    pool: str = WHOLE_POOL
    limits: Limits = NO_LIMITS
    table: Path | None = None

    @property
    def name(self) -> str:
        """How reports call it."""
        return self.space if self.pool == WHOLE_POOL else f"{self.space} {self.pool}"


def capped(task: Task, share: float) -> Task:
    """Return the task's pool of architectures with up to a share of the largest one's FLOPs, in multiply-adds.

    Raises: GeniusError for a share that is no share, or that nothing keeps.
    """
    if not 0 < share < 1:
        raise GeniusError(f"a FLOPs cap is a share of the largest FLOPs between 0% and 100%, got {share:.0%}")
    space = get_space(task.space)
    largest = space.costs(list(space.architectures()))[:, 0].max()
    limits = Limits(flops=(-inf, float(int(share * largest))))
    check_searchable(space, limits)
    return Task(task.space, f"≤{share:.0%} FLOPs", limits, task.table)


@lru_cache(maxsize=32)
def load(task: Task, data: Path) -> tuple[SearchSpace, Table]:
    """Return the task's space, and its table with the architectures within the limits alone.

    Raises: GeniusError, BadTable.
    """
    space, table = _load(task.space, task.table, data)
    if not task.limits.limited:
        return space, table
    return space, table.part(allowed(space, task.limits, np.array(table.architectures)))


@lru_cache(maxsize=8)
def _load(name: str, file: Path | None, data: Path) -> tuple[SearchSpace, Table]:
    space = get_space(name)
    return space, read_table(space, file) if file else load_table(space, data)
