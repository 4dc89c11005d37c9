"""The error that users can mend, and how the words of others are told in one."""

_SHORT = 200  # characters of others' words in a message


class GeniusError(Exception):
    """What a user can mend: one sentence with the rule, the value and what to do next."""


class RunFailed(GeniusError):
    """A search that had to stop; everything up to there is kept and can be resumed."""


class GeniusWarning(UserWarning):
    """What a user may not expect, and what nothing ends by."""


def in_one_line(text: str) -> str:
    """Return others' words as one short line of printable characters."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text[: 10 * _SHORT])
    line = " ".join(printable.split())
    return line if len(line) <= _SHORT else f"{line[: _SHORT - 1]}…"


def said_by(error: Exception) -> str:
    """Return an exception's type and the last line of its message, short."""
    lines = str(error).strip().splitlines()
    return in_one_line(": ".join([type(error).__name__, *lines[-1:]]))
