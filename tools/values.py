"""The values of a reply: in a space that goes by values, each becomes a mark that stands for its option number.

`@3` is the option numbered 3, `@3~0.0031` the level nearest to a number that is none. A mark can be read again, so that
a text may be rewritten in several steps.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from ..spaces.decision import Decision, number_near
from ..spaces.space import SearchSpace

UNKNOWN = "?"
"""Begins an item where a text gives no option for a decision, or not one: the given value follows."""

_MARK = re.compile(r"@(\d{1,6})(?:~([-+.\w]{1,100}))?")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?", re.I)
_TRIED = 200  # places of a text at which JSON is looked for
_DECODER = json.JSONDecoder(object_pairs_hook=lambda pairs: _Pairs(pairs))


class _Pairs(list[tuple[str, object]]):
    """A JSON object as its pairs: a key may be there twice."""


def plain_name(name: str) -> str:
    """Return a name without case, spaces and underscores: equal for two spellings of one name."""
    return re.sub(r"[\s_-]+", "", name.lower().replace("->", "→").replace("×", "x"))


def part_of(written: str, decision: Decision) -> int | None:
    """Return the option whose name, or the beginning of a word in it, is written, if it can be no other."""
    numbered = list(zip(decision.names, decision.numbers, strict=True))
    spelled, begin = plain_name(written), re.compile(r"(?<![^\W_])[^\W_]")
    found = [number for name, number in numbered if plain_name(name) == spelled] or [
        number
        for name, number in numbered
        if len(spelled) > 1 and any(plain_name(name[at.start() :]).startswith(spelled) for at in begin.finditer(name))
    ]
    return found[0] if len(found) == 1 else None


def mark_of(written: str, decision: Decision) -> str | None:
    """Return the mark of the option that a text stands for; None where there is none."""
    if known := number_marked(written, decision):
        return None if known[0] is None else written
    if written in decision.names:
        return f"@{decision.first + decision.names.index(written)}"
    if _NUMBER.fullmatch(written) and (mark := _mark_of_number(float(written), written, decision)):
        return mark
    number = part_of("None" if written.lower() == "null" else written, decision)
    return None if number is None else f"@{number}"


def _mark_of_number(value: float, written: str, decision: Decision) -> str | None:
    if (near := number_near(value, decision)) is None:
        return None
    return f"@{near[0]}" if near[1] else f"@{near[0]}~{written}"


def number_marked(item: str, decision: Decision) -> tuple[int | None, str] | None:
    """Return the option number of a mark, None for one that the decision does not have, and the number that was taken
    to it; None for an item that is no mark."""
    if (mark := _MARK.fullmatch(item)) is None:
        return None
    return (int(mark[1]) if int(mark[1]) in decision.numbers else None), mark[2] or ""


def is_value(item: str) -> bool:
    """Tell a mark or a number from prose."""
    return bool(_MARK.fullmatch(item) or _NUMBER.fullmatch(item))


def _item_of(value: object, decision: Decision) -> str:
    """Return the mark of a JSON value; a value that has none is written as text that breaks no list."""
    if isinstance(value, float | int) and not isinstance(value, bool):
        written = repr(value)
        mark = mark_of(written, decision) if len(written) <= 100 else None
    else:
        written = value if isinstance(value, str) else str(value)
        mark = mark_of(written, decision)
    return mark or f"{UNKNOWN}{re.sub(r'[^ -Z^-~]|[@,;]', ' ', written[:100])}"


def objects_as_lists(text: str, space: SearchSpace) -> str:
    """Write the JSON objects of a text that give decisions by name, and the JSON lists of all, as lists of marks."""
    places = {plain_name(decision.name): at for at, decision in enumerate(space.decisions)}
    written, end = [], 0
    for at in list(re.finditer(r"[{\[]", text))[:_TRIED]:
        if at.start() < end:
            continue
        try:
            value, stop = _DECODER.raw_decode(text, at.start())
        except (ValueError, RecursionError):
            continue
        if (items := _items_of(value, places, space)) is not None:
            written += [text[end : at.start()], f"[{', '.join(items)}]"]
            end = stop
    return "".join([*written, text[end:]])


def _items_of(value: object, places: Mapping[str, int], space: SearchSpace) -> list[str] | None:
    if isinstance(value, _Pairs):
        return _items_of_object(value, places, space)
    if isinstance(value, list) and len(value) == len(space.decisions):
        return [_item_of(item, decision) for item, decision in zip(value, space.decisions, strict=True)]
    return None


def _items_of_object(pairs: _Pairs, places: Mapping[str, int], space: SearchSpace) -> list[str] | None:
    items: dict[int, str] = {}
    for key, value in pairs:
        if (at := places.get(plain_name(key))) is not None:
            item = _item_of(value, space.decisions[at])
            items[at] = item if items.get(at, item) == item else f"{UNKNOWN}two values"
    return [items.get(at, UNKNOWN) for at in range(len(space.decisions))] if items else None


def names_a_decision(keys: Sequence[str], space: SearchSpace) -> bool:
    """Tell whether a JSON object gives decisions by name, beside one that may be named `architecture` itself."""
    known = {plain_name(decision.name) for decision in space.decisions} - {"architecture"}
    return not known.isdisjoint(map(plain_name, keys))


def settled_items(items: Sequence[str], space: SearchSpace) -> list[str]:
    """Return the items of a list with the first option in each hidden decision, in place of any other."""
    found, hidden, conditions = list(items), set[int](), space.conditions
    for at in conditions.order:
        parent = conditions.parents.get(at)
        if parent is None:
            continue
        known = number_marked(found[parent], space.decisions[parent])
        if parent in hidden or (known and known[0] is not None and at not in conditions.shown_by(parent, known[0])):
            hidden.add(at)
            found[at] = f"@{space.decisions[at].first}"
    return found


def rounded_values(items: Sequence[str], space: SearchSpace) -> Iterator[str]:
    """Say which numbers were taken to the nearest level: `lr 0.003 to 0.003162`."""
    for item, decision in zip(items, space.decisions, strict=True):
        number, given = number_marked(item, decision) or (None, "")
        if number is not None and given:
            yield f"{decision.name} {given} to {decision.names[number - decision.first]}"
