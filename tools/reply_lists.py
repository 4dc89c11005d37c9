"""Where a free-text reply gives options: lists, bare lines of numbers, digit strings, values under a decision's name.

A reply is hostile data. Every pattern here is read in linear time: possessive quantifiers, no nested repetition of
overlapping classes, and no look back over more than the gap to the list before.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from ..spaces.space import SearchSpace

_PAIR = re.compile(r"([^\W\d_]+)[\s_#]*([0-9]{1,4})(?![0-9])")  # "Stage 3", "stage_3", "s3"
_ARROW = re.compile(r"→|[-=]>")
_GLUE = " \t\n,;+()[]-•"
_LINE_END = re.compile(r"[^\S\n]*+[\"'|.;,)}]*+[^\S\n]*+(?:\n|\Z)")
_PAST = frozenset("original originally previous previously old earlier former was before initial unlike than".split())
_QUANTITIES = frozenset(
    "accuracy accuracies flops macs params parameters latency latencies seed cost costs channels widths range".split()
)


@dataclass(frozen=True)
class Statement:
    """Options that a reply gives in one place.

    - `tokens`: option numbers and names as written. Empty where one label has two different lists on one line.
    - `start`, `end`: where in the text, with the label.
    - `series`, `place`: ("stage", 3) for a list under the label "Stage 3". A list without such a label has no series.
    - `past`: the label says that this is what was before: "original", "previous best".
    """

    tokens: tuple[str, ...]
    start: int
    end: int
    series: str | None = None
    place: int = 0
    past: bool = False


@dataclass
class _List:
    """A list, a line of numbers or a digit string, with the words before it on its line and the heading above."""

    tokens: tuple[str, ...]
    start: int
    end: int
    bracketed: bool
    before: str = ""
    heading: str = ""
    same_line: bool = False


def tidy(text: str) -> str:
    """Take the marks of Markdown and the comments of code away, and write one kind of quotes."""
    text = re.sub(r"```[a-zA-Z]*", "\n", text.replace("\r\n", "\n").replace("*", ""))
    text = text.replace("`", '"').replace("“", '"').replace("”", '"')
    return re.sub(r"""(?<=[\d,\[\]"'])[^\S\n]*+(?:#|//)[^\n]*+""", "", text)


def plain(name: str) -> str:
    """Return a name without case, spaces and underscores: equal for two spellings of one name."""
    return re.sub(r"[\s_]+", "", name.lower().replace("->", "→"))


def is_integer(token: str) -> bool:
    """Tell whether a token is an integer, of any length."""
    return re.fullmatch(r"-?[0-9]++", token) is not None


def lists(text: str, space: SearchSpace) -> Iterator[Statement]:
    """Find the lists, lines of numbers and digit strings that may be architectures or parts of one, in order.

    The text is one that `tidy` has been through. A list in running prose counts only where it has the whole length.
    """
    before: Statement | None = None
    for found in _joined(text, _in_context(text, _found(text, space)), len(space.decisions)):
        statement = _second(found, before) if found.same_line and before else None
        statement = statement or _labelled(found, len(space.decisions))
        if statement:
            yield statement
        before = statement


# --- lists, lines of numbers, digit strings


def _found(text: str, space: SearchSpace) -> Iterator[_List]:
    known, expected = _known_words(space), len(space.decisions)
    for match in _pattern(space).finditer(text):
        kind = match.lastgroup or ""
        if kind != "items" and not _alone(match):
            continue
        tokens = _tokens(kind, match[kind])
        if _may_be_options(tokens, known, expected):
            yield _List(tokens, match.start(), match.end(), kind == "items")


def _pattern(space: SearchSpace) -> re.Pattern[str]:
    kinds = [r"(?<!\w)[\[(](?P<items>[^\[\](){}]*+)[\])]", r"(?<![\w.-])(?P<line>-?[0-9]++(?:[,;| \t]++-?[0-9]++)++)"]
    if all(len(str(number)) == 1 for decision in space.decisions for number in decision.numbers):
        kinds.append(rf"(?<![\w.-])(?P<digits>[0-9]{{{len(space.decisions)}}})(?![\w%]|[.,][0-9])")
    return re.compile("|".join(kinds))


def _alone(match: re.Match[str]) -> bool:
    """Tell whether numbers without brackets end their line, or stand in quotes or, as a digit string, after a colon."""
    text, start, end = match.string, match.start(), match.end()
    first = text[max(0, start - 3) : start].strip()[-1:]
    if first in ('"', "'") and text[end : end + 1] == first:
        return True
    return (match.lastgroup == "digits" and first in (":", "=")) or _LINE_END.match(text, end) is not None


def _tokens(kind: str, found: str) -> tuple[str, ...]:
    if kind == "digits":
        return tuple(found)
    if kind == "line":
        return tuple(re.findall(r"-?[0-9]+", found))
    if "," not in found:
        return tuple(item.strip("\"'") for item in found.split())
    rows = (row.strip().removesuffix(",") for row in found.split("\n"))
    return tuple(item.strip(" \t\"'") for row in rows if row for item in row.split(","))


def _known_words(space: SearchSpace) -> frozenset[str]:
    numbers = (str(number) for decision in space.decisions for number in decision.numbers)
    return frozenset(chain(numbers, (plain(option) for decision in space.decisions for option in decision.options)))


def _may_be_options(tokens: tuple[str, ...], known: frozenset[str], expected: int) -> bool:
    """Tell a list of options, right or wrong, from accuracies, FLOPs, ranges and words in brackets."""
    unknown = [token for token in tokens if token not in known and plain(token) not in known]
    if any(re.match(r"[-+.]?[0-9]", token) and not is_integer(token) for token in unknown):
        return False
    if len(tokens) == expected and all(map(is_integer, unknown)):
        return True
    return 0 < len(tokens) >= 2 * len(unknown)


# --- what stands before a list and above it


def _in_context(text: str, found: Iterable[_List]) -> Iterator[_List]:
    end, heading = 0, ""
    for one in found:
        above, newline, one.before = text[end : one.start].rpartition("\n")
        heading = _heading(above, heading)
        one.heading, one.same_line = heading, not newline and end > 0
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
    run: list[_List] = []
    for one in found:
        joins = run and one.bracketed and run[-1].bracketed and expected not in (len(one.tokens), len(run[-1].tokens))
        if run and not (joins and not text[run[-1].end : one.start].strip(_GLUE)):
            yield _run(run)
            run = []
        run.append(one)
    if run:
        yield _run(run)


def _run(run: list[_List]) -> _List:
    first = run[0]
    if len(run) > 1:
        first.tokens, first.end = tuple(chain.from_iterable(one.tokens for one in run)), run[-1].end
    return first


def _labelled(found: _List, expected: int) -> Statement | None:
    """Make a statement of a list: of the whole, or of the part that its label names."""
    whole = len(found.tokens) == expected
    stated = _is_label(found.before)
    if not (stated or found.bracketed) or _names_a_quantity(found.before if found.before.strip(_GLUE) else found.heading):
        return None
    start = found.start - len(found.before) if stated else found.start
    series, place = (None, 0) if whole or not stated else _series(found)
    past = _is_past(found.before) or (stated and _is_past(found.heading))
    return Statement(found.tokens, start, found.end, series, place, past)


def _is_label(before: str) -> bool:
    """Tell the label of a list ("Stage 3 (layers 2 to 7):", a bullet, nothing) from running prose."""
    words = re.sub(r"\([^()]*\)", "", before[-200:]).rstrip(" \t\"'[(")
    if not words.strip(_GLUE + '"|>') or words[-1] in ":=|→>-–—":
        return True
    return len(words.split()) <= 3 and _PAIR.search(words) is not None


def _series(found: _List) -> tuple[str | None, int]:
    before = re.sub(r"^\W*[0-9]+[.)](?=\s)", "", found.before[-200:])
    pair = _PAIR.search(before) or _PAIR.search(found.heading[:200])
    return (pair[1].lower().removesuffix("s"), int(pair[2])) if pair else (None, 0)


def _second(found: _List, first: Statement) -> Statement | None:
    """Read a list that follows one with a label on the same line: "Stage 3: [1, 0] → [1, 1]".

    Without an arrow or a label of its own it is not clear which of the two is meant.
    """
    if first.series is None or _PAIR.search(found.before) or found.tokens == first.tokens:
        return None
    own = _ARROW.search(found.before) or re.search(r"^\W*\w[^(]*[:=]\s*$", found.before[:200])
    tokens = found.tokens if own else ()
    return Statement(tokens, found.start, found.end, first.series, first.place, _is_past(found.before))


def _is_past(label: str) -> bool:
    """Tell a short label, or one in parentheses, that says that this was before."""
    pieces = re.findall(r"[^(),.:;=]+", label[-200:])
    words = (re.findall(r"[^\W\d_]+", piece.lower()) for piece in pieces)
    return any(len(piece) <= 3 and not _PAST.isdisjoint(piece) for piece in words)


def _names_a_quantity(label: str) -> bool:
    """Tell whether numbers stand under the name of something measured: "FLOPs per layer:"."""
    words = re.findall(r"[^\W\d_]+", re.sub(r"\([^()]*\)", "", label[-200:].lower()))
    head = next((words[at - 1] for at, word in enumerate(words) if at and word in ("per", "of", "for")), words[-1:])
    return head in _QUANTITIES if isinstance(head, str) else not _QUANTITIES.isdisjoint(head)
