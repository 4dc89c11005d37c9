"""Read a language model's free-text reply: tolerant of how an architecture is written, never guessing which is meant.

What a reply states is found in order (`reply_lists`), put together as it would be read by a person, and the last
complete architecture is checked. The rules:

- A list of the whole length counts wherever it stands; of several the last one counts, also where it is out of range.
- Lists under numbered labels ("Stage 1: [1, 0]", "Stage 2: [2, 2]") make up a whole together, as do values under the
  names of all decisions. Under the names of all the space's stages, each list must have its stage's length. What is
  given later under the same label counts, unless it is labelled as what was before. In running prose ("the
  pattern [1, 0] in stage 1 is cheap") a part is only talked about and does not count.
- Lists one after the other without labels, or nested, make up a whole if their length is the whole length.
- What follows a complete architecture must be complete too, a part that is under a known label, or agree with it.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain

from ..spaces.space import Architecture, BadArchitecture, Decision, SearchSpace
from .reply_lists import DECISIONS, Statement, is_integer, lists, named, option_number

RATIONALE_LENGTH = 500
READ_LENGTH = 50_000
"""Of a longer reply only the lines in its last characters are read: the answer that counts is the last one."""

_REASONS = ("reason", "rationale", "reasoning", "explanation", "justification", "thoughts", "analysis")
_NOTHING = ("-",)
_LONE_DASH = re.compile(
    r"^[^\S\n]*+(?:[-•#>][^\S\n]++)?(?P<label>\"?(?:final )?(?:architecture|answer)\"? ?[:=][^\S\n]*+)?"
    r"[\"']?[-–—][\"']?\.?[^\S\n]*+$",
    re.IGNORECASE | re.MULTILINE,
)


class UnreadableReply(ValueError):
    """A reply that gives no architecture of the space; the message states the rule and the value."""


@dataclass(frozen=True)
class Reading:
    """What a reply says: an architecture, or None where it says that nothing better is left; and why."""

    architecture: Architecture | None
    rationale: str


def read_reply(text: str, space: SearchSpace) -> Reading:
    """Read the architecture that a reply proposes, or a lone `-` where it proposes none.

    Raises: UnreadableReply, with the rule broken or with what is ambiguous.
    """
    text, reason = _unwrapped(text)
    text = _tidy(_end(text))
    stated = sorted(chain(lists(text, space), named(text, space), _dashes(text)), key=lambda one: one.start)
    draft = _Draft(space)
    for statement in stated:
        draft.take(statement)
    answer = draft.complete()
    architecture = None if answer == _NOTHING else _architecture(answer, space)
    return Reading(architecture, reason or _rationale(text, stated))


# --- JSON, the lone dash, the rationale


def _unwrapped(text: str) -> tuple[str, str]:
    """Split a reply with a JSON object into the text to read and the reason, which is no place to look for answers."""
    start, end = text.find("{"), text.rfind("}") + 1
    if not 0 <= start < end:
        return text, ""
    try:
        value: object = json.loads(text[start:end], object_pairs_hook=_object)
        if not isinstance(value, dict):
            return text, ""
        reasons = [value.pop(key) for key in list(value) if key.lower() in _REASONS]
        answer = next((value[key] for key in value if key.lower() == "architecture"), value)
        written = answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
    except UnreadableReply:
        raise
    except (ValueError, RecursionError):  # not JSON, or more than Python's own limits of nesting and digits
        return text, ""
    label = "" if isinstance(answer, dict) else "architecture: "
    return f"{text[:start]}\n{label}{written}\n{text[end:]}", _bounded(str(*reasons[:1]), RATIONALE_LENGTH)


def _end(text: str) -> str:
    return text if len(text) <= READ_LENGTH else text[-READ_LENGTH:].partition("\n")[2]


def _tidy(text: str) -> str:
    """Take away Markdown's marks, comments of code and what cannot be seen; write one kind of quotes and of spaces."""
    text = re.sub(r"[\x00-\x08\x0b-\x1f\x7f\u200b-\u200f\ufeff]", "", text.replace("*", "")).replace("\xa0", " ")
    text = re.sub(r"```[a-zA-Z]*", "\n", text).replace("`", '"').replace("“", '"').replace("”", '"')
    return re.sub(r"""(?<=[\d,\[\]"'])[^\S\n]*+(?:#|//)[^\n]*+""", "", text)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made: dict[str, object] = {}
    for key, value in pairs:
        if key in made and made[key] != value:
            raise UnreadableReply(f"{_short(key)} is given twice, as {_short(made[key])} and as {_short(value)}")
        made[key] = value
    return made


def _dashes(text: str) -> Iterator[Statement]:
    """Find the answer "nothing better is left": a dash alone on the last line, or on any line after a label."""
    last = len(text.rstrip())
    for match in _LONE_DASH.finditer(text):
        if match["label"] or match.end() >= last:
            yield Statement(_NOTHING, match.start(), match.end())


def _rationale(text: str, stated: Iterable[Statement]) -> str:
    kept, end = [], 0
    for statement in stated:
        kept.append(text[end : statement.start])
        end = max(end, statement.end)
    return _bounded("".join([*kept, text[end:]]), RATIONALE_LENGTH)


def _bounded(text: str, length: int) -> str:
    """Collapse whitespace, drop lone marks, cut; what no file can hold (half a surrogate) becomes a question mark."""
    kept = (word for word in text[: 10 * length].split() if word.strip("[](){},;\"'|-•"))
    words = " ".join(kept).encode(errors="replace").decode()
    return words if len(words) <= length else words[: length - 1] + "…"


def _short(value: object) -> str:
    return _bounded(str(value), 100)


# --- the architecture


