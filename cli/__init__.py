"""The command line. Everything it does can be done from Python: it reads arguments and prints what comes back."""

import sys
from typing import Any

import typer

from ..spaces.errors import GeniusError, RunFailed
from . import benching, looking, searching, training

app = typer.Typer(
    help="Neural architecture search led by a language model.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for command in (
    searching.search,
    searching.resume,
    searching.fork,
    training.train,
    training.export,
    benching.bench,
    looking.show,
    looking.spaces,
    looking.cost,
    looking.recipes,
    looking.fetch,
    looking.baseline,
):
    app.command()(command)

# Typer brings a click of its own or uses the installed one, by version; this is the class of whichever it is.
_UsageError: Any = next(cls for cls in typer.BadParameter.__mro__ if cls.__name__ == "ClickException")


def main() -> None:
    """Run the command line: exit code 2 for bad input, 1 for a search that had to stop, 130 after Ctrl-C."""
    try:
        code = app(standalone_mode=False) or 0
    except _UsageError as error:
        code = _complain(error.format_message(), 2)
    except (typer.Abort, KeyboardInterrupt):
        code = 130
    except RunFailed as error:
        code = _complain(str(error), 1)
    except GeniusError as error:
        code = _complain(str(error), 2)
    sys.exit(code)


def _complain(message: str, code: int) -> int:
    print(f"genius: {' '.join(message.split())}", file=sys.stderr)
    return code
