"""The command line. Everything it does can be done from Python: it reads arguments and prints what comes back."""

import sys

from .signals import beginning as beginning
from .signals import watching


def main() -> None:
    """Run the command line.

    Exit code 2 for bad input, 1 for a search that had to stop, 141 where nobody reads on, 128 and the signal's number
    after a signal: 130 for Ctrl-C.
    """
    with beginning():
        from .commands import run_command
        from .streams import prepare_streams

        prepare_streams()
    with watching():
        code = run_command()
    sys.exit(code)
