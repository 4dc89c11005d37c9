"""The commands, their exit codes, and one line on standard error for each kind of failure."""

import errno
import os
import sys
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any

import typer

from ..assistant.search_processes import CHILD
from ..errors import GeniusError, RunFailed, name_missing_torch
from ..printable import one_line
from ..record.versions import own_version
from . import (
    ablating,
    assisting,
    benching,
    concluding,
    detecting,
    latency,
    looking,
    paper_imagenet,
    papering,
    searching,
    signals,
    telling,
    training,
    transferring,
    viewing,
)
from .panels import Command, Commands, context_settings
from .streams import finish, print_text, say

_LONGEST = 1_500  # characters of a message, with the names that it quotes
_ABORTED = 130  # Typer's code for an interrupt before the command began
_UNREAD = 141  # the code of SIGPIPE in shells
_PRINTING = (
    errno.EPIPE,
    errno.ENOSPC,
    errno.EBADF,
    errno.EIO,
)  # errors of standard output, where no file is named

app = typer.Typer(
    cls=Commands,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=context_settings(),
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print_text(f"genius {own_version()}")
        raise typer.Exit


@app.callback()
def start(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version.")
    ] = False,
) -> None:
    """Neural architecture search led by a language model."""


class _Stopped(Exception):
    """A signal ended the command, which has printed how to continue."""


class _Unread(Exception):
    """The reader of the result closed the pipe; Typer itself would end the process with code 1."""


def _stoppable(command: Callable[..., None]) -> Callable[..., None]:
    @wraps(command)
    def run(*arguments: Any, **options: Any) -> None:
        try:
            command(*arguments, **options)
        except KeyboardInterrupt:  # Typer could not tell it from one before the command began
            raise _Stopped from None
        except BrokenPipeError:
            raise _Unread from None

    return run


for command in (
    searching.search,
    searching.resume,
    searching.fork,
    telling.open,
    telling.ask,
    telling.tell,
    telling.hint,
    concluding.principles,
    training.train,
    transferring.transfer,
    detecting.detect,
    training.export,
    benching.bench,
    ablating.ablate,
    looking.show,
    viewing.view,
    looking.spaces,
    looking.cost,
    latency.latency,
    looking.recipes,
    looking.prompts,
    looking.fetch,
    looking.baseline,
    assisting.mcp,
):
    # of a value that is told, the minus sign begins no option
    own = {"ignore_unknown_options": True} if command is telling.tell else None
    app.command(cls=Command, context_settings=own)(_stoppable(command))

app.command(CHILD, cls=Command, hidden=True)(_stoppable(assisting.mcp_search))

papers = typer.Typer(cls=Commands, rich_markup_mode=None, context_settings=context_settings())
for name, command in {**papering.COMMANDS, "imagenet": paper_imagenet.imagenet}.items():
    papers.command(name, cls=Command)(_stoppable(command))
app.add_typer(papers, name="paper", help="Make the paper's tables again, beside the numbers that it printed.")

# Typer uses a click of its own or the installed one, by version; this is the exception class of either.
_UsageError: Any = next(cls for cls in typer.BadParameter.__mro__ if cls.__name__ == "ClickException")


def run_command() -> int:
    """Run the command that the arguments name; return the exit code."""
    unprinted: OSError | None = None
    try:
        code = _call()
    except OSError as error:
        if error.filename is not None:
            code = _complain(f"cannot use {os.fsdecode(error.filename)}: {error.strerror}", 1 if _is_full(error) else 2)
        elif error.errno in _PRINTING:
            unprinted, code = error, 0
        else:
            raise
    finally:
        left = finish()
    unprinted = unprinted or left
    if code or unprinted is None:
        return code
    return _UNREAD if unprinted.errno == errno.EPIPE else _complain(f"cannot print the result: {unprinted.strerror}", 1)


def _call() -> int:
    try:
        code = app(sys.argv[1:] or ["--help"], standalone_mode=False)
    except _Stopped:
        return signals.code()
    except _Unread:
        return _UNREAD
    except (typer.Abort, KeyboardInterrupt):
        code = _ABORTED
    except _UsageError as error:
        return _complain(error.format_message(), 2)
    except RunFailed as error:
        return _complain(str(error), 1)
    except GeniusError as error:
        return _complain(str(error), 2)
    except ModuleNotFoundError as error:
        return _complain(_missing(error), 2)
    if code == _ABORTED:
        say(signals.NOTHING_BEGUN)
        return signals.code()
    return code or 0


def _missing(error: ModuleNotFoundError) -> str:
    """Return the sentence on PyTorch where it is that which is missing; any other missing module is raised."""
    try:
        name_missing_torch(error, "this command")
    except GeniusError as named:
        return str(named)
    raise error


def _is_full(error: OSError) -> bool:
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO)


def _complain(message: str, code: int) -> int:
    say(one_line(f"genius: {message}", _LONGEST))
    return code
