"""The commands that serve an assistant: `mcp`, and the process of a search that its server starts."""

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from . import beginning, completing
from .options import SPACE, Set, with_settings
from .panels import FILES
from .signals import leaving, stopping


@with_settings()
def mcp(
    space: Annotated[
        list[str] | None,
        typer.Argument(
            help=f"Spaces of your own that may be searched, besides the built-in ones. {SPACE}",
            autocompletion=completing.spaces_and_files,
        ),
    ] = None,
    runs: Annotated[
        Path, typer.Option("--runs", metavar="FOLDER", help="The folder of the runs.", rich_help_panel=FILES)
    ] = Path("runs"),
    set: Set = None,
    **options: Any,
) -> None:
    """Serve an assistant over the Model Context Protocol, on standard input and output.

    It may start searches with the options given here. It can neither lift their budgets, which all of its searches
    share, nor their approval, and names no module, server, command or path but those given here.
    """
    with beginning():
        from ..assistant.mcp_server import mcp_server

        server = mcp_server(runs, space or (), options, set or ())
    with leaving("the server ended, and with it the searches that were not to go on"):
        server.run("stdio")


def mcp_search() -> None:
    """Make the search that a server for an assistant asks for, in lines on standard input."""
    with beginning():
        from ..assistant.tether import tethered

        tether = tethered()
    with stopping("everything so far is kept"):
        asyncio.run(tether.search())
