"""Signals that end a command: the first ends it in order, the second kills its workers, the third ends it at once.

Ctrl-C sends SIGINT, a shut-down or a batch system SIGTERM, a closed terminal SIGHUP; all three have the same effect. A
thread counts them, since the main thread may be in the middle of long arithmetic.
"""

import atexit
import logging
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

NOTHING_BEGUN = "stopped: nothing was begun"
_HURRY = 2.0  # seconds from the second signal to the end of the process
_LAST_WORDS = 1.0  # seconds for writing the last line, since its reader may hang

# Windows has no SIGHUP
_NUMBERS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]

_asked: list[int] = []
"""The signals that came while the command ran."""
_first: list[int] = []
"""The signal that ends the command, for the exit code; its handler notes it."""
_how_to_go_on: list[Callable[[], str]] = []


def code() -> int:
    """Return the exit code of a command that a signal ended: 128 and the signal's number, as in shells."""
    _first.append((_asked or [signal.SIGINT])[0])  # the thread may not have counted the signal yet
    return 128 + _first[0]


@contextmanager
def beginning() -> Iterator[None]:
    """End the process at once on a signal during imports, where an exception might turn into any other error."""
    with leaving(NOTHING_BEGUN):
        yield


@contextmanager
def leaving(words: str) -> Iterator[None]:
    """End the process at once on a signal, with a line on standard error."""

    def leave(number: int, _: FrameType | None) -> None:
        _last_words(words)
        os._exit(128 + number)

    before = _handled(leave)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _handled(handler: Callable[[int, FrameType | None], object]) -> "dict[int, signal._HANDLER]":
    """Set the handler of the signals, except those ignored or handled by others; return the earlier handlers."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    ours = (signal.SIG_DFL, signal.default_int_handler, _interrupt)
    before = {number: signal.getsignal(number) for number in _NUMBERS}
    before = {number: handler for number, handler in before.items() if handler in ours}
    for number in before:
        signal.signal(number, handler)
    return before


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Handle a signal as SIGINT is handled at this moment, for which asyncio sets a handler of its own."""
    _first.append(number)
    handler = signal.getsignal(signal.SIGINT)
    if not callable(handler) or handler is _interrupt:
        raise KeyboardInterrupt
    handler(signal.SIGINT, frame)


@contextmanager
def watching() -> Iterator[None]:
    """Count signals while a command runs and, if there was one, until the process has ended."""
    before = _handled(_interrupt)
    if signal.SIGINT in before:  # asyncio sets its own handler, which cancels its main task, over the default alone
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if not before:
        yield
        return
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(read,), daemon=True).start()
    atexit.register(_end)  # functions run in the reverse order of their registration: this one last
    os.register_at_fork(after_in_child=_forget) if hasattr(os, "register_at_fork") else None
    try:
        yield
    finally:
        if _first or _asked:
            for number in before:  # a signal during the interpreter's end would print a traceback
                signal.signal(number, lambda *_: None)
        else:
            _forget()
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(write)


def _end() -> None:
    """End the process before the interpreter's finalisation, which takes long and runs without handlers."""
    if _first or _asked:
        os._exit(code())


def _forget() -> None:
    """Remove the handlers, as in a forked process, whose signals are not the command's."""
    if threading.current_thread() is threading.main_thread():
        signal.set_wakeup_fd(-1)
        for number in _NUMBERS:
            if signal.getsignal(number) is _interrupt:
                signal.signal(number, signal.SIG_DFL)


def _watch(pipe: int) -> None:
    """Count the signals, whose numbers arrive by a pipe even while the main thread is busy."""
    end = float("inf")
    while True:
        wait = None if end == float("inf") else max(0.0, end - time.monotonic())
        if not select.select([pipe], [], [], wait)[0]:
            _leave()
        if not (read := os.read(pipe, 1)):
            os.close(pipe)
            return
        if read[0] in _NUMBERS:
            _asked.append(read[0])
        if len(_asked) == 2:
            end = min(end, time.monotonic() + _HURRY)
            _hurry()
        elif len(_asked) > 2:
            _leave()


def _hurry() -> None:
    """Kill the workers, and silence the errors that follow."""
    logging.disable()
    sys.unraisablehook = lambda _: None
    _kill_all()


def _kill_all() -> None:
    """Kill the processes that this process has started."""
    if workers := sys.modules.get(f"{__package__.rpartition('.')[0]}.evaluators.process"):
        workers.kill_all()
    if processes := sys.modules.get("multiprocessing"):
        for process in processes.active_children():
            with suppress(OSError, ValueError):
                process.kill()


def _leave() -> None:
    """End the process at once, and the processes that it has started."""
    number = code()
    timer = threading.Timer(_LAST_WORDS, os._exit, [number])
    timer.daemon = True
    timer.start()
    with suppress(Exception):  # no error may keep the process from ending
        _kill_all()
        if _how_to_go_on:
            from ..printable import one_line
            from ..record.secrets import redact

            _last_words(f"stopped: {one_line(redact(_how_to_go_on[-1]()))}")
    os._exit(number)


def _last_words(text: str) -> None:
    """Write a line directly to standard error's file, since another thread may hold the stream's lock.

    Shows the cursor again, which a live display may have hidden.
    """
    cursor = "\x1b[?25h" if os.isatty(2) and os.environ.get("TERM", "dumb") != "dumb" else ""
    with suppress(OSError):
        os.write(2, f"{cursor}{text}\n".encode(errors="backslashreplace"))


@contextmanager
def stopping(how_to_go_on: str | Callable[[], str]) -> Iterator[None]:
    """Print how to continue where a signal ends the command."""
    from .streams import say

    how = how_to_go_on if callable(how_to_go_on) else lambda: how_to_go_on
    _how_to_go_on.append(how)
    try:
        yield
    except KeyboardInterrupt:
        words, _how_to_go_on[:] = how(), []  # printed once
        say(f"stopped: {words}")
        raise
    finally:
        _how_to_go_on[:] = _how_to_go_on[:-1]
