"""The hints of a run: sentences of a person to the language model, which a search takes in while it runs.

They have a file of their own, which other processes than the search append to.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import GeniusError
from ..schema import CLOSED, Schema, Text
from .files import BrokenRun, NotPlain, read_plain
from .lines import append_records, cut_torn_line

HINTS_FILE = "hints.jsonl"
HINT_LENGTH, MOST_HINTS = 500, 50
"""Characters of a hint, and the number of hints that a run takes."""
_SHOWN = 1_800  # characters of the hints in a prompt
_LOCK, _WAIT = "hints.lock", 10.0  # seconds
_MOST_BYTES = (4 * HINT_LENGTH + 100) * MOST_HINTS


@dataclass(frozen=True)
class Hint:
    """One line of a run's hints."""

    __pydantic_config__ = CLOSED

    text: Text


HINT = Schema[Hint](Hint)


def read_hint(text: str) -> str:
    """Return the words of a hint, as one line.

    Raises: GeniusError where they are too many, or hold unprintable characters.
    """
    words = " ".join(text.split())
    if not words or len(words) > HINT_LENGTH:
        raise GeniusError(f"a hint has from 1 to {HINT_LENGTH} characters, got {len(words):,}")
    if not words.isprintable():
        wrong = next(letter for letter in words if not letter.isprintable())
        raise GeniusError(f"a hint is plain text, got the character U+{ord(wrong):04X}: leave it out")
    return words


def shown_hints(hints: Sequence[str]) -> list[str]:
    """Return the latest hints, as many as a prompt shows."""
    lengths = accumulate(len(hint) for hint in reversed(hints))
    shown = sum(length <= _SHOWN for length in lengths)
    return list(hints[len(hints) - shown :])


def add_hint(folder: Path, text: str) -> None:
    """Append a hint to those of a run; several processes may do so at once.

    Raises: GeniusError where there are too many; BrokenRun, NotPlain, OSError.
    """
    words = read_hint(text)
    try:
        with FileLock(folder / _LOCK, timeout=_WAIT):
            cut_torn_line(folder / HINTS_FILE)
            if len(read_hints(folder)) >= MOST_HINTS:
                raise GeniusError(f"{folder} holds {MOST_HINTS} hints, and a run takes no more")
            append_records(folder / HINTS_FILE, [HINT.plain(Hint(words))])
    except Timeout:
        raise GeniusError(f"another process writes hints into {folder}; wait for it to end") from None


def read_hints(folder: Path) -> list[str]:
    """Return the hints of a run in their order; a last line that is not written to its end is left out.

    Raises: BrokenRun.
    """
    path = folder / HINTS_FILE
    try:
        lines = read_plain(path, _MOST_BYTES).splitlines(keepends=True)
        return [read_hint(HINT.read(line).text) for line in lines if line.endswith(b"\n")]
    except FileNotFoundError:
        return []
    except (GeniusError, ValueError, OSError) as error:
        why = str(error) if isinstance(error, NotPlain) else f"{path} cannot be read: {error}"
        raise BrokenRun(f"{why}; without that file, a run goes on with the hints that it has taken") from None
