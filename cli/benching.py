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
    from rich.table import Table

    from ..bench.bench import Bench
    from ..bench.task import Task

_PROPOSERS = (
    "With commas between: random, largest, local-search, evolution, guided, guided-without-prior, your own as "
    "MODULE:NAME, llm:SPEC as in llm:openai:gpt-4o, and simulated:TAU, a model whose judgement has the Kendall "
    "correlation TAU with the table, perhaps with :obeys or :adversarial behind TAU. hybrid:llm:SPEC and "
    "hybrid:simulated:TAU search with arms, hybrid with those that need no model. Behind a model may stand +advice or "
    "+disguise, and behind everything +starts:FILE, the architectures to try first. Differences are to the first."
)


_Spaces = Annotated[
    list[str],
    typer.Argument(help="Spaces with a table, all for all six, or MODULE:NAME.", autocompletion=completing.spaces),
]
_Proposers = Annotated[str, typer.Option(help=_PROPOSERS)]
_Taus = Annotated[
    str,
    typer.Option(
        help="Compare simulated models of these TAU, as in -0.5,0,0.3,0.6,0.9, alone and in hybrid searches, and "
        "draw ranks against TAU."
    ),
]
_Seeds = Annotated[int, typer.Option(help="Trials of each proposer on each task.")]
_Iterations = Annotated[str, typer.Option(help="After how many evaluations to report, as in 10,20,50,100.")]
_FlopsCaps = Annotated[
    str, typer.Option(help="Pools of the architectures up to a share of the largest FLOPs, as in 50%,30%.")
]
_Tables = Annotated[list[str] | None, typer.Option(help="SPACE=FILE: a table of your own, JSON.")]
_Noisy = Annotated[
    bool,
    typer.Option("--noisy", help="An evaluation is one of a table's trainings, drawn by the seed, not their mean."),
]
_Confirm = Annotated[int, typer.Option(help="So many of the best are evaluated again in the end; with --noisy.", min=0)]
_ConfirmSeeds = Annotated[int, typer.Option(help="How many times more each of these is evaluated.", min=1)]
_Processes = Annotated[int, typer.Option(help="Processes at once; default: one a core.")]
_Out = Annotated[Path | None, typer.Option(help="Folder of the report; with trials in it already, the bench goes on.")]


def bench(
    spaces: _Spaces,
    proposers: _Proposers = "guided,random,largest,local-search,evolution",
    taus: _Taus = "",
    seeds: _Seeds = 100,
    iterations: _Iterations = "10",
    flops_cap: _FlopsCaps = "",
    table: _Tables = None,
    noisy: _Noisy = False,
    confirm: _Confirm = 0,
    confirm_seeds: _ConfirmSeeds = 2,
    processes: _Processes = 0,
    out: _Out = None,
    downloads: Downloads = None,
    as_json: AsJson = False,
) -> None:
    """Compare proposers on published tables, over many seeds, with confidence intervals."""
    with beginning():
        from ..bench import bench as benches

    folder = out or benches.new_folder()
    with stopping(f"go on with the same command and `--out {folder}`"), TrialsBar() as tell:
        making = benches.bench(
            spaces,
            proposers=[name.strip() for name in proposers.split(",") if name.strip()],
            taus=[_tau(word) for word in taus.split(",") if word.strip()],
            seeds=seeds,
            iterations=[_whole(word) for word in iterations.split(",")],
            flops_caps=_shares(flops_cap),
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


def _shares(words: str) -> list[float]:
    from ..bench.task import read_share

    return [read_share(word) for word in words.split(",") if word.strip()]


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
    from ..report.show import as_text, print_sentences

    out = console(stderr=False)
    for task in found.plan.tasks:
        out.print(as_text(task.name), style="bold")
        out.print(_table(found, task), "", sep="\n")
    seeds = f"{found.plan.seeds} seeds; ± is half of the 95% confidence interval of the mean"
    print_sentences(out, [seeds, *found.notes, *map(str, found.judged)])
    print_sentences(out, [f"report: {found.folder / 'bench.md'}"], copied=True)


def _table(found: "Bench", task: "Task") -> "Table":
    """Make the table of a task."""
    from rich.table import Table

    from ..bench.report import evaluations, spread, title
    from ..report.show import as_text

    table, first = Table(box=None, pad_edge=False, header_style="bold"), found.plan.proposers[0]
    table.add_column("proposer", overflow="fold")
    rows = [row for row in found.rows if row.task == task]
    for name in ("after", "rank", title(rows), f"rank − {first}", *["overstatement"] * task.noisy):
        table.add_column(as_text(name), justify="right", overflow="fold")
    for row in rows:
        apart, value = "" if row.proposer == first else str(row.difference), spread(row.value, row.objective)
        cells = [row.proposer, evaluations(row), str(row.rank), value, apart]
        cells += [spread(row.overstatement, row.objective)] * task.noisy
        table.add_row(*map(as_text, cells))
    return table
