"""A grammar of replies, in llama.cpp's GBNF, whose architectures are all in the space."""

import json
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from itertools import chain, compress
from typing import TypeAlias

from ..spaces.decision import Decision
from ..spaces.space import Architecture, SearchSpace
from .value_grammar import ValueGrammar

_Trie: TypeAlias = "dict[int, _Trie]"

FORBIDDEN = 20_000
"""The most architectures forbidden by a space's rule that a grammar excludes."""

# Letters only, so that nothing but the list can be read as a list.
_WORD = "[A-Za-z]{1,12}"


class NothingLeft(ValueError):
    """Every architecture is excluded."""


def architecture_grammar(
    space: SearchSpace,
    exclude: Collection[Architecture] = (),
    *,
    reason_words: int = 16,
    shortlist: Sequence[Architecture] = (),
) -> str:
    r"""Return a GBNF grammar whose replies are `Reason: <words>.\nArchitecture: [<numbers>]`.

    - The numbers are an architecture of the space that is not in `exclude`, which may hold forbidden ones. In a space
      by value a JSON object of its values stands in their place.
    - Architectures that the space's rule forbids are left out where the space can be listed and they are at most
      `FORBIDDEN`.
    - The reason has 1 to `reason_words` words of at most 13 characters, which bounds a reply: below 14 characters a
      word, plus 32, plus the numbers.
    - With a `shortlist` a reply begins with `I take S2.`, followed by that architecture of the list, or with
      `I take none of these.`

    The grammar grows with len(exclude) × decisions.
    Raises: BadArchitecture where `exclude` holds no combination of the space's options; NothingLeft where it holds all
    architectures; ValueError where `reason_words` is below 1.
    """
    if reason_words < 1:
        raise ValueError(f"a reason has at least 1 word, got {reason_words}")
    left_out = chain(map(space.without_rule.check, exclude), _forbidden(space))
    rules, architecture = _by_value(space, left_out) if space.by_value else _by_number(space, left_out)
    if architecture is None:
        raise NothingLeft(f"all architectures of {space.name} are excluded: there is none to propose")
    rules["word"] = _WORD
    own = rf'word ([,;]? " " word){{0,{reason_words - 1}}} ".\nArchitecture: " {architecture}'
    rules["root"] = f'"Reason: " {own}'
    listed = [(at, space.check(a)) for at, a in enumerate(shortlist, start=1) if a not in exclude]
    if listed:
        rules["own"] = rf'"none of these.\n" {rules["root"]}'
        written = [(at, json.dumps(space.declared(a))[1:-1]) for at, a in listed]
        rules["listed"] = " | ".join(rf'"S{at}.\nArchitecture: {architecture}"' for at, architecture in written)
        rules["root"] = '"I take " (listed | own)'
    return "".join(f"{name} ::= {body}\n" for name, body in rules.items())


def _by_number(space: SearchSpace, excluded: Iterable[Architecture]) -> tuple[dict[str, str], str | None]:
    rules = _Rules(space.decisions)
    numbers = _rest(space.decisions, 0, _trie(excluded), rules)
    return rules, None if numbers is None else f'"[" {numbers}'


def _by_value(space: SearchSpace, excluded: Iterable[Architecture]) -> tuple[dict[str, str], str | None]:
    rules = ValueGrammar(space)
    return rules, rules.object_without(map(space.settled, excluded))


@lru_cache(maxsize=4)
def _forbidden(space: SearchSpace) -> Sequence[Architecture]:
    """Return the architectures that the space's rule forbids, if they are at most `FORBIDDEN`; else none."""
    if space.valid is None or space.count is None or (space.without_rule.count or 0) - space.count > FORBIDDEN:
        return []
    everything = list(space.without_rule.architectures())
    return list(compress(everything, ~space.allows(everything)))


def _trie(architectures: Iterable[Architecture]) -> _Trie:
    root: _Trie = {}
    for architecture in architectures:
        node = root
        for option in architecture:
            node = node.setdefault(option, {})
    return root


class _Rules(dict[str, str]):
    """The rules of a grammar by their names.

    The first are `free-d`: the rest of a list from decision d on that no excluded architecture begins like.
    """

    def __init__(self, decisions: Sequence[Decision]) -> None:
        free = {f"free-{depth}": _way(depth, decisions[depth].numbers) for depth in range(1, len(decisions))}
        super().__init__({**free, f"free-{len(decisions)}": '"]"'})
        self._names: dict[str, str] = {}

    def named(self, body: str) -> str:
        """Return the name of the rule with this body, added once: lists with the same continuations share rules."""
        if body not in self._names:
            self._names[body] = f"rest-{len(self)}"
            self[self._names[body]] = body
        return self._names[body]


def _rest(decisions: Sequence[Decision], depth: int, excluded: _Trie, rules: _Rules) -> str | None:
    """Add the rules of a list from decision `depth` on; return the first rule's name, or None where nothing is left.

    `excluded` is the trie of the continuations of the excluded architectures that begin like the list.
    """
    if depth == len(decisions):
        return None
    ways: dict[str, list[int]] = {}
    for option in decisions[depth].numbers:
        rest = _rest(decisions, depth + 1, excluded[option], rules) if option in excluded else f"free-{depth + 1}"
        if rest is not None:
            ways.setdefault(rest, []).append(option)
    if not ways:
        return None
    return rules.named(" | ".join(_way(depth, options, rest) for rest, options in ways.items()))


def _way(depth: int, options: Sequence[int], rest: str | None = None) -> str:
    """Write the body of a rule: one of the options, then the rest, by default a free one."""
    separator = '", " ' if depth else ""
    return f"{separator}{_either(options)} {rest or f'free-{depth + 1}'}"


def _either(numbers: Sequence[int]) -> str:
    # digits as a class, which halves the grammar of a long search: it is sent with every call
    digits = "".join(str(number) for number in numbers if number in range(10))
    longer = [f'"{number}"' for number in numbers if number not in range(10)]
    return f"({' | '.join([f'[{digits}]'] * bool(digits) + longer)})" if longer else f"[{digits}]"
