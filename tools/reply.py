"""Read a language model's free-text reply: tolerant of how an architecture is written, never guessing which is meant.

What a reply states is found in order (`reply_lists`), put together as it would be read by a person, and the last
complete architecture is checked. The rules:

- A list of the whole length counts wherever it stands; of several the last one counts, also where it is out of range.
- Lists under numbered labels ("Stage 1: [1, 0]", "Stage 2: [2, 2]") make up a whole together, as do values under the
  names of all decisions. What is given later under the same label counts, unless it is labelled as what was before.
- Lists one after the other without labels, or nested, make up a whole if their length is the whole length.
- What follows a complete architecture must be complete too, a part that is under a known label, or agree with it.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain

from ..spaces.space import Architecture, BadArchitecture, Decision, SearchSpace
from .reply_lists import DECISIONS, Statement, is_integer, lists, named, option_number, tidy

RATIONALE_LENGTH = 500
_REASONS = ("reason", "rationale", "reasoning", "explanation", "justification", "thoughts", "analysis")
_LONE_DASH = re.compile(
    r"^[^\S\n]*+(?:[-•#>][^\S\n]*+)?(?P<label>\"?(?:final\s)?(?:architecture|answer)\"?\s?[:=][^\S\n]*+)?[\"']?[-–—][\"']?\.?[^\S\n]*+$",
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
    text, reason = _unwrap(text)
    text = tidy(text)
    stated = sorted(chain(lists(text, space), named(text, space)), key=lambda statement: statement.start)
    dash = _lone_dash(text, after=stated[-1].end if stated else 0)
    if dash:
        return Reading(None, reason or _without(text, [dash]))
    draft = _Draft(space)
    for statement in stated:
        draft.take(statement)
    architecture = _checked(draft.complete(), space)
    return Reading(architecture, reason or _without(text, [(one.start, one.end) for one in stated]))


# --- JSON, the lone dash, the rationale


def _unwrap(text: str) -> tuple[str, str]:
    """Split a reply with a JSON object into the text to read and the reason, whose lists are none of the answer."""
    start, end = text.find("{"), text.rfind("}") + 1
    try:
        value = json.loads(text[start:end], object_pairs_hook=_object) if 0 <= start < end else None
    except UnreadableReply:
        raise
    except (ValueError, RecursionError):
        return text, ""
    if not isinstance(value, dict):
        return text, ""
    reason = next((value.pop(key) for key in list(value) if key.lower() in _REASONS), "")
    answer = next((value[key] for key in value if key.lower() == "architecture"), value)
    written = answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
    return f"{text[:start]}\narchitecture: {written}\n{text[end:]}", _shortened(reason) if isinstance(reason, str) else ""


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Make a dictionary of a JSON object in which no key is given twice with different values."""
    made: dict[str, object] = {}
    for key, value in pairs:
        if made.setdefault(key, value) != value:
            raise UnreadableReply(f"{_short(key)} is given twice in one object, as {_short(made[key])} and {_short(value)}")
    return made


def _lone_dash(text: str, after: int) -> tuple[int, int] | None:
    """Find the answer `-` behind the last statement: on a line with a label, or alone on the last line."""
    for match in _LONE_DASH.finditer(text, after):
        if match["label"] or not text[match.end() :].strip():
            return match.span()
    return None


def _without(text: str, spans: Iterable[tuple[int, int]]) -> str:
    kept, end = [], 0
    for start, stop in spans:
        kept.append(text[end:start])
        end = max(end, stop)
    return _shortened("".join([*kept, text[end:]]))


def _shortened(text: str) -> str:
    words = " ".join(text[: 10 * RATIONALE_LENGTH].split()).encode(errors="replace").decode()
    return words if len(words) <= RATIONALE_LENGTH else words[: RATIONALE_LENGTH - 1] + "…"


def _short(value: object) -> str:
    words = str(value)[:1000]
    return words if len(words) <= 100 else words[:99] + "…"


# --- the architecture


@dataclass
class _Draft:
    """The architecture as it stands after each statement.

    - `answer`: the last complete one.
    - `series`: the latest list under each label, by the label's word and number, since the last whole list.
    - `loose`: what was said after `answer` and does not make another one.
    """

    space: SearchSpace
    answer: tuple[str, ...] | None = None
    series: dict[str, dict[int, tuple[str, ...]]] = field(default_factory=dict)
    lengths: dict[str, int] = field(default_factory=dict)
    loose: list[Statement] = field(default_factory=list)
    aside: Statement | None = None

    @property
    def expected(self) -> int:
        return len(self.space.decisions)

    def take(self, statement: Statement) -> None:
        """Go on with what is said next."""
        if statement.series is not None:
            self._take_part(statement, statement.series)
        elif statement.past and self.answer:
            return
        elif len(statement.tokens) == self.expected:
            self.answer, self.loose = statement.tokens, []
            self._forget_series()
        elif 2 * len(statement.tokens) > self.expected and not self._lists_options(statement):
            self.loose.append(statement)
            self._forget_series()
        else:
            self.aside = statement

    def _take_part(self, statement: Statement, series: str) -> None:
        parts = self.series.setdefault(series, {})
        if statement.past and statement.place in parts:
            return
        change = len(statement.tokens) - len(parts.get(statement.place, ()))
        self.lengths[series] = self.lengths.get(series, 0) + change
        parts[statement.place] = statement.tokens
        if self.lengths[series] == self.expected and len(parts) <= self.expected and all(parts.values()):
            self.answer, self.loose = self._series_tokens(series), []
        else:
            self.loose.append(statement)

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
            if self.answer is None or not _agrees(statement, self.answer):
                raise UnreadableReply(self._problem(statement))
        if self.answer is not None:
            return self.answer
        if self.aside:
            raise UnreadableReply(self._wrong_length(self.aside.tokens))
        raise UnreadableReply(f"no architecture found: expected a list of {self.expected} numbers")

    def _problem(self, statement: Statement) -> str:
        series = statement.series
        if series is None:
            return self._wrong_length(statement.tokens)
        label = f"{series} {statement.place}"
        ...

    def _wrong_length(self, tokens: tuple[str, ...]) -> str:
        return f"expected {self.expected} numbers, got {len(tokens)}: {_listed(tokens)}"
