"""Read a recorded conversation: its messages, and the accuracies that they report of architectures.

What counts as a report, and of which architecture, is decided as a reader would:

- A number is an accuracy where that is the quantity named for it in its sentence: "an accuracy of 72.61%", "accuracy:
  0.7261", "72.61 top-1". FLOPs, top-5 or training accuracies, differences and bounds ("more than 75%") are none.
- It belongs to the architecture quoted on its line; else to the one quoted before it, in its paragraph or the one
  above; else to the one that the line below names. Without any it belongs to the reply that the message follows, but
  not where it is wished for or remembered ("aim at", "best so far").
- Where the list of earlier experiments has grown by one since the reply, the new one is that reply. What is quoted
  there as its architecture may be a slip: some recordings repeat another one's.
"""

import json
import re
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from ..spaces.errors import GeniusError
from ..spaces.space import Architecture, SearchSpace
from .accuracies import Stated, accuracies, sentence_end
from .candidate import Message
from .reply import UnreadableReply, read_reply

_PARAGRAPH = re.compile(r"\n[^\S\n]*+\n")
_ENDED = re.compile(r"[.!?;](?:\s|\Z)")
_WISHED = re.compile(r"\b(?:please|should|must|want|aim|target|goal|need|hope|expect|try|tries)", re.IGNORECASE)
_REMEMBERED = re.compile(r"\b(?:best|highest|previous|earlier|so far|baseline|reference)\b", re.IGNORECASE)
_THIS = re.compile(r"\W*(?:your|this|that|it|the (?:new|proposed|suggested|resulting))\b", re.IGNORECASE)
_YOUR = re.compile(r"\byour\b", re.IGNORECASE)


class BadRecording(GeniusError):
    """A file that holds no recorded conversation, or one that contradicts itself."""


def read_messages(text: str) -> list[Message]:
    """Read a JSON list of OpenAI-style messages, by itself or as the `messages` of an object.

    Raises: ValueError, KeyError or TypeError for anything else.
    """
    value = json.loads(text)
    messages = value["messages"] if isinstance(value, dict) else value
    return [Message(role=str(message["role"]), content=_content(message["content"])) for message in messages]


def _content(content: object) -> str:
    """Return a message's text, which may be given in parts, or not at all where only a tool is called."""
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        raise TypeError(f"the content of a message is a text or a list of parts, got {type(content).__name__}")
    return "\n".join(part["text"] for part in content if part.get("type") == "text")


def read_measurements(messages: Sequence[Message], space: SearchSpace) -> dict[Architecture, float]:
    """Return the accuracies, in percent, that a conversation reports of the architectures of a space.

    Raises: BadRecording where one architecture is given two accuracies.
    """
    ledger = _Ledger(space)
    for number, message in enumerate(messages):
        if message["role"] == "assistant":
            ledger.propose(_quoted(message["content"], space))
        else:
            ledger.take(list(_reports(message["content"], space)), number)
    return {entry.architecture: float(entry.accuracy) for entry in ledger.entries.values()}


# --- whose accuracy it is


@dataclass(frozen=True)
class _Report:
    """An accuracy in percent, and the architecture quoted with it; None where it is said of the reply before."""

    accuracy: Decimal
    architecture: Architecture | None


@dataclass(frozen=True)
class _Entry:
    architecture: Architecture
    accuracy: Decimal
    message: int


