"""Where a free-text reply gives options: lists, bare lines of numbers, digit strings, values under a decision's name.

A reply is hostile data. Every pattern here is read in linear time: possessive quantifiers, no nested repetition of
overlapping classes, and no look back over more than the gap to the list before.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile

from ..spaces.space import Decision, SearchSpace

DECISIONS = ""
"""The series of the values that stand under the names of the decisions; their place is the decision's index."""

_PAIR = re.compile(r"([^\W\d_]+)[\s_#]*([0-9]{1,4})(?![0-9])")  # "Stage 3", "stage_3", "s3"
_ARROW = re.compile(r"→|[-=]>")
_GLUE = " \t\n,;+()[]-•"
_NUMBERING = re.compile(r"\W*([0-9]{1,4})[.)]\s*")
_LINE_END = re.compile(r"[^\S\n]*+[\"'|.;,]*+[^\S\n]*+(?:\n|\Z)")
_PAST = re.compile(r"\b(?:original(?:ly)?|previous(?:ly)?|former(?:ly)?|old|earlier|before|was|unlike|than)\b")
_NEW = re.compile(r"\b(?:revis|new|improv|updat|adjust|modif|chang|compar|final|better)")
_QUANTITY = re.compile(r"(?:accurac(?:y|ies)|flops|macs|params|parameters|latency|seed|range)\b\W*\Z")


@dataclass(frozen=True)
class Statement:
    """Options that a reply gives in one place.

    - `tokens`: option numbers and names as written. Empty where one label has two different lists on one line.
    - `start`, `end`: where in the text, with the label.
    - `series`, `place`: ("stage", 3) for a list under the label "Stage 3". A list without such a label has no series.
    - `background`: the label says that this was before ("original", "previous best"), or these are other numbers of
      the options ("256" of "256 channels"). It does not replace an answer.
    """

    tokens: tuple[str, ...]
    start: int
    end: int
    series: str | None = None
    place: int = 0
    background: bool = False


@dataclass
class _List:
    """A list, a line of numbers or a digit string, with what stands before it on its line and the heading above."""

    tokens: list[str]
    start: int
    end: int
    enclosed: bool  # in brackets or quotes
    likely: bool  # most of the tokens are options
    background: bool
    before: str = ""
    heading: str = ""
    same_line: bool = False
    nested: bool = False


def plain(name: str) -> str:
    """Return a name without case, spaces and underscores: equal for two spellings of one name."""
    return re.sub(r"[\s_]+", "", name.lower().replace("->", "→"))


def is_integer(token: str) -> bool:
    """Tell whether a token is an integer, of any length."""
    return re.fullmatch(r"-?[0-9]++", token) is not None


def lists(text: str, space: SearchSpace) -> Iterator[Statement]:
    """Find the lists, lines of numbers and digit strings that may be architectures or parts of one, in order.

    A list in running prose counts only where it has the whole length.
    """
    before: Statement | None = None
    for found in _joined(text, _in_context(text, _found(text, space)), len(space.decisions)):
        second = _second(found, before) if found.same_line and before else None
        before = second or _labelled(found, len(space.decisions))
        if before:
            yield before


# --- lists, lines of numbers, digit strings


def _found(text: str, space: SearchSpace) -> Iterator[_List]:
    known, described = _vocabulary(space)
    for match in _pattern(space).finditer(text):
        kind = match.lastgroup or ""
        tokens, enclosed = _tokens(kind, match[kind]), kind == "items" or _is_quoted(match)
        unknown = [token for token in tokens if token not in known and plain(token) not in known]
        likely = len(tokens) > 2 * len(unknown)
        if (enclosed or _ends_line(match)) and not _are_measured(unknown) and (likely or all(map(is_integer, tokens))):
            yield _List(tokens, match.start(), match.end(), enclosed, likely, not described.isdisjoint(tokens))


def _pattern(space: SearchSpace) -> re.Pattern[str]:
    kinds = [r"(?<!\w)[\[(](?P<items>[^\[\](){}]*+)[\])]", r"(?<![\w.-])(?P<line>-?[0-9]++(?:[,;| \t]++-?[0-9]++)++)"]
    if all(len(str(number)) == 1 for decision in space.decisions for number in decision.numbers):
        kinds.append(rf"(?<![\w.-])(?P<digits>[0-9]{{{len(space.decisions)}}})(?![\w%]|[.,][0-9])")
    return re.compile("|".join(kinds))


def _is_quoted(match: re.Match[str]) -> bool:
    text, start, end = match.string, match.start(), match.end()
    return start > 0 and text[start - 1] in "\"'" and text[end : end + 1] == text[start - 1]


