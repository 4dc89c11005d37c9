"""Standard output and standard error: redacted text without markup, and no traceback when a stream fails."""

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
    """A stream that redacts every text written to it, by any library; all other attributes are the stream's."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text, redacted; return the length of the given text."""
        self._stream.write(redact(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Unneeded(_Cleared):
    """A stream of messages beside the result: a full disk or a closed pipe does not end the search."""

    def write(self, text: str) -> int:
        """Write a text; ignore a failure."""
        with suppress(OSError):
            super().write(text)
        return len(text)

    def flush(self) -> None:
        """Flush the stream; ignore a failure."""
        with suppress(OSError):
            self._stream.flush()


def say(text: str) -> None:
    """Print a line on standard error, if it is open."""
    if sys.stderr is not None:  # print would take standard output in its place
        print(one_line(text), file=sys.stderr, flush=True)


def print_text(text: str) -> None:
    """Print lines on standard output."""
    print(printable(text))


def prepare_streams() -> None:
    """Make the streams accept every character and redact their texts, and open the null device for closed ones.

    Otherwise the next file that is opened would take the number of standard output, which libraries write to.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    warnings.showwarning = _warn
    warnings.filterwarnings("ignore", module="langchain")  # its packages advise programmers, not our users
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
    """Print a warning in one line, without its place in our code."""
    say(f"genius: {message}" if issubclass(category, GeniusWarning) else f"{category.__name__}: {message}")


def finish() -> OSError | None:
    """Flush the streams; return the error of standard output, if it failed.

    Text that cannot be written is discarded, since Python would print an error about it at its exit.
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
