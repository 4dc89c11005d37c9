"""Decisions that count only under another's options: which are hidden, and the architectures that differ.

A decision has one condition at most, so that decisions and their conditions form trees. A hidden decision holds its
first option, and so do all that depend on it.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice, product
from math import prod

import numpy as np
import numpy.typing as npt

from ..errors import GeniusError
from .decision import Decision, same
from .door import shown

_BATCH = 10_000  # combinations of options that are looked at together

_Array = npt.NDArray[np.int64]


class Conditions:
    """The conditions of a space's decisions; `space` is its name.

    Raises: GeniusError for a condition on no decision or option of the space, and for a cycle.
    """

    def __init__(self, decisions: Sequence[Decision], space: str) -> None:
        self._decisions, self._space = decisions, space
        self.first = np.array([decision.first for decision in decisions])
        self._places = {decision.name: at for at, decision in enumerate(decisions)}
        self.parents: Mapping[int, int] = {}
        self._shown: dict[int, frozenset[int]] = {}  # the option numbers of its parent that show a decision
        self.parents = {at: self._parent(at) for at, decision in enumerate(decisions) if decision.when}
        self.order = self._ordered()
        self._dependent = [at for at in self.order if at in self.parents]

    def __bool__(self) -> bool:
        return bool(self.parents)

    def _parent(self, at: int) -> int:
        name, when = self._decisions[at].name, self._decisions[at].when
        assert when is not None
        parent, options = when
        if parent not in self._places:
            raise GeniusError(f"{name!r} of {self._space} counts only under {parent!r}, which is no decision of it")
        of_parent = self._decisions[self._places[parent]]
        numbers = dict(zip(of_parent.numbers, of_parent.options, strict=True))
        for option in options:
            if not any(same(option, known) for known in numbers.values()):
                raise GeniusError(
                    f"{name!r} of {self._space} counts only under {shown(option)}, no option of {parent!r}"
                )
        self._shown[at] = frozenset(n for n, known in numbers.items() if any(same(known, option) for option in options))
        return self._places[parent]

    def _ordered(self) -> list[int]:
        """Return the decisions with each parent before its children, the children right after it.

        Raises: GeniusError for a cycle.
        """
        found: list[int] = []
        waiting = list(reversed(self.roots))
        while waiting:
            found.append(waiting.pop())
            waiting += reversed(self.children[found[-1]])
        if len(found) < len(self._decisions):
            lost = [d.name for at, d in enumerate(self._decisions) if at not in found]
            raise GeniusError(f"the conditions of {self._space} form a cycle: {', '.join(lost[:5])} never count")
        return found

    @property
    def roots(self) -> list[int]:
        """The decisions that always count."""
        return [at for at in range(len(self._decisions)) if at not in self.parents]

    @cached_property
    def children(self) -> list[list[int]]:
        """The decisions that depend on each decision."""
        found: list[list[int]] = [[] for _ in self._decisions]
        for child, parent in self.parents.items():
            found[parent].append(child)
        return found

    def shown_by(self, at: int, option: int) -> list[int]:
        """Return the decisions that an option of a decision lets count."""
        return [child for child in self.children[at] if option in self._shown[child]]

    def visible(self, architectures: _Array) -> npt.NDArray[np.bool_]:
        """Tell which decisions count, of architectures of shape (n, decisions): the same shape."""
        found = np.ones(architectures.shape, dtype=bool)
        for at in self._dependent:
            parent = self.parents[at]
            found[:, at] = found[:, parent] & np.isin(architectures[:, parent], list(self._shown[at]))
        return found

    def visible_in(self, architecture: Sequence[int]) -> list[bool]:
        """Tell which decisions count in one architecture, in a few microseconds."""
        found = [True] * len(architecture)
        for at in self._dependent:
            parent = self.parents[at]
            found[at] = found[parent] and architecture[parent] in self._shown[at]
        return found

    def settled(self, architectures: _Array) -> _Array:
        """Return architectures with the first option in each hidden decision: shape (n, decisions)."""
        return np.where(self.visible(architectures), architectures, self.first)

    def kept_by(self, architectures: _Array) -> npt.NDArray[np.bool_]:
        """Tell which architectures, of shape (n, decisions), have the first option in each hidden decision."""
        if not self:
            return np.ones(len(architectures), dtype=bool)
        found: npt.NDArray[np.bool_] = (self.settled(architectures) == architectures).all(axis=1)
        return found

    @cached_property
    def _counts(self) -> list[list[int]]:
        """How many architectures of its tree each option of each decision begins."""
        found: list[list[int]] = [[] for _ in self._decisions]
        for at in reversed(self.order):
            for option in self._decisions[at].numbers:
                found[at].append(prod(sum(found[child]) for child in self.shown_by(at, option)))
        return found

    @property
    def count(self) -> int:
        """How many architectures differ."""
        return prod(sum(self._counts[at]) for at in self.roots)

    def draw(self, rng: np.random.Generator, count: int) -> _Array:
        """Draw uniformly from the architectures that differ: shape (count, decisions)."""
        found = np.tile(self.first, (count, 1))
        for at in self.order:
            counts = self._counts[at]
            whole = sum(counts)
            found[:, at] += rng.choice(len(counts), count, p=np.array([each / whole for each in counts]))
        return self.settled(found)

    def __iter__(self) -> Iterator[tuple[int, ...]]:
        """Go through the architectures that differ, in the order of their numbers."""
        rows = product(*(decision.numbers for decision in self._decisions))
        while batch := list(islice(rows, _BATCH)):
            numbers = np.array(batch)
            yield from map(tuple, numbers[self.kept_by(numbers)].tolist())
