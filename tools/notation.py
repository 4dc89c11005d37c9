"""The notations of an architecture in a text, each rewritten as a plain list in square brackets.

The notations are lists in any brackets, nested or with comments; lines and cells of numbers; strings of digits; options
under the names of decisions and stages; and NAS-Bench-201's own. Options are numbers, names, parts of names or counts.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import groupby, zip_longest

from ..spaces.decision import Decision
from ..spaces.space import SearchSpace
from .values import UNKNOWN, is_value, mark_of, objects_as_lists, part_of, plain_name, settled_items

LIST = r"\[[^\[\]]*+\]"
_MARKS = " \t\n\"'`*_$.:"
_CELL = re.compile(r"\|(\w{1,40})~0\|\+\|(\w{1,40})~0\|(\w{1,40})~1\|\+\|(\w{1,40})~0\|(\w{1,40})~1\|(\w{1,40})~2\|")
_COMMENT = r"(?:[#]|//)[^\n]{0,120}+(?=\n)|/\*[^*]{0,120}+\*/"
_IN_BRACKETS = rf"[\[({{](?P<inside>(?:[^\[\](){{}}\#/]++|{_COMMENT}|/){{0,99}}+)[\])}}]"
_IN_NONE = r"(?P<before>(?:LABEL|^|\|)[^\w\n\[({-]{0,20}+)(?P<line>[\w-][^\n\[\](){}:=>|]{0,2000}+)(?=\||$)"
_NAMED = (  # a line's beginning or a mark, bullets, numbering; the name; remarks; a sign; the options given
    r"(?:^|(?<=[:,;{|(>]))[^\w\n]{0,12}+(?:\d\d?[.)][^\w\n]{1,8})?(?P<name>(?:NAMES)(?![\w→])|\d{1,3}(?=\s?\|))"
    r"(?P<about>[^\w\n:=|]{0,6}(?:\([^()\n]{0,80}\)[^\w\n:=|]{0,6})?)(?:[:=|]|->|→|-(?=\s?\[)|\n(?=\s{0,9}\[))"
    r"(?:[^\n:=\[\](){},|]{1,40}:(?=\s?\[))?\s{0,9}(?:(?:option|operation|op)\s(?=\d))?"
    r"(?=(?P<given>LIST|[^\n;|{}\[\]]{1,300}+))"
)
_ADJACENT = re.compile(rf"(?P<nested>[\[({{]\s*)?{LIST}(?:[\s,;+\[\](){{}}•*-]*{LIST})+")


def as_lists(text: str, space: SearchSpace, label: str) -> str:
    """Rewrite every notation of an architecture as a list in square brackets, with `UNKNOWN` for missing options.

    A list without brackets has a line or a table's cell to itself, or follows a match of the pattern `label`.
    """
    lists = re.compile(f"{_IN_BRACKETS}|{_IN_NONE.replace('LABEL', label)}", re.I | re.M | re.X)
    text = objects_as_lists(text, space) if space.by_value else _CELL.sub(r"[\1, \2, \3, \4, \5, \6]", text)
    text = lists.sub(lambda match: _listed(match, space), text)
    text = "".join(_named(text, space))
    return _ADJACENT.sub(lambda match: _joined(match, space), text)


def _listed(match: re.Match[str], space: SearchSpace) -> str:
    """Rewrite a list in any brackets or in none, or a string of digits, as a plain list; leave prose unchanged."""
    text = re.sub(_COMMENT, "\n", match["inside"] or match["line"] or "")
    digits = text.strip(_MARKS)
    single = not space.by_value and all(decision.numbers[-1] < 10 for decision in space.decisions)
    if single and match[0][0] != "[" and len(digits) == len(space.decisions) and digits.isdecimal():
        text = ",".join(digits)
    options = options_of(text, space)
    if match[0][0] == "[" or is_list(options, space):
        return f"{match['before'] or ''}[{', '.join(options)}]"
    return match[0]


def _joined(match: re.Match[str], space: SearchSpace) -> str:
    """Join nested lists, or adjacent lists, into one; adjacent lists that are complete stay separate."""
    parts = [_items(part, space.by_value) for part in re.findall(LIST, match[0])]
    if not match["nested"] and any(len(part) == len(space.decisions) for part in parts):
        return match[0]
    return f"[{', '.join(item for part in parts for item in part)}]"


def _named(text: str, space: SearchSpace) -> Iterator[str]:
    """Rewrite the options under the names of decisions and stages as lists, with a `?` for missing options."""
    names, size = _names(space), len(space.decisions)
    options = [UNKNOWN] * size
    end = start = stop = upto = 0  # the text's end that was written; the list's start and stop; its last decision
    for match in _pattern(names).finditer(text):
        at = names.get(plain_name(match["name"]), range(0))
        items, length = _given(match["given"], space.decisions[at.start : at.stop], space.by_value)
        if not items or (match["name"].isdecimal() and len(items) != len(at)):
            continue
        if len(items) != len(at):
            items = [f"{UNKNOWN}{len(items)} numbers for {match['name']}"] * len(at)
        revised = re.search(r"revised|adjusted|updated|modified|corrected", match["about"], re.I)
        clash = [place for place, item in zip(at, items, strict=True) if options[place] not in (UNKNOWN, item)]
        far = at.start != upto and re.compile(r"\n[^\S\n]*\n[^\w\n]*\w").search(text, stop, match.start())
        if stop > end and not revised and (far or (clash and UNKNOWN not in options)):
            yield from (text[end:start], f"[{', '.join(options)}]")
            options, end, clash = [UNKNOWN] * size, stop, []
        start = start if stop > end else match.start()
        for place, item in zip(at, items, strict=True):
            options[place] = f"{UNKNOWN}{options[place]} and {item}" if place in clash and not revised else item
        options += [] if at else [f"{UNKNOWN}{match['name']}"]  # "stage 6" of five
        stop, upto = match.start("given") + length, at.stop
    if stop > end:
        yield from (text[end:start], f"[{', '.join(options)}]")
    yield text[max(stop, end) :]


def _names(space: SearchSpace) -> dict[str, range]:
    """Map plain names of decisions and stages to places of decisions; a number at a row's start means its stage."""
    names = {decision.name: range(at, at + 1) for at, decision in enumerate(space.decisions)}
    short_names = {name.partition(" ")[2]: at for name, at in names.items()}
    if len(short_names) == len(names) and not any(name.isdecimal() for name in short_names):
        names |= short_names  # "0→1" of "edge 0→1"
    for stage, places in groupby(range(len(space.decisions)), key=lambda at: space.decisions[at].stage):
        first, *rest = places
        at = range(first, first + 1 + len(rest))
        names |= {stage: at, re.sub(r"\D", "", stage): at}
    found = {plain_name(name): at for name, at in names.items() if name}
    if space.by_value:
        found.pop("architecture", None)  # it begins the line that declares all of them
    return found


