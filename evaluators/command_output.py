"""The output of a user's command: copied into the log, and read for epochs and for a result as lines of JSON."""

import json
import os
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import IO

from ..printable import one_line
from ..record.plain import real
from .trial_object import Reports

_BLOCK = 1 << 16  # bytes that are read at once
_LONGEST = 1 << 20  # bytes of a line that is read
_OPEN = 1.0  # seconds that an output may stay open behind the end of the command
_TAIL = 2_000  # lines of standard output in which a JSON object of several lines is looked for
_LONGEST_OF_TAIL = 10_000  # bytes of such a line
_WORDS = 300  # characters of standard error that tell a failure


class Lines:
    """The lines of an output, which a thread of its own takes in; `stop` is called where taking one in fails."""

    def __init__(self, pipe: IO[bytes] | None, stop: Callable[[], None]) -> None:
        assert pipe is not None
        self._pipe, self._stop = pipe, stop
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Wait until all lines are taken in, but not for others that still hold the output open.

        Raises: the error of taking one in.
        """
        self._thread.join(_OPEN)
        if self._error is not None:
            raise self._error

    def _follow(self) -> None:
        try:
            self._copy()
        except Exception as error:
            self._error = error
            self._stop()

    def _copy(self) -> None:
        """Take in the lines of the pipe until it ends, and copy all of it to the log; leave out far too long lines."""
        rest, skipping = b"", False
        while block := os.read(self._pipe.fileno(), _BLOCK):
            _log(block)
            *lines, rest = (rest + block).split(b"\n")
            for line in lines[skipping:]:
                self._take(line)
            skipping = (skipping and not lines) or len(rest) > _LONGEST
            rest = b"" if skipping else rest
        self._take(rest)

    def _take(self, line: bytes) -> None:
        raise NotImplementedError


def _log(block: bytes) -> None:
    """Write into the log, which is the standard error of a worker."""
    while block:
        block = block[os.write(2, block) :]


class Output(Lines):
    """The standard output: JSON objects with an `epoch` are epochs, and the last object or number is the result."""

    def __init__(self, pipe: IO[bytes] | None, stop: Callable[[], None], reports: Reports) -> None:
        self._reports = reports
        self._last: object = None
        self._at = 0  # the number of its line
        self._tail: deque[tuple[int, str]] = deque(maxlen=_TAIL)
        self._number = 0
        super().__init__(pipe, stop)

    def _take(self, line: bytes) -> None:
        self._number += 1
        if len(line) <= _LONGEST_OF_TAIL:
            self._tail.append((self._number, line.decode(errors="replace")))
        if (found := parsed(line)) is None:
            return
        self._last, self._at = without_numbers(found), self._number
        if isinstance(found, dict) and (epoch := _counted(found.get("epoch"))) is not None:
            self._reports.add(epoch, _counted(found.get("epochs")) or None, {**found, "epoch": None, "epochs": None})

    @property
    def result(self) -> object:
        """The last JSON object or number, also an object of several lines; None where there is none."""
        lines = list(self._tail)
        ends = [at for at, (_, line) in enumerate(lines) if line.strip() == "}"]
        if not ends or lines[ends[-1]][0] <= self._at:
            return self._last
        texts = [line for _, line in lines[: ends[-1] + 1]]
        for start in reversed(range(len(texts))):
            if texts[start].startswith("{") and (found := parsed("\n".join(texts[start:]).encode())) is not None:
                return without_numbers(found)
        return self._last


class Complaints(Lines):
    """The standard error, of which the last lines are kept."""

    def __init__(self, pipe: IO[bytes] | None, stop: Callable[[], None]) -> None:
        self._last: deque[str] = deque(maxlen=10)
        super().__init__(pipe, stop)

    def _take(self, line: bytes) -> None:
        if said := one_line(line.rpartition(b"\r")[2].decode(errors="replace"), _WORDS):
            self._last.append(said)

    @property
    def words(self) -> str:
        """The last lines in one, as many as fit."""
        words = ""
        for line in reversed(self._last):
            if len(line) + len(words) > _WORDS:
                break
            words = f"{line} {words}".strip()
        return words


def parsed(content: bytes) -> object:
    """Read a number or a JSON object; None where it is neither."""
    text = content.decode(errors="replace").strip()
    if not text or (text[0] != "{" and len(text) > 100):
        return None
    with suppress(ValueError, RecursionError):
        found = json.loads(text)
        return found if isinstance(found, dict) or real(found) is not None else None
    with suppress(ValueError):
        return float(text)  # as `nan`, or `.5`
    return None


def without_numbers(found: object) -> object:
    """Return a result without the numbers of an epoch."""
    if not isinstance(found, dict):
        return found
    return {name: value for name, value in found.items() if name not in ("epoch", "epochs")}


def _counted(value: object) -> int | None:
    """Return the number of an epoch; None for any other value."""
    found = real(value)
    return int(found) if found is not None and found >= 0 and found.is_integer() else None
