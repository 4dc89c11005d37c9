"""The commands that search: `search`, `resume` and `fork`."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import beginning, completing
from .asking import answer
from .looking import print_result
from .options import (
    SPACE,
    AsJson,
    Callbacks,
    ConfigFile,
    MeasuredLimits,
    NewRun,
    Objectives,
    OwnSpace,
    Pareto,
    QuietSearch,
    RunFolder,
    Set,
    Track,
    Trust,
    console,
    named_limits,
    with_settings,
)
from .panels import MAIN
from .signals import stopping
from .streams import say

if TYPE_CHECKING:
    from ..graph.progress import Progress
    from ..graph.search import Show
    from ..record.result import SearchResult
    from ..record.settings import Settings

Search = Callable[["Show"], Coroutine[Any, Any, "SearchResult"]]

_Searched = Annotated[
    str | None,
    typer.Argument(
        help=f"{SPACE} Of train.py its `space` is searched by its function `train`, or by another as train.py:fit.",
        autocompletion=completing.spaces_and_files,
    ),
]


@with_settings()
def search(
    space: _Searched = None,
    config: ConfigFile = None,
    objectives: Objectives = None,
    limits: MeasuredLimits = None,
    pareto: Pareto = False,
    set: Set = None,
    callbacks: Callbacks = None,
    track: Track = None,
    run: NewRun = None,
    trust: Trust = False,
    quiet: QuietSearch = False,
    as_json: AsJson = False,
    **options: Any,
) -> None:
    """Search a space: propose, validate, train, reflect, again."""
    with beginning():
        from ..agents.calling import callbacks_named
        from ..graph import search as searches
        from ..record.settings import Settings, read_file

    asked = settings_asked(read_file(config) if config else Settings(), options, set)
    options |= default_model(asked, options)

    def start(progress: "Show") -> "Coroutine[Any, Any, SearchResult]":
        return searches.search(
            space,
            settings=config,
            trust=trust,
            objectives=objectives or (),
            limits=named_limits(limits) if limits else None,
            pareto=pareto,
            run=run,
            progress=progress,
            callbacks=callbacks_named(callbacks or ()),
            ask=answer,
            set=set or (),
            **options,
        )

    _show_search(start, _with_models(asked, options), track or (), quiet=quiet, as_json=as_json)


@with_settings()
def resume(
    run: RunFolder,
    set: Set = None,
    callbacks: Callbacks = None,
    track: Track = None,
    space: OwnSpace = None,
    trust: Trust = False,
    quiet: QuietSearch = False,
    as_json: AsJson = False,
    **options: Any,
) -> None:
    """Go on with a run that was cut off, or make more iterations of it."""
    with beginning():
        from ..agents.calling import callbacks_named
        from ..graph import search as searches
        from ..record.settings import Settings

    def start(progress: "Show") -> "Coroutine[Any, Any, SearchResult]":
        return searches.resume(
            run,
            space=space,
            trust=trust,
            progress=progress,
            callbacks=callbacks_named(callbacks or ()),
            ask=answer,
            set=set or (),
            **options,
        )

    _show_search(start, settings_asked(Settings.load(run), options, set), track or (), quiet=quiet, as_json=as_json)


@with_settings()
def fork(
    run: RunFolder,
    at: Annotated[
        int,
        typer.Option(metavar="N", help="The last iteration that is taken over; 0 for none.", rich_help_panel=MAIN),
    ],
    to: NewRun = None,
    set: Set = None,
    callbacks: Callbacks = None,
    track: Track = None,
    space: OwnSpace = None,
    trust: Trust = False,
    quiet: QuietSearch = False,
    as_json: AsJson = False,
    **options: Any,
) -> None:
    """Go on from an earlier iteration in a new run folder; the old run stays as it is."""
    with beginning():
        from ..agents.calling import callbacks_named
        from ..graph import search as searches
        from ..record.settings import Settings

    def start(progress: "Show") -> "Coroutine[Any, Any, SearchResult]":
        return searches.fork(
            run,
            at,
            to=to,
            space=space,
            trust=trust,
            progress=progress,
            callbacks=callbacks_named(callbacks or ()),
            ask=answer,
            set=set or (),
            **options,
        )

    _show_search(start, settings_asked(Settings.load(run), options, set), track or (), quiet=quiet, as_json=as_json)


def default_model(asked: "Settings", options: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the language model of a search that asks one and names none, as an option; say which it is."""
    with beginning():
        from ..agents.backends import default_llm

    named = asked.proposer or "proposer" in options
    if asked.llm.models or (named and not asked.asks_models):
        return {}
    chosen, why = default_llm()
    say(f"language model: {chosen} ({why}); choose one with --llm, or a --proposer without any")
    return {"llm": [chosen]}


def _with_models(asked: "Settings", options: Mapping[str, Any]) -> "Settings":
    return asked.changed({"llm.models": tuple(options["llm"])}) if "llm" in options else asked


def settings_asked(base: "Settings", options: Mapping[str, Any], set: Sequence[str] | None) -> "Settings":
    """Return the settings that a command asks for, as far as they can be shown before its search is opened."""
    with beginning():
        from ..record.settings import by_path, read_set
        from ..training.recipes import RECIPE_FIELDS

    asked = base.changed(by_path(options))
    return asked.changed(read_set(set or (), asked, RECIPE_FIELDS))


def _show_search(start: Search, asked: "Settings", track: Sequence[str], *, quiet: bool, as_json: bool) -> None:
    with beginning():
        from ..record.search_picture import draw
        from ..report.display import Display
        from ..trackers.tracking import Tracking

    asks = asked.loop.approve or "human" in asked.llm.models
    model = " or ".join(name for name in asked.llm.models if name.partition(":")[0] not in ("human", "replay"))
    display = Display(console(), asked.loop.iterations, live=not asks, model=model, quiet=quiet)
    tracking = Tracking(*track, say=say)

    def show(step: "Progress") -> None:
        display(step)
        tracking(step)

    with stopping(lambda: display.how_to_go_on), display, tracking:
        result = asyncio.run(start(show))
        draw(result)
    print_result(result, as_json=as_json)
    if result.best and not as_json:
        worth = ", and tells whether the model was worth it" if result.settings.llm.first else ""
        say(f"`genius view {result.run}` writes a page of it{worth}")
    if result.best is None:
        raise typer.Exit(1)
