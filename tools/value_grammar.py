"""A grammar, in llama.cpp's GBNF, of the JSON objects that give an architecture by its values."""

import json
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from ..spaces.space import Architecture, SearchSpace

_Trie: TypeAlias = "dict[int, _Trie]"


class ValueGrammar(dict[str, str]):
    """The rules of a grammar by their names: a JSON object of the decisions that count, each after the one it needs.

    An object is written along the trees of conditions, so that the rest is a row of trees. A tree has a
    rule of its own, `tree-d`; a row that begins an excluded architecture has one for each of its beginnings.
    """

    def __init__(self, space: SearchSpace) -> None:
        super().__init__()
        self._space, self._conditions = space, space.conditions
        self._first = self._conditions.roots[0]
        self._rows: dict[tuple[int, ...], str] = {}
        for at in self._conditions.order:
            ways: dict[str, list[int]] = {}
            for option in space.decisions[at].numbers:
                ways.setdefault(self._trees(self._conditions.shown_by(at, option)), []).append(option)
            self[f"tree-{at}"] = " | ".join(
                f"{self._one(at, options)} {rest}".rstrip() for rest, options in ways.items()
            )

    def object_without(self, excluded: Iterable[Architecture]) -> str | None:
        """Return the rule of an object that gives none of some architectures; None where nothing is left."""
        trie: _Trie = {}
        for architecture in excluded:
            node = trie
            for at in self._way(architecture):
                node = node.setdefault(architecture[at], {})
        rest = self._rest(tuple(self._conditions.roots), trie)
        return None if rest is None else f'"{{" {rest} "}}"'

    def _way(self, architecture: Architecture) -> list[int]:
        counting = self._space.visible(architecture)
        return [at for at in self._conditions.order if counting[at]]

    def _rest(self, row: tuple[int, ...], excluded: _Trie) -> str | None:
        """Return the rule of a row of trees, without those ways through it that are excluded."""
        if not row:
            return None
        at, *after = row
        ways: dict[str, list[int]] = {}
        for option in self._space.decisions[at].numbers:
            ahead = (*self._conditions.shown_by(at, option), *after)
            rest = self._rest(ahead, excluded[option]) if option in excluded else self._trees(ahead)
            if rest is not None:
                ways.setdefault(rest, []).append(option)
        if not ways:
            return None
        body = " | ".join(f"{self._one(at, options)} {rest}".rstrip() for rest, options in ways.items())
        name = f"rest-{len(self)}"
        self[name] = body
        return name

    def _trees(self, row: Sequence[int]) -> str:
        """Return the rule of a row of trees, which rows that end alike share; empty for none."""
        if (known := self._rows.get(tuple(row))) is not None:
            return known
        rest = ""
        for start in reversed(range(len(row))):
            end = tuple(row[start:])
            if end not in self._rows:
                self._rows[end] = f"row-{len(self._rows)}"
                self[self._rows[end]] = f"tree-{end[0]} {rest}".rstrip()
            rest = self._rows[end]
        return rest

    def _one(self, at: int, options: Iterable[int]) -> str:
        """Write a decision with one of some options, as a member of the object."""
        decision = self._space.decisions[at]
        member = f"{'' if at == self._first else ', '}{json.dumps(decision.name)}: "
        values = [_quoted(json.dumps(decision.plain_value(option))) for option in options]
        return f"{_quoted(member)} ({' | '.join(values)})"


def _quoted(text: str) -> str:
    return json.dumps(text)
