"""The commands, and what becomes of them: exit codes, and one line for each kind of end."""

import errno
import os
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import typer

from ..errors import GeniusError, RunFailed
from ..printable import one_line
from . import benching, looking, searching, signals, training
from .streams import finish, say

_LONGEST = 1_500  # characters of a complaint, whatever names it quotes
_ABORTED = 130  # as Typer says where the command had not begun
_UNREAD = 141  # as shells say of SIGPIPE
_PRINTING = (
    errno.EPIPE,
    errno.ENOSPC,
    errno.EBADF,
    errno.EIO,
)  # what standard output comes to where it is no file's fault

app = typer.Typer(
    help="Neural architecture search led by a language model.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


class _Stopped(Exception):
    """A signal while a command ran, which has said how to go on."""


class _Unread(Exception):
    """Nobody reads the result; Typer would end the process by itself, with code 1."""


def _stoppable(command: Callable[..., None]) -> Callable[..., None]:
    @wraps(command)
    def run(*arguments: Any, **options: Any) -> None:
        try:
            command(*arguments, **options)
        except KeyboardInterrupt:  # Typer would make no difference between this one and one before the command ran
            raise _Stopped from None
        except BrokenPipeError:
            raise _Unread from None

    return run


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
    app.command()(_stoppable(command))

# Typer brings a click of its own or uses the installed one, by version; this is the class of whichever it is.
_UsageError: Any = next(cls for cls in typer.BadParameter.__mro__ if cls.__name__ == "ClickException")


def run_command() -> int:
    """Call the command that the arguments name; returns the exit code."""
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
    if code == _ABORTED:
        say(signals.NOTHING_BEGUN)
        return signals.code()
    return code or 0


def _is_full(error: OSError) -> bool:
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO)


def _complain(message: str, code: int) -> int:
    say(one_line(f"genius: {message}", _LONGEST))
    return code