def _ends_line(match: re.Match[str]) -> bool:
    """Tell whether numbers end their line; digits that stand for an architecture may also stand after a colon."""
    before = match.string[max(0, match.start() - 3) : match.start()].rstrip()
    stands_for_all = match.lastgroup == "digits" and before.endswith((":", "="))
    return stands_for_all or _LINE_END.match(match.string, match.end()) is not None


def _tokens(kind: str, found: str) -> list[str]:
    if kind != "items":
        return re.findall(r"[0-9]" if kind == "digits" else r"-?[0-9]+", found)
    if "," not in found:
        return [item.strip("\"'") for item in found.split()]
    rows = (row.strip().removesuffix(",") for row in found.split("\n"))
    return [item.strip(" \t\"'") for row in rows if row for item in row.split(",")]


def _vocabulary(space: SearchSpace) -> tuple[set[str], set[str]]:
    """Return the numbers and names of all options, and other numbers that describe them: "256" of "256 channels"."""
    options = {option for decision in space.decisions for option in decision.options}
    numbers = {str(number) for decision in space.decisions for number in decision.numbers}
    described = {match[0] for option in options if (match := re.match(r"[0-9]+(?= )", option))}
    return numbers | set(map(plain, options)), described - numbers


def _are_measured(unknown: list[str]) -> bool:
    """Tell accuracies, FLOPs, kernel sizes: "93.1", "12M", "3x3"."""
    return any(re.match(r"[-+.]?[0-9]", token) and not is_integer(token) for token in unknown)


# --- what stands before a list and above it


def _in_context(text: str, found: Iterable[_List]) -> Iterator[_List]:
    end, heading, nested = 0, "", False
    for one in found:
        gap = text[end : one.start].rstrip()
        one.nested = nested = gap.endswith(("[", "(")) or (nested and gap.strip() == ",")
        above, newline, one.before = text[end : one.start].rpartition("\n")
        one.heading = heading = _heading(above, heading)
        one.same_line = not newline and end > 0
        end = one.end
        if not re.search(r"[\[(]\s*-?[0-9]", one.before[-200:]):  # a list among numbers in a list is a piece of it
            yield one


def _heading(above: str, inherited: str) -> str:
    """Return the last line above a list if it is a heading; lists one below the other stand under the same."""
    line = above.rstrip().rpartition("\n")[2].strip()
    if not line.strip(_GLUE):
        return inherited
    short = len(line) < 80 and line[-1] != "." and _PAIR.match(line)
    return line if short or line[-1] == ":" or line[0] == "#" else ""


def _joined(text: str, found: Iterable[_List], expected: int) -> Iterator[_List]:
    """Join lists with nothing between them but commas, spaces and brackets: a nested list, or one list a line."""
    last, was_part = None, False
    for one in found:
        is_part = one.nested or (one.enclosed and len(one.tokens) != expected)
        if last and was_part and is_part and not text[last.end : one.start].strip(_GLUE):
            last.tokens += one.tokens
            last.end, last.likely = one.end, last.likely or one.likely
            continue
        if last:
            yield last
        last, was_part = one, is_part
    if last:
        yield last


def _labelled(found: _List, expected: int) -> Statement | None:
    """Make a statement of a list: of the whole, or of the part that its label names."""
    whole, stated = len(found.tokens) == expected, _is_label(found.before)
    is_cell = "|" in found.before and not whole  # "| layer 1 | 2 | 30 |"
    if not found.enclosed and (is_cell or not stated or found.before.rstrip().endswith(("[", "(", "{"))):
        return None
    if _names_a_quantity(found.before if found.before.strip(_GLUE) else found.heading):
        return None
    start = found.start - len(found.before) if stated else found.start
    series, place = (None, 0) if whole or not stated else _series(found)
    if not (whole or series or found.likely):
        return None
    background = found.background or _is_past(found.before) or (stated and _is_past(found.heading))
    return Statement(tuple(found.tokens), start, found.end, series, place, background)


def _is_label(before: str) -> bool:
    """Tell the label of a list ("Stage 3 (layers 2 to 7):", a bullet, nothing) from running prose."""
    words = _without_brackets(before).rstrip(" \t\"'[(")
    if not words.strip(_GLUE + '"|>') or words[-1] in ":=|→>-–—" or _NUMBERING.fullmatch(words):
        return True
    return len(words.split()) <= 3 and _PAIR.search(words) is not None


def _series(found: _List) -> tuple[str | None, int]:
    """Return the first word with a number in the label ("Stage 3"), else its numbering ("3."), else the heading's."""
    before = found.before[-200:]
    pair = _PAIR.search(before) or _NUMBERING.fullmatch(before) or _PAIR.search(found.heading[:200])
    if pair is None:
        return None, 0
    *word, number = pair.groups()
    return "".join(word).lower().removesuffix("s") or "list", int(number)


