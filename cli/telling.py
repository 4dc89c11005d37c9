"""The commands that tell a search something: `open`, `ask` and `tell` where its candidates are evaluated elsewhere, and
`hint`."""

import asyncio
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import GeniusError
from ..printable import brief
from ..record.settings import OPTIONS
from . import beginning, completing
from .asking import answer
from .options import (
    Callbacks,
    ConfigFile,
    MeasuredLimits,
    NewRun,
    Objectives,
    OwnSpace,
    Pareto,
    RunFolder,
    Set,
    Trust,
    named_limits,
    with_settings,
)
from .searching import default_model, settings_asked
from .signals import stopping
from .streams import print_text, say

if TYPE_CHECKING:
    from ..graph.ask_tell import Asked, AskTell
    from ..graph.progress import Progress

OVER, ALL_PENDING = 3, 4  # exit codes of `ask` where there is no candidate
_KEPT = "everything so far is kept: ask or tell again"


@with_settings(*(path for path in OPTIONS if path != "evaluator"))
def open(
    space: Annotated[
        str | None,
        typer.Argument(help="The search space; `genius spaces` lists them.", autocompletion=completing.spaces),
    ] = None,
    config: ConfigFile = None,
    objectives: Objectives = None,
    limits: MeasuredLimits = None,
    pareto: Pareto = False,
    set: Set = None,
    run: NewRun = None,
    trust: Trust = False,
    **options: Any,
) -> None:
    """Open a search that others evaluate, by ask and tell: make its run folder, or change its options."""
    with beginning():
        from ..graph import ask_tell
        from ..record.settings import SETTINGS_FILE, Settings, read_file

    if run is None or not (run / SETTINGS_FILE).exists():
        asked = settings_asked(read_file(config) if config else Settings(), options, set)
        options |= default_model(asked, options)
    search = ask_tell.open(
        space,
        settings=config,
        trust=trust,
        objectives=objectives or (),
        limits=named_limits(limits) if limits else None,
        pareto=pareto,
        run=run,
        progress=_note,
        set=set or (),
        **options,
    )
    with stopping("open it again"):
        asyncio.run(_opened(search))
    print_text(str(search.run))


@with_settings(*(path for path in OPTIONS if path not in ("space", "evaluator")))
def ask(
    run: RunFolder,
    pending: Annotated[
        bool, typer.Option("--pending", help="Print the candidates that were asked for and not told, and ask for none.")
    ] = False,
    set: Set = None,
    callbacks: Callbacks = None,
    space: OwnSpace = None,
    trust: Trust = False,
    **options: Any,
) -> None:
    """Ask for the next candidate of a run: a line of JSON with its id, its options by name, and their numbers.

    The exit code is 3 where the search is over, and 4 where as many candidates pend as there are workers.
    """
    with beginning():
        from ..agents.calling import callbacks_named
        from ..graph import ask_tell
        from ..graph.run_folder import check_is_run

    check_is_run(run)
    search = ask_tell.open(
        space,
        run=run,
        trust=trust,
        progress=_note,
        callbacks=callbacks_named(callbacks or ()),
        ask=answer,
        set=set or (),
        **options,
    )
    with stopping(_KEPT):
        code = asyncio.run(_print_pending(search) if pending else _print_next(search))
    if code:
        raise typer.Exit(code)


def tell(
    run: RunFolder,
    id: Annotated[str, typer.Argument(help="The candidate's id, as `genius ask` prints it.")],
    value: Annotated[
        str | None,
        typer.Argument(help='Its value, or a JSON object of metrics, as in \'{"accuracy": 93.1, "latency": 4.2}\'.'),
    ] = None,
    failed: Annotated[
        str | None, typer.Option("--failed", metavar="REASON", help="It has no value, for this reason.")
    ] = None,
) -> None:
    """Tell the outcome of a candidate that was asked for; the next `genius ask` goes by it."""
    with beginning():
        from ..graph import ask_tell
        from ..graph.run_folder import check_is_run

    check_is_run(run)
    if (value is None) == (failed is None):
        raise GeniusError(f"tell of {brief(repr(id))} either its value, or by --failed why there is none")
    told = None if value is None else _read_value(value)
    with stopping("values told before are kept: tell it again"):
        asyncio.run(ask_tell.open(run=run).tell(id, told, error=failed))


def _read_value(value: str) -> Any:
    """Read a number, NaN among them, or a JSON object.

    Raises: GeniusError.
    """
    try:
        return float(value)
    except ValueError:
        pass
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise GeniusError(f"tell a number or a JSON object of metrics, got {brief(repr(value))}")
    return found


async def _opened(search: "AskTell") -> None:
    async with search:
        pass


async def _print_next(search: "AskTell") -> int:
    """Print the next candidate and leave it to whoever reads it; return the exit code."""
    from ..graph.ask_tell import AllPending

    try:
        if (asked := await search.ask()) is None:
            say(f"genius: {await _why_over(search)}")
            return OVER
        _print([asked])
        await search.leave(asked)
    except AllPending as error:
        say(f"genius: {error}; --pending prints them")
        return ALL_PENDING
    finally:
        await search.close()
    return 0


async def _why_over(search: "AskTell") -> str:
    """Say why no candidate is handed out any more."""
    result, ids = await search.result(), [asked.id for asked in await search.pending()]
    left = f"; still to be told: {', '.join(ids)}" if ids else ""
    return f"the search hands out no more: {result.stopped or 'all iterations were handed out'}{left}"


async def _print_pending(search: "AskTell") -> int:
    async with search:
        _print(await search.pending())
    return 0


def _print(candidates: "Sequence[Asked]") -> None:
    """Print each candidate in a line; one that could not be printed is released to others."""
    for asked in candidates:
        line = {"id": asked.id, "config": dict(asked.plain), "architecture": list(asked.architecture)}
        print_text(json.dumps(line))
    sys.stdout.flush()


def _note(step: "Progress") -> None:
    """Say the notes of a search on standard error."""
    if step.note:
        say(step.note)


def hint(
    run: RunFolder,
    text: Annotated[str, typer.Argument(help="The words, as in 'the third stage matters most'.", show_default=False)],
) -> None:
    """Tell the model of a search something, also while it runs: it is shown the words before its next proposal."""
    with beginning():
        from ..graph.hinting import hint as tell_model

    tell_model(run, text)
    say("the model is told before its next proposal")
