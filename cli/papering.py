"""The commands that make the paper's tables again: one under `paper` for each benchmark."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import GeniusError
from . import beginning
from .options import AsJson, console, with_settings
from .panels import MAIN
from .signals import stopping
from .streams import print_text, say
from .trials_bar import TrialsBar

if TYPE_CHECKING:
    from ..bench.paper import Paper
    from ..graph.progress import Progress

_OF_MODELS = (
    *("models", "base_url", "max_tokens", "reasoning_effort", "num_ctx", "options", "price", "model_file", "timeout"),
    "tries",
)
_OF_LOOP = ("iterations", "max_replies", "max_cost", "max_llm_tokens", "prompts")
_SETTINGS = ("downloads", *(f"llm.{name}" for name in _OF_MODELS), *(f"loop.{name}" for name in _OF_LOOP))

_Trials = Annotated[
    int, typer.Option(help="Trials at each temperature; default: the paper's three or five.", rich_help_panel=MAIN)
]
_Temperatures = Annotated[
    str, typer.Option(help="As in 0,1; default: those of the paper's tables.", rich_help_panel=MAIN)
]
_Repeat = Annotated[
    int,
    typer.Option(
        help="Instead, make the same search so many times at temperature 0: how often is it the same?",
        rich_help_panel=MAIN,
    ),
]
_Disguise = Annotated[
    bool,
    typer.Option(
        "--disguise",
        help="Make each trial once more in a disguise: does the model search by its memory of the table?",
        rich_help_panel=MAIN,
    ),
]
_Out = Annotated[
    Path | None,
    typer.Option(
        help="Folder of the report and the runs; the same command goes on there. Default: one in runs/.",
        rich_help_panel=MAIN,
    ),
]


def _command(benchmark: str, tables: str) -> Callable[..., None]:
    """Return the command of a benchmark."""

    @with_settings(*_SETTINGS)
    def command(
        trials: _Trials = 0,
        temperatures: _Temperatures = "",
        repeat: _Repeat = 0,
        disguise: _Disguise = False,
        out: _Out = None,
        as_json: AsJson = False,
        **options: Any,
    ) -> None:
        with beginning():
            from ..bench import paper as papers

        folder = out or Path("runs") / f"paper-{benchmark}{'-repeat' * bool(repeat)}"
        with stopping(f"go on with the same command and `--out {folder}`"), TrialsBar("iterations") as tell:
            making = papers.paper(
                benchmark,
                out=folder,
                trials=trials,
                temperatures=[_temperature(word) for word in temperatures.split(",") if word.strip()],
                repeat=repeat,
                disguise=disguise,
                tell=tell,
                note=_note,
                **{"llm": [], **options},
            )
            found = asyncio.run(making)
        print_text(json.dumps(found.to_json())) if as_json else _print(found)
        if not any(curve.test_rank for made in found.arms for curve in made.curves.values()):
            raise typer.Exit(1)

    command.__doc__ = f"Make {tables} again with a language model, beside the paper's own numbers."
    return command


def _temperature(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise GeniusError(f"temperatures are numbers with commas between, as in 0,1, got {word!r}") from None


def _note(step: "Progress") -> None:
    """Say the notes of a search, and what it waits for, on standard error."""
    if step.stage in ("note", "waiting") and step.note:
        say(step.note)


def _print(found: "Paper") -> None:
    """Print the best of the trials beside the paper's, the verdicts, and the place of the report."""
    from rich.table import Table

    from ..bench.paper_report import SUMMARY, paper_notes, summary_rows, verdicts
    from ..report.show import as_text, print_sentences

    out = console(stderr=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in SUMMARY:
        table.add_column(as_text(name), justify="left" if name in ("space", "by") else "right", overflow="fold")
    for cells in summary_rows(found):
        table.add_row(*map(as_text, cells))
    out.print(table, "", sep="\n")
    print_sentences(out, [*verdicts(found), *paper_notes(found)])
    print_sentences(out, [f"report: {found.order.out / 'paper.md'}"], copied=True)


COMMANDS = {
    "macro": _command("macro", "Tables 7 and 8"),
    "channel": _command("channel", "Tables 9 and 10"),
    "nas-bench-201": _command("nas-bench-201", "Tables 11 to 13"),
}
"""The commands by their names."""