def _pattern(names: Iterable[str]) -> re.Pattern[str]:
    """Compile the pattern of options under one of the names, or under a similar one, such as "stage 6" of five."""
    words = sorted((name for name in names if not name.isdecimal()), key=len, reverse=True)
    spelled = ["[ _-]?".join(map(re.escape, word)).replace("→", "(?:→|->)") for word in words]
    like = [rf"{re.escape(word)}[ _-]?\d{{1,3}}" for word in {re.split(r"\d", word)[0] for word in words} if word]
    return re.compile(_NAMED.replace("NAMES", "|".join(spelled + like)).replace("LIST", LIST), re.I | re.M)


def _given(text: str, decisions: Sequence[Decision], by_value: bool) -> tuple[list[str], int]:
    """Return the options behind a name, and the length of their text; no options where it is prose."""
    items = _items(text, by_value)
    if len(decisions) == 1 and text[0] != "[":
        text = re.split(r"[,(]|\s[-–—]\s", text, maxsplit=1)[0]
        items = [_unmarked(text, by_value)]
    known = [_known(item, decision, by_value) for item, decision in zip(items, decisions, strict=False)]
    pairs = zip_longest(items, known)
    prose = any(option is None and not _is_number(item, by_value) for item, option in pairs)
    return ([] if prose else items), len(text)


def _items(text: str, by_value: bool) -> list[str]:
    parts = re.split(r"[,;\n]" if re.search("[,;]", text) else r"\s", text.strip("[]"))
    return [item[:400] for part in parts if (item := _unmarked(part, by_value))]


def _unmarked(item: str, by_value: bool) -> str:
    """Return an item without the marks around it; before a value a point is the number's."""
    return item.strip(_MARKS.replace(".", "")).rstrip(_MARKS) if by_value else item.strip(_MARKS)


def _known(item: str, decision: Decision, by_value: bool) -> str | None:
    """Return an item as an option's number, or as its mark in a space by value; None where it stands for none."""
    if by_value:
        return mark_of(item, decision)
    number = number_of(item, decision)
    return None if number is None else str(number)


def _is_number(item: str, by_value: bool) -> bool:
    return is_value(item) if by_value else item.lstrip("-").isdecimal()


def options_of(text: str, space: SearchSpace) -> list[str]:
    """Return the items of a list; in a complete one, option numbers or marks replace the names of options."""
    items = _items(text, space.by_value)
    if len(items) != len(space.decisions):
        return items
    pairs = zip(items, space.decisions, strict=True)
    found = [_known(item, decision, space.by_value) or item for item, decision in pairs]
    return settled_items(found, space) if space.conditions else found


def is_list(options: Sequence[str], space: SearchSpace) -> bool:
    """Tell a list from prose: it has numbers alone, or is complete with half of its items numbers, or has a `?`."""
    if is_partial(options):
        return True
    count = sum(_is_number(option, space.by_value) for option in options)
    return 2 * count >= len(options) if len(options) == len(space.decisions) else count == len(options) > 1


def is_partial(options: Sequence[str]) -> bool:
    """Tell whether an option is missing or ambiguous."""
    return any(option.startswith(UNKNOWN) for option in options)


@lru_cache(4096)
def number_of(written: str, decision: Decision) -> int | None:
    """Return the number of the option meant by a number, a count, a name or a part of one; None where ambiguous."""
    if re.fullmatch(r"-?\d{1,9}", written):
        numbered = zip(decision.names, decision.numbers, strict=True)
        counts = {int(count[0]): number for name, number in numbered if (count := re.match(r"\d{1,9}", name))}
        clear = len(counts) == len(decision.names) and not counts.keys() & set(decision.numbers)
        return int(written) if int(written) in decision.numbers else counts.get(int(written)) if clear else None
    return part_of(written, decision)
