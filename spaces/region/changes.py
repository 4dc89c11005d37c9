"""Changes of architectures: of one decision or two, at random or all, and the best of them again and again."""

from collections.abc import Callable, Sequence

import numpy as np

from ..conditions import Conditions
from ..decision import Decision
from ..space import Architecture
from .feasible import Integers, Reals

Penalty = Callable[[Integers], Reals]
"""A cost of architectures that is to be low, of shape (n,); infinite for those that are not wanted."""

Near = Callable[[Integers], Integers]
"""Changes of architectures, as many of each: from shape (n, decisions) to (n × changes, decisions)."""


class Changes:
    """The changes of architectures of some decisions; a decision that is hidden after one has its first option."""

    def __init__(self, decisions: Sequence[Decision], conditions: Conditions) -> None:
        self._conditions = conditions
        self._first = np.array([decision.numbers[0] for decision in decisions])
        self._options = np.array([len(decision.options) for decision in decisions])

    def at_random(self, rng: np.random.Generator, count: int = 1) -> Near:
        """Change one decision, and every other time a second one: to any other option, each as likely."""

        def changed(rows: Integers) -> Integers:
            rows = np.repeat(rows, count, axis=0)
            every = np.arange(len(rows))
            for part in (every, every[rng.random(len(rows)) < 0.5]):
                at = rng.integers(len(self._first), size=len(part))
                step = 1 + (rng.random(len(part)) * (self._options[at] - 1)).astype(np.int64)
                self._shift(rows, part, at, step)
            return self._settled(rows)

        return changed

    def single(self, rows: Integers) -> Integers:
        """Change one decision, to each other option."""
        at = np.repeat(np.arange(len(self._first)), self._options - 1)
        step = np.concatenate([np.arange(1, options) for options in self._options])
        changed = np.repeat(rows, len(at), axis=0)
        self._shift(changed, np.arange(len(changed)), np.tile(at, len(rows)), np.tile(step, len(rows)))
        return self._settled(changed)

    def _settled(self, rows: Integers) -> Integers:
        return self._conditions.settled(rows) if self._conditions else rows

    def _shift(self, rows: Integers, which: Integers, at: Integers, step: Integers) -> None:
        """Change the option of a decision in some rows by a number of options, round and round."""
        rows[which, at] = self._first[at] + (rows[which, at] - self._first[at] + step) % self._options[at]

    def back_to(self, architecture: Architecture) -> Near:
        """Give one decision the option that an architecture has."""
        target = np.array(architecture)

        def changed(rows: Integers) -> Integers:
            found = np.repeat(rows, len(target), axis=0)
            at = np.tile(np.arange(len(target)), len(rows))
            found[np.arange(len(found)), at] = target[at]
            return self._settled(found)

        return changed

    def one_more(self, rows: Integers, architecture: Architecture, *, ordered: bool) -> Integers:
        """Return all that have one change more of an architecture; `ordered` behind the decisions changed, so once."""
        found = []
        for at, (first, options) in enumerate(zip(self._first.tolist(), self._options.tolist(), strict=True)):
            same = rows[:, at:] == np.array(architecture[at:])
            begun = rows[same.all(axis=1) if ordered else same[:, 0]]
            others = [option for option in range(first, first + options) if option != architecture[at]]
            changed = np.repeat(begun, len(others), axis=0)
            changed[:, at] = np.tile(others, len(begun))
            found.append(changed)
        changed = self._settled(np.concatenate(found))
        return changed if ordered else distinct(changed)


def improved(rows: Integers, cost: Penalty, near: Near, idle: int = 1) -> Integers:
    """Take the best change of each row again and again, until there is none for some rounds, or each costs nothing."""
    rows, costs, rounds = rows.copy(), cost(rows), 0
    while rounds < idle and np.any(costs != 0):
        changed = near(rows)
        found = cost(changed).reshape(len(rows), -1)
        best = found.argmin(axis=1) + np.arange(len(rows)) * found.shape[1]
        better = found.min(axis=1) < costs
        rows[better], costs[better] = changed[best[better]], found.min(axis=1)[better]
        rounds = 0 if better.any() else rounds + 1
    return rows


def distinct(rows: Integers) -> Integers:
    """Return rows each once, in the order of their first places."""
    numbers = np.random.default_rng(0).integers(1 << 62, size=rows.shape[1])
    products: Integers = rows @ numbers  # those of different rows are different, but for one pair in 10^18
    _, places = np.unique(products, return_index=True)
    return rows[np.sort(places)]


def in_order(rows: Integers) -> Integers:
    """Return rows each once, in the order of their numbers, from 0 to 65,535 each: as bytes they are sorted fast."""
    texts = np.ascontiguousarray(rows, dtype=">u2").view(f"V{2 * rows.shape[1]}").ravel()
    _, places = np.unique(texts, return_index=True)
    return rows[places]
