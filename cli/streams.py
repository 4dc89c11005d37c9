"""Standard output and standard error: what is printed there is text alone, and it never ends in a traceback."""

import os
import sys
import warnings
from collections.abc import Iterable
from contextlib import suppress
from io import TextIOWrapper
from typing import Any, TextIO, cast

from ..errors import GeniusWarning
from ..printable import one_line, printable
from ..record.secrets import redact


class _Cleared:
    """A stream that clears what is written to it of secrets, whichever library writes; else it is the stream."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text without its secrets; returns how many characters were given."""
        self._stream.write(redact(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Unneeded(_Cleared):
    """A stream of words beside the result: that a disk is full or nobody reads on ends no search."""

    def write(self, text: str) -> int:
        """Write a text if that can be."""
        with suppress(OSError):
            super().write(text)
        return len(text)

    def flush(self) -> None:
        """Pass on what is written if that can be."""
        with suppress(OSError):
            self._stream.flush()


def say(text: str) -> None:
    """Print a line on standard error, if anybody reads it."""
    if sys.stderr is not None:  # print would take standard output in its place
        print(one_line(text), file=sys.stderr, flush=True)


def print_text(text: str) -> None:
    """Print lines on standard output."""
    print(printable(text))


def prepare_streams() -> None:
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
    sys.stdout, sys.stderr = _cleared(sys.stdout, _Cleared), _cleared(sys.stderr, _Unneeded)


def _cleared(stream: TextIO | None, kind: type[_Cleared]) -> TextIO:
    return cast(TextIO, stream if stream is None or isinstance(stream, _Cleared) else kind(stream))


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
