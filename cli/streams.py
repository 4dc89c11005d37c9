"""Standard output and standard error: what is printed there is text alone, and it never ends in a traceback."""

import os
import sys
import warnings
from contextlib import suppress
from io import TextIOWrapper
from typing import Any, TextIO, cast

from ..agents.secrets import redact
from ..spaces.errors import GeniusWarning
from ..spaces.printable import one_line, printable


class _Cleared:
    """A stream that clears what is written to it of secrets, whichever library writes; else it is the stream."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text without its secrets; returns how many characters were given."""
        self._stream.write(redact(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def say(text: str) -> None:
    """Print a line on standard error, if anybody reads it."""
    if sys.stderr is not None:  # print would take standard output in its place
        with suppress(OSError):
            print(one_line(text), file=sys.stderr, flush=True)


def print_text(text: str) -> None:
    """Print lines on standard output."""
    print(printable(text))


def prepare() -> None:
    """Make the streams take every character, and put nothing in the place of those that are closed.

    Otherwise the next file that is opened would be a library's standard output.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    warnings.showwarning = _warn
    warnings.filterwarnings("ignore", module="langchain")  # what its packages advise, no user of ours can follow
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.stdout, sys.stderr = _cleared(sys.stdout), _cleared(sys.stderr)


def _cleared(stream: TextIO) -> TextIO:
    return stream if stream is None or isinstance(stream, _Cleared) else cast(TextIO, _Cleared(stream))


def _warn(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Say a warning in one line, without the place in our code that it comes from."""
    say(f"genius: {message}" if issubclass(category, GeniusWarning) else f"{category.__name__}: {message}")


def finish() -> OSError | None:
    """Print what is left to print; what cannot be is thrown away, since Python would complain of it at the end.

    Returns why the result could not be printed, if it could not.
    """
    errors = [_flushed(stream) for stream in (sys.stderr, sys.stdout)]
    return errors[-1]


def _flushed(stream: TextIO | None) -> OSError | None:
    try:
        if stream is not None:
            stream.flush()
    except OSError as error:
        assert stream is not None
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return error
    return None
