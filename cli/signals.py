"""Signals that ask a command to end: the first ends it in order, the second hurries, the third ends it at once.

Ctrl-C sends SIGINT, a shut-down or a batch system SIGTERM, a terminal that is closed SIGHUP: all three do the same. A
thread watches, since the main one may be in the middle of arithmetic that takes long.
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
_HURRY = 2.0  # seconds from the second signal to the end, whatever is running then
_LAST_WORDS = 1.0  # seconds for the last line, which nobody may read

# Windows has no SIGHUP
_NUMBERS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]

_asked: list[int] = []
"""The signals that came while the command ran."""
_first: list[int] = []
"""The one that ends it, for the exit code; noted at once where it is handled."""
_how_to_go_on: list[Callable[[], str]] = []


def code() -> int:
    """Return the exit code of a command that was asked to end, as shells say of the signal."""
    _first.append((_asked or [signal.SIGINT])[0])  # the thread that watches may not have come to it yet
    return 128 + _first[0]


@contextmanager
def beginning() -> Iterator[None]:
    """End at once when asked while modules are imported: what is raised in the middle of one may become any error."""
    before = _handled(_leave_the_beginning)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _handled(handler: Callable[[int, FrameType | None], object]) -> "dict[int, signal._HANDLER]":
    """Have a function handle the signals but for those that are ignored or another's; returns how they were."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    ours = (signal.SIG_DFL, signal.default_int_handler, _interrupt)
    before = {number: signal.getsignal(number) for number in _NUMBERS}
    before = {number: handler for number, handler in before.items() if handler in ours}
    for number in before:
        signal.signal(number, handler)
    return before


def _leave_the_beginning(number: int, _: FrameType | None) -> None:
    _last_words(NOTHING_BEGUN)
    os._exit(128 + number)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Do for any signal what Ctrl-C does at this moment: asyncio has a handler of its own for that one."""
    _first.append(number)
    handler = signal.getsignal(signal.SIGINT)
    if not callable(handler) or handler is _interrupt:
        raise KeyboardInterrupt
    handler(signal.SIGINT, frame)


@contextmanager
def watching() -> Iterator[None]:
    """Watch for signals while a command runs, and afterwards while the process ends if there was one."""
    before = _handled(_interrupt)
    if signal.SIGINT in before:  # left to asyncio, which ends its main task with it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if not before:
        yield
        return
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(read,), daemon=True).start()
    atexit.register(_end)  # the first that is registered is called last
    os.register_at_fork(after_in_child=_forget) if hasattr(os, "register_at_fork") else None
    try:
        yield
    finally:
        if _first or _asked:
            for number in before:  # a traceback of the interpreter's own end helps nobody
                signal.signal(number, lambda *_: None)
        else:
            _forget()
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(write)


def _end() -> None:
    """End the process before the interpreter takes itself apart: that takes long, and without handlers."""
    if _first or _asked:
        os._exit(code())


def _forget() -> None:
    """Handle nothing any more: of a forked process the signals are not the command's."""
    if threading.current_thread() is threading.main_thread():
        signal.set_wakeup_fd(-1)
        for number in _NUMBERS:
            if signal.getsignal(number) is _interrupt:
                signal.signal(number, signal.SIG_DFL)


def _watch(pipe: int) -> None:
    """Count the signals, whose numbers come by a pipe whatever the main thread does."""
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
    """Kill the workers, and say nothing more of what breaks by that."""
    logging.disable()
    sys.unraisablehook = lambda _: None
    _kill_all()


def _kill_all() -> None:
    """Kill the processes that were started, as far as there are modules that start some."""
    if workers := sys.modules.get(f"{__package__.rpartition('.')[0]}.evaluators.process"):
        workers.kill_all()
    if processes := sys.modules.get("multiprocessing"):
        for process in processes.active_children():
            with suppress(OSError, ValueError):
                process.kill()


def _leave() -> None:
    """End the process at once, and all that it has started."""
    number = code()
    timer = threading.Timer(_LAST_WORDS, os._exit, [number])
    timer.daemon = True
    timer.start()
    with suppress(Exception):  # nothing may keep it from ending
        _kill_all()
        if _how_to_go_on:
            from ..printable import one_line
            from ..record.secrets import redact

            _last_words(f"stopped: {one_line(redact(_how_to_go_on[-1]()))}")
    os._exit(number)


def _last_words(text: str) -> None:
    """Write a line past the streams, whose locks another thread may hold; show the cursor that a display has hidden."""
    cursor = "\x1b[?25h" if os.isatty(2) and os.environ.get("TERM", "dumb") != "dumb" else ""
    with suppress(OSError):
        os.write(2, f"{cursor}{text}\n".encode(errors="backslashreplace"))


@contextmanager
def stopping(how_to_go_on: str | Callable[[], str]) -> Iterator[None]:
    """Say how to go on where the command is asked to end, then end."""
    from .streams import say

    how = how_to_go_on if callable(how_to_go_on) else lambda: how_to_go_on
    _how_to_go_on.append(how)
    try:
        yield
    except KeyboardInterrupt:
        words, _how_to_go_on[:] = how(), []  # said once
        say(f"stopped: {words}")
        raise
    finally:
        _how_to_go_on[:] = _how_to_go_on[:-1]
