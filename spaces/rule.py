"""The combinations of options of a space, of which a rule may allow some: listed where they are few, else drawn."""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from itertools import compress, product
from math import prod

import numpy as np
import numpy.typing as npt

from ..errors import GeniusError
from ..printable import brief, said_by
from .conditions import Conditions
from .decision import ByValue

Rule = Callable[[tuple[int, ...]], bool | str]
"""Is given an architecture: True allows it, a text forbids it and says why, False forbids it by the rule's words."""

ENUMERABLE = 1_000_000
"""Spaces up to this many architectures are listed whole where a whole list is asked for."""

_BATCH, _BATCHES, _LAST = 256, 800, 3_200
"""Combinations of many that are drawn together; how often, for as many as are asked for, and how often for one."""

_Array = npt.NDArray[np.int64]


def rule_in_words(rule: Rule) -> str:
    """Return the first line of a rule's docstring, else its name; nothing for a lambda."""
    plain: object = rule
    while isinstance(plain, partial | ByValue):
        plain = plain.func
    if lines := (getattr(plain, "__doc__", None) or "").strip().splitlines():
        return brief(lines[0]).rstrip(".")
    name = getattr(plain, "__name__", type(plain).__name__)
    return "" if name == "<lambda>" else name


def judge(rule: Rule, architecture: tuple[int, ...], space: str) -> bool | str:
    """Apply the rule of a space to an architecture: True, or False or a text where it is forbidden.

    Raises: GeniusError where the rule itself fails, or gives no answer.
    """
    try:
        told = rule(architecture)
    except (MemoryError, GeniusError):
        raise
    except Exception as error:
        raise GeniusError(f"{_called(rule, space)} failed on {list(architecture)}: {said_by(error)}") from error
    if isinstance(told, bool | np.bool_):
        return bool(told)
    if isinstance(told, str) and told.strip():
        return told
    raise GeniusError(
        f"{_called(rule, space)} returned {brief(repr(told))} for {list(architecture)}: return True, False, or a "
        "text that names the forbidden"
    )


def _called(rule: Rule, space: str) -> str:
    words = rule_in_words(rule)
    return f"the rule of {space}{f' ({words})' * bool(words)}"


def _anything(architecture: tuple[int, ...]) -> bool:
    """Allow every combination of options."""
    return True


class Allowed:
    """The combinations of options that conditions and a rule allow, in the space of this name.

    Of two that differ in hidden decisions alone, conditions allow one. Of up to `ENUMERABLE` the rule is asked for each
    once; of more only for those that are met.
    """

    def __init__(self, options: Sequence[range], conditions: Conditions, rule: Rule | None, space: str) -> None:
        self._options, self._conditions, self._space = options, conditions, space
        self._ruled, self._rule = rule is not None, rule or _anything
        self._first = np.array([numbers.start for numbers in options])
        self._counts = np.array([len(numbers) for numbers in options])
        self._size = prod(len(numbers) for numbers in options)

    @cached_property
    def _strides(self) -> _Array:
        """How far apart the places of neighbouring options are in the order of all combinations."""
        found: _Array = np.concatenate([self._counts[:0:-1].cumprod()[::-1], [1]]).astype(np.int64)
        return found

    @cached_property
    def _listed(self) -> npt.NDArray[np.bool_]:
        """Of each combination, in the order of their numbers, whether it is allowed."""
        architectures = np.array(list(product(*self._options)))
        found = self._conditions.kept_by(architectures)
        if self._ruled:
            found[found] = self._judged(architectures[found])
        if not found.any():
            raise self._empty(f"each of its {self._size:,} architectures")
        return found

    @cached_property
    def _places(self) -> _Array:
        return np.flatnonzero(self._listed)

    @property
    def count(self) -> int | None:
        """How many are allowed; None where a rule decides and there are too many to list."""
        if not self._ruled:
            return self._conditions.count
        return len(self._places) if self._size <= ENUMERABLE else None

    def __iter__(self) -> Iterator[tuple[int, ...]]:
        """Go through those that are allowed, in the order of their numbers."""
        return compress(product(*self._options), self._listed.tolist())

    def among(self, architectures: _Array) -> npt.NDArray[np.bool_]:
        """Tell which architectures, of shape (n, decisions), are allowed: shape (n,)."""
        if self._size <= ENUMERABLE:
            found: npt.NDArray[np.bool_] = self._listed[(architectures - self._first) @ self._strides]
            return found
        kept = self._conditions.kept_by(architectures)
        if self._ruled:
            kept[kept] = self._judged(architectures[kept])
        return kept

    def _judged(self, architectures: _Array) -> npt.NDArray[np.bool_]:
        rows = map(tuple, architectures.tolist())
        return np.fromiter((judge(self._rule, row, self._space) is True for row in rows), bool, len(architectures))

    def draw(self, rng: np.random.Generator, count: int) -> _Array:
        """Draw uniformly: shape (count, decisions), or fewer where a rule allows few of many.

        Raises: GeniusError where none is allowed, or none was found.
        """
        if not self._ruled:
            return self._conditions.draw(rng, count)
        if self._size <= ENUMERABLE:
            places = self._places[rng.integers(len(self._places), size=count), None]
            drawn: _Array = places // self._strides % self._counts + self._first
            return drawn
        found = np.empty((0, len(self._options)), dtype=np.int64)
        for made in range(1, _LAST + 1):
            batch = self._conditions.draw(rng, _BATCH) if self._conditions else uniform(self._options, rng, _BATCH)
            found = np.concatenate([found, batch[self.among(batch)]])
            if len(found) >= (count if made < _BATCHES else 1):
                return found[:count]
        raise self._empty(f"each of {_BATCH * _LAST:,} architectures that were drawn from its {self._size:.3g}")

    def _empty(self, what: str) -> GeniusError:
        return GeniusError(f"{_called(self._rule, self._space)} forbids {what}: loosen it")


def uniform(options: Sequence[range], rng: np.random.Generator, count: int) -> _Array:
    """Draw combinations uniformly from all: shape (count, decisions)."""
    return np.stack([rng.integers(numbers.start, numbers.stop, count) for numbers in options], axis=1)