@dataclass
class _Draft:
    """The architecture as it stands after each statement.

    - `answer`: the last complete one; `source` is the series that it was put together from, if it was.
    - `series`: the latest list under each label, by the label's word and number, since the last whole list.
    - `loose`: what was said after `answer` and does not make another one.
    """

    space: SearchSpace
    answer: tuple[str, ...] | None = None
    source: str | None = None
    series: dict[str, dict[int, tuple[str, ...]]] = field(default_factory=dict)
    lengths: dict[str, int] = field(default_factory=dict)
    loose: list[Statement] = field(default_factory=list)
    aside: Statement | None = None

    @property
    def expected(self) -> int:
        return len(self.space.decisions)

    def take(self, statement: Statement) -> None:
        """Go on with what is said next."""
        if statement.background and self.answer:
            return
        if statement.series is not None:
            self._take_part(statement, statement.series)
        elif len(statement.tokens) == self.expected or statement.tokens == _NOTHING:
            self.answer, self.source, self.loose = statement.tokens, None, []
            self._forget_series()
        elif 2 * len(statement.tokens) > self.expected and not self._lists_options(statement):
            self.loose.append(statement)
            self._forget_series()
        else:
            self.aside = statement

    def _take_part(self, statement: Statement, series: str) -> None:
        parts = self.series.setdefault(series, {})
        if statement.background and statement.place in parts:
            return
        change = len(statement.tokens) - len(parts.get(statement.place, ()))
        self.lengths[series] = self.lengths.get(series, 0) + change
        parts[statement.place] = statement.tokens
        complete = self.lengths[series] == self.expected and len(parts) <= self.expected and all(parts.values())
        if complete and not self._misfit(series):
            self.answer, self.source, self.loose = self._series_tokens(series), series, []
        else:
            self.loose.append(statement)

    def _misfit(self, series: str) -> str | None:
        """Say which stage of the space is given too many or too few numbers, where a reply goes stage by stage."""
        sizes = Counter(decision.stage for decision in self.space.decisions)
        named = {f"{series} {place}": tokens for place, tokens in sorted(self.series[series].items())}
        for stage, tokens in named.items() if named.keys() == sizes.keys() else ():
            if len(tokens) != sizes[stage]:
                return f"{stage} takes {sizes[stage]} numbers, got {len(tokens)}: {_listed(tokens)}"
        return None

    def _series_tokens(self, series: str) -> tuple[str, ...]:
        return tuple(chain.from_iterable(tokens for _, tokens in sorted(self.series[series].items())))

    def _forget_series(self) -> None:
        self.series, self.lengths = {}, {}

    def _lists_options(self, statement: Statement) -> bool:
        return any(statement.tokens == tuple(map(str, decision.numbers)) for decision in self.space.decisions)

    def complete(self) -> tuple[str, ...]:
        """Return the last complete architecture as it was written.

        Raises: UnreadableReply where there is none, or where something after it might change it.
        """
        for statement in reversed(self.loose):
            if self.answer is None or not self._agrees(statement):
                raise UnreadableReply(self._problem(statement))
        if self.answer is not None:
            return self.answer
        if self.aside:
            raise UnreadableReply(self._wrong_length(self.aside.tokens))
        raise UnreadableReply(f"no architecture found: expected a list of {self.expected} numbers")

    def _problem(self, statement: Statement) -> str:
        series, place = statement.series, statement.place
        if series is None:
            return self._wrong_length(statement.tokens)
        unclear = [at for at, tokens in self.series[series].items() if not tokens]
        if unclear:
            return f"{series} {unclear[0]} is given twice on one line, and it is not said which counts"
        if series == DECISIONS and self.answer is None:
            missing = (d.name for at, d in enumerate(self.space.decisions) if at not in self.series[series])
            return f"no value is given for {_short(', '.join(missing))}"
        if self.answer is None:
            return self._misfit(series) or self._wrong_length(self._series_tokens(series))
        label = self.space.decisions[place].name if series == DECISIONS else f"{series} {place}"
        return f"{label} is given once more after the whole architecture, as {_listed(statement.tokens)}"

    def _wrong_length(self, tokens: tuple[str, ...]) -> str:
        return f"expected {self.expected} numbers, got {len(tokens)}: {_listed(tokens)}"

    def _agrees(self, statement: Statement) -> bool:
        """Tell whether what is said after the answer only repeats a part of it."""
        if self.answer in (None, _NOTHING) or statement.series in (None, self.source) or not statement.tokens:
            return False
        latest = self.expected - len(statement.tokens)
        places = (statement.place,) if statement.series == DECISIONS else range(latest + 1)
        return any(self._repeats(statement.tokens, place) for place in places)

    def _repeats(self, tokens: tuple[str, ...], place: int) -> bool:
        known = (self.answer or ())[place : place + len(tokens)]
        decisions = self.space.decisions[place : place + len(tokens)]
        return list(map(_canonical, tokens, decisions)) == list(map(_canonical, known, decisions))


def _canonical(token: str, decision: Decision) -> str:
    number = option_number(token, decision)
    return token if number is None else str(number)


def _architecture(answer: Iterable[str], space: SearchSpace) -> Architecture:
    try:
        return space.check(tuple(map(_number, answer, space.decisions)))
    except BadArchitecture as error:
        raise UnreadableReply(str(error)) from error


def _number(token: str, decision: Decision) -> int:
    if is_integer(token) and len(token) < 20:
        return int(token)
    number = option_number(token, decision)
    if number is None:
        low, high = decision.numbers[0], decision.numbers[-1]
        raise UnreadableReply(f"{decision.name} takes a number from {low} to {high}, got {_short(token)}")
    return number


def _listed(tokens: tuple[str, ...]) -> str:
    return f"[{_short(', '.join(_short(token) for token in tokens[:100]))}]"
