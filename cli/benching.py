"""The command that compares proposers: `bench`."""

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import GeniusError
from . import beginning, completing
from .options import AsJson, Downloads, console
from .signals import stopping
from .streams import print_text
from .trials_bar import TrialsBar

if TYPE_CHECKING:
    from ..bench.bench import Bench

_PROPOSERS = (
    "With commas between: random, largest, local-search, evolution, guided, guided-without-prior, your own as "
    "MODULE:NAME, llm:SPEC as in llm:openai:gpt-4o, and simulated:TAU, a model whose judgement has the Kendall "
    "correlation TAU with the table, perhaps with :obeys or :adversarial behind TAU. hybrid:llm:SPEC and "
    "hybrid:simulated:TAU search with arms, hybrid with those that need no model. Behind a model may stand +advice or "
    "+disguise, and behind everything +starts:FILE, the architectures to try first. Differences are to the first."
)


def bench(
    spaces: Annotated[
        list[str],
        typer.Argument(help="Spaces with a table, all for all six, or MODULE:NAME.", autocompletion=completing.spaces),
    ],
    proposers: Annotated[str, typer.Option(help=_PROPOSERS)] = "guided,random,largest,local-search,evolution",
    taus: Annotated[
        str,
        typer.Option(
            help="Compare simulated models of these TAU, as in -0.5,0,0.3,0.6,0.9, alone and in hybrid searches, and "
            "draw ranks against TAU."
        ),
    ] = "",
    seeds: Annotated[int, typer.Option(help="Trials of each proposer on each task.")] = 100,
    iterations: Annotated[str, typer.Option(help="After how many evaluations to report, as in 10,20,50,100.")] = "10",
    flops_cap: Annotated[
        str, typer.Option(help="Pools of the architectures up to a share of the largest FLOPs, as in 50%,30%.")
    ] = "",
    table: Annotated[list[str] | None, typer.Option(help="SPACE=FILE: a table of your own, JSON.")] = None,
    noisy: Annotated[
        bool,
        typer.Option("--noisy", help="An evaluation is one of a table's trainings, drawn by the seed, not their mean."),
    ] = False,
    confirm: Annotated[
        int, typer.Option(help="So many of the best are evaluated again in the end; with --noisy.", min=0)
    ] = 0,
    confirm_seeds: Annotated[int, typer.Option(help="How many times more each of these is evaluated.", min=1)] = 2,
    processes: Annotated[int, typer.Option(help="Processes at once; default: one a core.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the report; with trials in it already, the bench goes on.")
    ] = None,
    downloads: Downloads = None,
    as_json: AsJson = False,
) -> None:
    """Compare proposers on published tables, over many seeds, with confidence intervals."""
    with beginning():
        from ..bench import bench as benches
        from ..bench.task import read_share

    folder = out or benches.new_folder()
    with stopping(f"go on with the same command and `--out {folder}`"), TrialsBar() as tell:
        making = benches.bench(
            spaces,
            proposers=[name.strip() for name in proposers.split(",") if name.strip()],
            taus=[_tau(word) for word in taus.split(",") if word.strip()],
            seeds=seeds,
            iterations=[_whole(word) for word in iterations.split(",")],
            flops_caps=[read_share(word) for word in flops_cap.split(",") if word.strip()],
            tables=dict(_pair(given) for given in table or ()),
            downloads=downloads,
            out=folder,
            processes=processes,
            noisy=noisy,
            confirm=confirm,
            confirm_seeds=confirm_seeds,
            tell=tell,
        )
        found = asyncio.run(making)
    print_text(json.dumps(found.to_json())) if as_json else _print(found)


def _whole(word: str) -> int:
    try:
        return int(word)
    except ValueError:
        raise GeniusError(f"iterations are whole numbers with commas between, as in 10,20,50, got {word!r}") from None


def _tau(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise GeniusError(f"TAU is a number from -1 to 1, as in -0.5,0,0.3,0.6,0.9, got {word!r}") from None


def _pair(given: str) -> tuple[str, str]:
    space, equals, file = given.partition("=")
    if not equals:
        raise GeniusError(f"a table is named as SPACE=FILE, got {given!r}")
    return space, file


def _print(found: "Bench") -> None:
    """Print a table for each task with its notes, then the place of the report."""
    from rich.table import Table

    from ..bench.report import evaluations, spread, title
    from ..report.show import as_text, print_sentences

    out, first = console(stderr=False), found.plan.proposers[0]
    for task in found.plan.tasks:
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("proposer", overflow="fold")
        rows = [row for row in found.rows if row.task == task]
        told = ["overstatement"] * task.noisy
        for name in ("after", "rank", title(rows), f"rank − {first}", *told):
            table.add_column(as_text(name), justify="right", overflow="fold")
        for row in rows:
            apart, value = "" if row.proposer == first else str(row.difference), spread(row.value, row.objective)
            cells = [row.proposer, evaluations(row), str(row.rank), value, apart]
            cells += [spread(row.overstatement, row.objective)] * task.noisy
            table.add_row(*map(as_text, cells))
        out.print(as_text(task.name), style="bold")
        out.print(table, "", sep="\n")
    seeds = f"{found.plan.seeds} seeds; ± is half of the 95% confidence interval of the mean"
    print_sentences(out, [seeds, *found.notes, *map(str, found.judged)])
    print_sentences(out, [f"report: {found.folder / 'bench.md'}"], copied=True)