def _second(found: _List, first: Statement) -> Statement | None:
    """Read a list that follows one with a label on the same line: "Stage 3: [1, 0] → [1, 1]".

    Without an arrow or a label of its own it is not clear which of the two is meant. A far shorter list is a remark.
    """
    similar = tuple(found.tokens) != first.tokens and 2 * len(found.tokens) > len(first.tokens)
    if first.series is None or not similar or _PAIR.search(found.before):
        return None
    own = _ARROW.search(found.before) or re.search(r"^\W*\w[^(]*[:=]\s*$", found.before[:200])
    tokens = tuple(found.tokens) if own else ()
    return Statement(tokens, found.start, found.end, first.series, first.place, _is_past(found.before))


def _is_past(label: str) -> bool:
    """Tell a label that says in a word or three that this was before: "previous best:", "Stage 3 (original):"."""
    for text in (label[-200:], _without_brackets(label)) if label.strip() else ():
        words = re.split(r"[(),.:;=]", text.rstrip(" \t\"'.:;=)"))[-1].lower()
        if len(re.findall(r"[^\W\d_]+", words)) <= 3 and _PAST.search(words) and not _NEW.search(words):
            return True
    return False


def _names_a_quantity(label: str) -> bool:
    """Tell whether numbers stand under the name of something measured: "Total FLOPs:", "accuracy of each:"."""
    return _QUANTITY.search(re.split(r"\b(?:per|of|for)\b", _without_brackets(label).lower())[0]) is not None


def _without_brackets(label: str) -> str:
    return re.sub(r"\([^()]*\)", "", label[-200:])


# --- values under the names of the decisions


def named(text: str, space: SearchSpace) -> Iterator[Statement]:
    """Find the values that stand under the name of a decision: `layer 1: 2`, `"c0": 4`, `| layer 1 | 2 |`."""
    places = {plain(name): place for name, place in _names(space).items()}
    for match in _named_pattern(_names(space)).finditer(text):
        place = places[plain(match["name"])]
        cells = [match["value"]]
        if match["sign"] == "|":
            row = text[match.start("value") : match.end() + 200].split("\n")[0].split("|")
            cells = list(takewhile(lambda cell: plain(cell) not in places, row))
        elif re.compile(r"[^\S\n]*+,[^\S\n]*+-?[0-9]++(?!\w|→|->)").match(text, match.end()):
            continue  # "layer 1: 0, 1 or 2" lists what there is
        values = {value for cell in cells if (value := _value(cell, space.decisions[place]))}
        if len(values) == 1:
            yield Statement((values.pop(),), match.start("name"), match.end(), DECISIONS, place)


def _names(space: SearchSpace) -> dict[str, int]:
    """Map the decisions' names, also without their first word where more than a number is left ("edge 0→1", "0→1")."""
    names = {decision.name: place for place, decision in enumerate(space.decisions)}
    short = {name.partition(" ")[2]: place for name, place in names.items()}
    is_usable = len(short) == len(names) and not any(name.isdigit() for name in short)
    return names | short if is_usable and "" not in short else names


def _named_pattern(names: Iterable[str]) -> re.Pattern[str]:
    pieces = (re.findall(r"[^\W\d_]+|[0-9]+|[^\w\s]", name) for name in sorted(names, key=len, reverse=True))
    name = "|".join(r"[ \t_]*".join(map(re.escape, piece)).replace("→", "(?:→|->)") for piece in pieces)
    return re.compile(
        r"(?:\A|[\n,;{.])[^\S\n]*+[-•>#\"'| \t]*+(?:[0-9]++[.)][^\S\n]++)?+"  # a line's beginning, or after a value
        rf"(?P<name>{name})(?![\w→])[\"' \t]*+(?:\([^()\n]{{0,80}}+\)[\"' \t]*+)?+"
        r"(?P<sign>[:=|]|is\b)[^\S\n]*+(?P<value>[^\n,;|(){}\[\]]{1,60}+)",
        re.IGNORECASE,
    )


def _value(written: str, decision: Decision) -> str | None:
    """Return the option number in words like `2`, `"nor_conv_3x3"`, `option 2 - cheap` or `1 → 2`; None for prose."""
    value = re.split(r"\s[-–—]\s", _ARROW.split(written)[-1])[0].strip(" \t\"'.")
    value = re.sub(r"^(?:option|operation|op)\s+(?=[0-9])", "", value, flags=re.IGNORECASE)
    if is_integer(value):
        describes = any(option.startswith(f"{value} ") for option in decision.options)  # "c0: 256" of "256 channels"
        return None if describes else value
    number = option_number(value, decision)
    return None if number is None else str(number)


def option_number(name: str, decision: Decision) -> int | None:
    """Return the number of the option of this name; case, spaces and underscores do not count."""
    spelled = plain(name)
    numbered = zip(decision.numbers, decision.options, strict=True)
    return next((number for number, option in numbered if plain(option) == spelled), None)