@dataclass
class _Ledger:
    """The accuracies known after each message, by the function that an architecture computes.

    - `latest`: the architecture of the latest reply, None where it gave none. `proposed`: those of all replies.
    - `quoted`: each architecture with each accuracy that was quoted with it, also where that was a slip.
    """

    space: SearchSpace
    entries: dict[Hashable, _Entry] = field(default_factory=dict)
    latest: Architecture | None = None
    proposed: set[Hashable] = field(default_factory=set)
    quoted: dict[Hashable, list[Decimal]] = field(default_factory=dict)

    def propose(self, architecture: Architecture | None) -> None:
        """Take note of a reply."""
        self.latest = architecture
        if architecture is not None:
            self.proposed.add(self.space.identity(architecture))

    def take(self, reports: Sequence[_Report], number: int) -> None:
        """Take note of what a message reports."""
        fresh = [report for report in reports if self._is_new(report)]
        has_grown = len(fresh) == 1 < len(reports)
        for report in fresh:
            architecture = report.architecture
            if architecture is not None:
                self.quoted.setdefault(self.space.identity(architecture), []).append(report.accuracy)
            if architecture is None or self._is_latest(architecture) or (has_grown and self._is_slip(architecture)):
                architecture = self.latest
            if architecture is not None:
                self._enter(_Entry(architecture, report.accuracy, number))

    def _is_new(self, report: _Report) -> bool:
        if report.architecture is None:
            return True
        known = self.quoted.get(self.space.identity(report.architecture), ())
        return not any(_agree(accuracy, report.accuracy) for accuracy in known)

    def _is_latest(self, architecture: Architecture) -> bool:
        return self.latest is not None and self.space.identity(self.latest) == self.space.identity(architecture)

    def _is_slip(self, architecture: Architecture) -> bool:
        """Tell whether the one new experiment of a list is the latest reply, under numbers that are not its own.

        It is where that reply has no accuracy yet, and no earlier reply is waiting for one under these numbers.
        """
        if self.latest is None or self.space.identity(self.latest) in self.entries:
            return False
        quoted = self.space.identity(architecture)
        return quoted in self.entries or quoted not in self.proposed

    def _enter(self, entry: _Entry) -> None:
        known = self.entries.setdefault(self.space.identity(entry.architecture), entry)
        if not _agree(known.accuracy, entry.accuracy):
            raise BadRecording(
                f"the recording gives {list(entry.architecture)} two accuracies: {known.accuracy:f}% in message "
                f"{known.message} (counted from 0), {entry.accuracy:f}% in message {entry.message}; correct one of them"
            )


def _agree(first: Decimal, second: Decimal) -> bool:
    """Tell whether two numbers are equal, as far as the shorter one is written out."""
    places = min(-int(number.as_tuple().exponent) for number in (first, second))
    return round(first, places) == round(second, places)


# --- what a message reports


def _reports(text: str, space: SearchSpace) -> Iterator[_Report]:
    stated = list(accuracies(text))
    begin = 0
    bounds = [*(one.start for one in stated), len(text)]
    for one, end in zip(stated, bounds[1:], strict=True):
        architecture, begin = _beside(text, one, begin, end, space)
        if architecture is not None or _is_of_the_reply(one.said):
            yield _Report(one.accuracy, architecture)


def _is_of_the_reply(said: str) -> bool:
    remembered = _REMEMBERED.search(said) and not _THIS.match(said)
    return not (remembered or _WISHED.search(said))


def _beside(text: str, one: Stated, begin: int, end: int, space: SearchSpace) -> tuple[Architecture | None, int]:
    """Find the architecture that an accuracy stands with, and where what may belong to the next accuracy begins.

    `begin` and `end` are the bounds that the accuracies before and after it set.
    """
    line = max(begin, text.rfind("\n", 0, one.start) + 1)
    if architecture := _quoted(text[line : one.start], space):
        return architecture, one.end
    rest = one.end + sentence_end(text[one.end : end])
    if architecture := _quoted(text[one.end : rest], space):
        return architecture, rest
    if _YOUR.search(one.said):
        return None, one.end
    above = _PARAGRAPH.split(text[begin : one.start])
    if architecture := _quoted(above[-1], space) or _quoted("\n\n".join(above[-2:]), space):
        return architecture, one.end
    paragraph = _PARAGRAPH.split(text[one.end :], maxsplit=1)[0]
    below = _ENDED.split(paragraph, maxsplit=1)[0]
    if one.end + len(paragraph) <= end and (architecture := _quoted(below, space)):
        return architecture, one.end + len(below)
    return None, one.end


def _quoted(text: str, space: SearchSpace) -> Architecture | None:
    try:
        return read_reply(text, space).architecture
    except UnreadableReply:
        return None
