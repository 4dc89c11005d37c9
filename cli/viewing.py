"""The command that shows runs in a browser: `view`."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import beginning, completing
from .looking import find_worth
from .options import Downloads, OwnSpace
from .signals import stopping
from .streams import print_text, say

if TYPE_CHECKING:
    from ..bench.worth import Worth
    from ..record.result import SearchResult
    from ..report.page.run_page import ModelVerdict

PAGE_FILE = "view.html"
_PORT = 8642


def view(
    runs: Annotated[list[Path], typer.Argument(help="The run folders.", autocompletion=completing.runs)],
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The page; default: view.html in the folder of one run, or here."),
    ] = None,
    serve: Annotated[
        bool, typer.Option("--serve", help="Show the page at a port of this machine while the runs grow.")
    ] = False,
    port: Annotated[int, typer.Option(help="That port; 0 for any free one.", min=0, max=65_535)] = _PORT,
    worth: Annotated[
        bool, typer.Option("--worth/--no-worth", help="Tell whether a language model was worth it; not with --serve.")
    ] = True,
    space: OwnSpace = None,
    downloads: Downloads = None,
) -> None:
    """Make a page of runs: one HTML file with all of them, or with --serve a page that follows them."""
    with beginning():
        from ..report.page.rendering import render
        from ..report.page.run_page import Gathering, gather_run
        from ..spaces import get_space

    own = get_space(space) if space else None

    def make(how: Gathering, *, live: bool) -> str:
        return render([gather_run(run, at, how) for at, run in enumerate(runs, start=1)], live=live)

    if serve:
        with stopping("the page is served no more"):
            _serve(runs, lambda: make(Gathering(own), live=True), port)
        return
    page = out or (runs[0] / PAGE_FILE if len(runs) == 1 else Path(PAGE_FILE))
    with stopping("finished trials of the peers are kept: view it again to go on"):
        judge = _judge(downloads) if worth else lambda result: None
        _write(page, make(Gathering(own, judge), live=False))


def _write(page: Path, content: str) -> None:
    from ..record.files import write_atomically

    write_atomically(page, content)
    print_text(f"page: {page}")


def _serve(runs: list[Path], make: Callable[[], str], port: int) -> None:
    from ..report.page.live_server import HOST, LivePage, listening, serve

    make()  # a run that cannot be read is told before anything is served
    opened = listening(port)
    with opened:
        say(f"http://{HOST}:{opened.getsockname()[1]}/ follows {', '.join(map(str, runs))}; Ctrl-C ends it")
        asyncio.run(serve(LivePage(runs, make), opened))


def _judge(downloads: Path | None) -> "Callable[[SearchResult], ModelVerdict | None]":
    def judge(result: "SearchResult") -> "ModelVerdict | None":
        found = find_worth(result, downloads) if result.settings.llm.first else None
        return _verdict(found) if found else None

    return judge


def _verdict(found: "Worth") -> "ModelVerdict":
    """Convert the worth of a model into a page's verdict."""
    import numpy as np

    from ..record.statistics import rounded
    from ..report.page.run_charts import Peer
    from ..report.page.run_page import ModelVerdict

    rows = [(each.proposer, str(each.trials), rounded(each.rank), each.words) for each in found.standings]
    quartiles = [(each.proposer, np.quantile(each.rank_of_all, (0.25, 0.5, 0.75), axis=0)) for each in found.peers]
    peers = [Peer(name, *(row.tolist() for row in rows)) for name, rows in quartiles]
    return ModelVerdict([*filter(None, [found.verdict]), *found.words], rows, peers)
