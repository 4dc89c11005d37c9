"""Options that several commands share, and the console they print to."""

import errno
import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

import typer

from ..record.settings import OPTIONS, Setting

if TYPE_CHECKING:
    from rich.console import Console

Data = Annotated[
    Path | None, typer.Option(help="Folder of downloads; default: GENIUS_DATA, else the platform's cache.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON alone on standard output.")]
RunFolder = Annotated[Path, typer.Argument(help="The run folder.")]
Ends = Annotated[tuple[str, str], typer.Option(metavar="LOW HIGH", help="As in 270M 330M; - leaves an end open.")]
FlopsConvention = Annotated[str, typer.Option(help="macs, or thop, which counts batch norm too.")]
OwnSpace = Annotated[
    str | None, typer.Option("--space", help="The run's own space, MODULE:NAME, as the run names it: imports it.")
]
Trust = Annotated[
    bool, typer.Option("--trust", help="Use the modules, servers and paths that the folder's files name: all of them.")
]

Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Any setting by its path, as in llm.timeout=60, or a field of the recipe, as in lr=0.2.",
    ),
]

OPEN = ("-", "-")


def console(*, stderr: bool = True) -> "Console":
    """Return the terminal: standard error for progress, standard output for results. It takes text without markup."""
    from rich.console import Console

    class Piped(Console):
        def on_broken_pipe(self) -> None:
            """Leave it to the command line what follows where nobody reads on: rich itself would exit with 1."""
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))

    return Piped(stderr=stderr, markup=False, highlight=False, emoji=False)


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for every setting of a search; those that are given reach its `**options`."""
    signature = inspect.signature(command)
    own = [each for each in signature.parameters.values() if each.kind is not inspect.Parameter.VAR_KEYWORD]
    generated = [_parameter(each) for each in OPTIONS.values() if not each.about.hidden]
    named = {each.name for each in own}

    @wraps(command)
    def run(*arguments: Any, **options: Any) -> None:
        command(*arguments, **{name: each for name, each in options.items() if name in named or _is_given(each)})

    parameters = [*own, *(each for each in generated if each.name not in named)]
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    return run


def _is_given(value: object) -> bool:
    return value not in (None, [], ())


def _parameter(option: Setting) -> inspect.Parameter:
    """Return the option of the command line that a setting is."""
    flag = f"{option.flag}/--no-{option.flag.removeprefix('--')}" if _plain(option.kind) is bool else option.flag
    about = typer.Option(flag, help=_help(option), metavar=option.about.metavar or None, show_default=False)
    kind = Annotated[_plain(option.kind) | None, about]  # type: ignore[valid-type]
    return inspect.Parameter(option.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)


def _help(option: Setting) -> str:
    """Return the line of a setting, with its default where it has one that the line does not tell."""
    default = option.default
    if default in (None, False, "", (), {}, ("-", "-")):
        return option.about.doc
    words = f"{default:g}" if isinstance(default, float) else str(default).lower()
    return f"{option.about.doc} [default: {words}]"


def _plain(kind: Any) -> Any:
    """Return the type of a setting as the command line reads it: without bounds, and lists of words as such."""
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    origin, inner = get_origin(kind), [each for each in get_args(kind) if each not in (type(None), ...)]
    if origin is Literal:
        return str
    if origin is tuple:
        plain = [_plain(each) for each in inner]
        return list[plain[0]] if len(plain) == 1 else tuple[*plain]  # type: ignore[valid-type]
    if isinstance(origin, type) and issubclass(origin, Mapping | Sequence):
        return list[str]
    return _plain(inner[0]) if inner else kind
