"""Where a text states accuracies: "an accuracy of 72.61%", "accuracy: 0.7261", "72.61 top-1", "it reaches 72.61 %".

A number is an accuracy where that is the quantity that its sentence names for it. FLOPs, top-5 and training accuracies,
differences ("0.3% better") and bounds ("more than 75%") are none.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

_SENTENCE_END = re.compile(r"\n|(?<!\bacc)(?<!\bvs)(?<!\bapprox)[.!?;](?=\s|\Z)", re.IGNORECASE)
_NUMBER = re.compile(
    r"(?<![\w.,@/±+-])(?:(?P<percent>[0-9]{1,3}(?:\.[0-9]++)?)\s?(?:%|percent\b)"
    r"|(?P<bare>[0-9]?\.[0-9]++|[0-9]{2}(?:\.[0-9]++)?|100)(?![\w%]|[.,][0-9]))"
)
_NAME = re.compile(
    r"(?<![^\W_])(?:(?P<accuracy>(?!top[- ]?1 err)(?:accurac\w+|acc@1|acc|top[- ]?1))|top[- ]?5(?: accurac\w+)?|acc@5"
    r"|train(?:ing)?[-_ ]acc\w*|flops?|macs|param\w*|latency|loss|error|budget|size|memory|dropout|sparsity|rate"
    r"|constraint|limit)\b",
    re.IGNORECASE,
)
"""What a number may be of; `accuracy` is top-1."""

_REACHED = re.compile(
    r"(?:\b(?:reach|achiev|attain|obtain|scor|g[oe]t|g[ai]ve|yield)\w*+[^,:(]*+|[\])][^\w\n]*+)\Z", re.IGNORECASE
)  # also a list right before it: "[1, 0, 2]: 72.61%"
_JOINED = re.compile(
    r"(?:[^\w\n\[]|\b(?:of|is|was|now|at|be|been|has|about|approximately|around|roughly|reached|reaches|equals)\b)*+",
    re.IGNORECASE,
)
_UNIT = re.compile(
    r"\s*+(?!(?:for|on|with|after|in|and|by|which|but|from|using|is|as|when|while|acc\w*|top)\b|\w++\s*+[:=])[a-z]",
    re.IGNORECASE,
)
_STEP = re.compile(r"\s*+(?:from|to|→|->)\s*+", re.IGNORECASE)
_BOUND = re.compile(
    r"(?:\b(?:than|least|most|above|over|below|under|beyond|by|within|from|exceed\w*|beat\w*|surpass\w*|outperform\w*)"
    r"|±|\+/-)(?:\s++\w++)?\s*+\Z",
    re.IGNORECASE,
)
_DIFFERENCE = re.compile(
    r"\s*+(?:points?\b|more\b|less\b|higher\b|lower\b|better\b|worse\b|gain|drop|improve|increase|decrease"
    r"|of\b(?! (?:acc|top)))",
    re.IGNORECASE,
)
_NEARBY = 120  # characters before a number in which it may be named


@dataclass(frozen=True)
class Stated:
    """An accuracy in percent, and where in the text. `said` is what its sentence says before it."""

    accuracy: Decimal
    start: int
    end: int
    said: str


def accuracies(text: str) -> Iterator[Stated]:
    """Find the accuracies that a text states, in order."""
    start = 0
    for end in (*(match.end() for match in _SENTENCE_END.finditer(text)), len(text)):
        yield from _in_sentence(text[start:end], start)
        start = end


def sentence_end(text: str) -> int:
    """Return where the first sentence of a text ends; a line does as well."""
    match = _SENTENCE_END.search(text)
    return match.start() if match else len(text)


def _in_sentence(sentence: str, offset: int) -> Iterator[Stated]:
    numbers = list(_NUMBER.finditer(sentence))
    bounds = [*(number.start() for number in numbers), len(sentence)]
    begin, named = 0, False  # where the words for a number begin; whether the number before them is an accuracy
    for number, end in zip(numbers, bounds[1:], strict=True):
        nearby = max(begin, number.start() - _NEARBY)
        before, after = sentence[nearby : number.start()], sentence[number.end() : end]
        if named and _STEP.fullmatch(before):
            begin = number.end()
        elif (name := _name(number, before, after)) is not None:
            named, begin = name[0], number.end() + name[1]
        else:
            continue
        value = _percent(number)
        if named and value <= 100 and not _BOUND.search(before) and not _DIFFERENCE.match(after):
            yield Stated(value, offset + number.start(), offset + number.end(), sentence[: number.start()])


def _name(number: re.Match[str], before: str, after: str) -> tuple[bool, int] | None:
    """Tell whether a number is named an accuracy or something else, and how far behind it its name reaches.

    The last name before it counts, else the first behind it, else that it was reached; None without any. A
    number without a percent sign must be named right beside it.
    """
    bare = number["bare"] is not None
    if bare and _UNIT.match(after):
        return None
    earlier = list(_NAME.finditer(before))[-1:]
    if earlier and earlier[0]["accuracy"] and (not bare or _JOINED.fullmatch(before[earlier[0].end() :])):
        return True, 0
    if behind := _name_behind(after, close=bare or bool(earlier)):
        return behind["accuracy"] is not None, behind.end()
    if earlier and not bare:
        return False, 0
    return (True, 0) if not bare and _REACHED.search(before) else None


def _name_behind(after: str, *, close: bool) -> re.Match[str] | None:
    """Return the first name behind a number: right behind it, or else before the next comma."""
    name = _NAME.search(after)
    gap = after[: name.start()] if name else ""
    return None if (gap.strip() if close else set(gap) & set(",;:")) else name


def _percent(number: re.Match[str]) -> Decimal:
    if number["percent"]:
        return Decimal(number["percent"])
    value = Decimal(number["bare"])
    return value.scaleb(2) if value <= 1 else value
