"""The command line: it reads arguments, calls the package's functions, and prints their results."""

import sys

from .signals import beginning as beginning
from .signals import watching


def main() -> None:
    """Run the command line.

    Exit codes: 2 for bad input, 1 for a search that had to stop, 141 for a closed pipe, and 128 plus its number after a
    signal, as in 130 for Ctrl-C.
    """
    with beginning():
        from .commands import run_command
        from .streams import prepare_streams

        prepare_streams()
    with watching():
        code = run_command()
    sys.exit(code)
