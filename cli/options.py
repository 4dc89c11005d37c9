"""Options that several commands share, and the console they print to."""

import errno
import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

import typer

from ..errors import GeniusError
from ..printable import brief
from ..record.settings import OPTIONS, Setting
from . import completing
from .panels import FILES, MAIN, PANELS

if TYPE_CHECKING:
    from rich.console import Console

Downloads = Annotated[
    Path | None, typer.Option(help="Folder of downloads; default: GENIUS_DATA, else the platform's cache.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON alone on standard output.", rich_help_panel=FILES)]
QuietSearch = Annotated[
    bool, typer.Option("--quiet", help="Leave the model's reasons out while it runs.", rich_help_panel=FILES)
]
NewRun = Annotated[
    Path | None,
    typer.Option(
        "--run", metavar="FOLDER", help="New folder for the run; default: one in runs/.", rich_help_panel=FILES
    ),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Start from a file of settings, YAML or JSON, as a run's search.json is one.",
        rich_help_panel=FILES,
    ),
]
RunFolder = Annotated[Path, typer.Argument(help="The run folder.", autocompletion=completing.runs)]
SPACE = "A space of `genius spaces`, or a file of your own: train.py, space.yaml."
SpaceName = Annotated[str, typer.Argument(help=SPACE, autocompletion=completing.spaces_and_files)]
FinalSet = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=VALUE", help="A field of that recipe, as in epochs=180.", rich_help_panel=MAIN),
]
RangeEnds = Annotated[tuple[str, str], typer.Option(metavar="LOW HIGH", help="As in 270M 330M; - leaves an end open.")]
FlopsConvention = Annotated[str, typer.Option(help="macs, or thop, which counts batch norm too.")]
OwnSpace = Annotated[
    str | None,
    typer.Option(
        "--space",
        metavar="SPACE",
        help="The run's own space, as the run names it: imports it.",
        rich_help_panel=FILES,
    ),
]
Trust = Annotated[
    bool,
    typer.Option(
        "--trust",
        help="Use the modules, servers and paths that the folder's files name: all of them.",
        rich_help_panel=FILES,
    ),
]

Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Any setting by its path, as in llm.timeout=60, or a field of the recipe, as in lr=0.2.",
        autocompletion=completing.paths_of_settings,
        rich_help_panel=FILES,
    ),
]

Objectives = Annotated[
    list[str] | None,
    typer.Option(
        "--objective",
        metavar="NAME",
        help="The measured quantity: accuracy, latency (ms), memory (MB), score, flops, params, or your own as "
        "NAME:lower, NAME:higher or MODULE:NAME. Given several times, the first one steers. Default: that of the "
        "evaluator or of the space.",
        rich_help_panel=MAIN,
    ),
]
MeasuredLimits = Annotated[
    list[str] | None,
    typer.Option(
        "--limit",
        metavar="NAME LOW HIGH",
        help="A range of a measured quantity, or of a cost that the space itself tells by name, as in latency_ms - 5; "
        "- leaves an end open. Repeatable.",
        rich_help_panel=PANELS["limits"],
    ),
]
Pareto = Annotated[
    bool, typer.Option("--pareto", help="Search the front of all objectives.", rich_help_panel=PANELS["loop"])
]

Callbacks = Annotated[
    list[str] | None,
    typer.Option(
        "--callback",
        metavar="MODULE:NAME",
        help="A callback handler of LangChain's, which is told of every run, as a sink of traces; or otel, which sends "
        "traces to OTEL_EXPORTER_OTLP_ENDPOINT. Repeatable.",
        rich_help_panel=FILES,
    ),
]

Track = Annotated[
    list[str] | None,
    typer.Option(
        "--track",
        metavar="TRACKER",
        help="Log the search, live, into mlflow[:URI], wandb[:PROJECT], tensorboard[:FOLDER], trackio[:PROJECT], "
        "optuna:URL, or your own MODULE:NAME or FILE.py:NAME. Repeatable.",
        rich_help_panel=FILES,
    ),
]

OPEN_RANGE = ("-", "-")


def named_limits(given: Sequence[str]) -> dict[str, tuple[float | None, float | None]]:
    """Read limits on metrics or costs, each a name and the two ends of a range; a `-` leaves an end open.

    Raises: GeniusError.
    """
    words = [limit.rsplit(maxsplit=2) for limit in given]
    if wrong := [limit for limit, each in zip(given, words, strict=True) if len(each) < 3]:
        raise GeniusError(f"--limit takes a name and two ends, as in latency_ms - 5, got {brief(repr(wrong[0]))}")
    return {name: (_end(low), _end(high)) for name, low, high in words}


def _end(word: str) -> float | None:
    try:
        return None if word == "-" else float(word)
    except ValueError:
        raise GeniusError(f"expected a number, or - for no limit, got {brief(repr(word))}") from None


def console(*, stderr: bool = True) -> "Console":
    """Return the terminal: standard error for progress, standard output for results. It takes text without markup."""
    from rich.console import Console

    class Piped(Console):
        def on_broken_pipe(self) -> None:
            """Leave a broken pipe to the command line: rich itself would exit with 1."""
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))

    return Piped(stderr=stderr, markup=False, highlight=False, emoji=False)


def with_settings(*paths: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command an option for each of some settings, all of them by default; those given reach its `**options`."""
    chosen = [OPTIONS[path] for path in paths or OPTIONS if not OPTIONS[path].about.hidden]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(command)
        keyword, rest = inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD
        own = [each.replace(kind=keyword) for each in signature.parameters.values() if each.kind is not rest]
        named = {each.name for each in own}
        ranked = sorted(chosen, key=lambda option: option.about.rank or len(OPTIONS))
        parameters = [*(_parameter(each) for each in ranked if each.name not in named), *own]

        @wraps(command)
        def run(*arguments: Any, **options: Any) -> None:
            command(*arguments, **{name: each for name, each in options.items() if name in named or _is_given(each)})

        run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {each.name: each.annotation for each in parameters}
        return run

    return decorate


def _is_given(value: object) -> bool:
    return value not in (None, [], ())


def _parameter(option: Setting) -> inspect.Parameter:
    """Return the option of the command line that a setting is."""
    flag = f"{option.flag}/--no-{option.flag.removeprefix('--')}" if _plain(option.kind) is bool else option.flag
    plain = _plain(option.kind)
    about = typer.Option(
        flag,
        help=_help(option),
        metavar=option.about.metavar or "|".join(option.choices) or _METAVARS.get(plain, "TEXT"),
        show_default=False,
        rich_help_panel=MAIN if option.about.rank else PANELS[option.group],
        autocompletion=_completer(option),
    )
    kind = Annotated[plain | None, about]  # type: ignore[valid-type]
    return inspect.Parameter(option.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)


_METAVARS = {int: "N", float: "X"}


def _completer(option: Setting) -> completing.Completer | None:
    if option.choices:
        return completing.completer(lambda: option.choices)
    return completing.BY_PATH.get(option.path)


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
