"""A grammar, in llama.cpp's GBNF, under which every reply fits the space."""

from collections.abc import Collection, Iterable, Sequence
from typing import TypeAlias

from ..spaces.space import Architecture, Decision, SearchSpace

_Trie: TypeAlias = "dict[int, _Trie]"

# Letters only: the list is then the one thing in a reply that can be read as a list.
_WORD = "[A-Za-z]{1,12}"


def architecture_grammar(
    space: SearchSpace,
    exclude: Collection[Architecture] = (),
    *,
    reason_words: int = 16,
    shortlist: Sequence[Architecture] = (),
) -> str:
    r"""Return a GBNF grammar whose replies are `Reason: <words>.\nArchitecture: [<numbers>]`.

    The numbers are an architecture of the space that is not in `exclude`. The reason has 1 to `reason_words` words of
    at most 13 characters, so a reply is capped: below 14 characters a word, plus 32, plus the numbers. The grammar
    grows with len(exclude) × decisions. Where there is a shortlist, a reply begins with `I take S2.`, as one of its
    architectures is named there and follows, or with `I take none of these.`

    Raises: BadArchitecture where `exclude` holds one that is not in the space; ValueError where it holds all that are,
    or where `reason_words` is below 1.
    """
    if reason_words < 1:
        raise ValueError(f"a reason has at least 1 word, got {reason_words}")
    rules = _free_rules(space.decisions)
    numbers = _rest(space.decisions, 0, _trie(space.check(architecture) for architecture in exclude), rules)
    if numbers is None:
        raise ValueError(f"all {space.size:,} architectures of {space.name} are excluded: there is none to propose")
    rules["word"] = _WORD
    own = rf'word ([,;]? " " word){{0,{reason_words - 1}}} ".\nArchitecture: [" {numbers}'
    rules["root"] = f'"Reason: " {own}'
    listed = [(at, space.check(a)) for at, a in enumerate(shortlist, start=1) if a not in exclude]
    if listed:
        rules["own"] = rf'"none of these.\n" {rules["root"]}'
        rules["listed"] = " | ".join(rf'"S{at}.\nArchitecture: {list(a)}"' for at, a in listed)
        rules["root"] = '"I take " (listed | own)'
    return "".join(f"{name} ::= {body}\n" for name, body in rules.items())


def _trie(architectures: Iterable[Architecture]) -> _Trie:
    root: _Trie = {}
    for architecture in architectures:
        node = root
        for option in architecture:
            node = node.setdefault(option, {})
    return root


def _free_rules(decisions: Sequence[Decision]) -> dict[str, str]:
    """Return the rules `free-d`: the list from decision d on, once its beginning is like no excluded one's."""
    rules = {f"free-{depth}": _way(depth, decisions[depth].numbers) for depth in range(1, len(decisions))}
    return {**rules, f"free-{len(decisions)}": '"]"'}


def _rest(decisions: Sequence[Decision], depth: int, excluded: _Trie, rules: dict[str, str]) -> str | None:
    """Add the rules of the list from decision `depth` on; return the first one's name, or None where nothing is left.

    `excluded` is how the excluded architectures go on that begin as the list does.
    """
    if depth == len(decisions):
        return None
    ways = [_way(depth, [option for option in decisions[depth].numbers if option not in excluded])]
    for option, further in excluded.items():
        if rest := _rest(decisions, depth + 1, further, rules):
            ways.append(_way(depth, [option], rest))
    if not any(ways):
        return None
    name = f"rest-{len(rules)}"
    rules[name] = " | ".join(filter(None, ways))
    return name


def _way(depth: int, options: Sequence[int], rest: str | None = None) -> str:
    """Write one of the options and then the rest, by default a free one; nothing where there is no option."""
    separator = '", " ' if depth else ""
    return f"{separator}{_either(options)} {rest or f'free-{depth + 1}'}" if options else ""


def _either(numbers: Sequence[int]) -> str:
    # digits as a class: the grammar of a long search goes over the wire with every call, and this halves it
    digits = "".join(str(number) for number in numbers if number in range(10))
    longer = [f'"{number}"' for number in numbers if number not in range(10)]
    return f"({' | '.join([f'[{digits}]'] * bool(digits) + longer)})" if longer else f"[{digits}]"
