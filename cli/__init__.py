"""The command line. Everything it does can be done from Python: it reads arguments and prints what comes back."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

INTERRUPTED = 130  # as shells say of SIGINT
NOTHING_BEGUN = "stopped: nothing was begun"


def main() -> None:
    """Run the command line.

    Exit code 2 for bad input, 1 for a search that had to stop, 130 after Ctrl-C, 141 where nobody reads on.
    """
    with beginning():
        from .commands import call
        from .streams import prepare

        prepare()
    code = call()
    if code == INTERRUPTED:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # another Ctrl-C ends the rest at once
    sys.exit(code)


@contextmanager
def beginning() -> Iterator[None]:
    """End at once on Ctrl-C while modules are imported: what is raised in the middle of one may become any error."""
    default = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if not default or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, _leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _leave(*_: object) -> None:
    if sys.stderr is not None:
        print(NOTHING_BEGUN, file=sys.stderr, flush=True)
    os._exit(INTERRUPTED)
