"""The command that compares fidelities of training: `ablate`."""

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import GeniusError
from . import beginning, completing
from .options import SPACE, AsJson, FinalSet, Set, console, with_settings
from .panels import MAIN
from .searching import default_model, settings_asked
from .signals import stopping
from .streams import print_text, say

if TYPE_CHECKING:
    from ..bench.ablation import Ablation

_Space = Annotated[str, typer.Argument(help=SPACE, autocompletion=completing.spaces_and_files)]
_Epochs = Annotated[
    str, typer.Option(help="Epochs of a training to compare, as in 10,20,30,40,50.", rich_help_panel=MAIN)
]
_Sizes = Annotated[
    str, typer.Option(help="Image sizes to compare, in pixels, as in 224,196,160,128,96.", rich_help_panel=MAIN)
]
_Evaluations = Annotated[
    int, typer.Option(metavar="N", help="Evaluations of each search; 0 for no searches.", rich_help_panel=MAIN)
]
_Architectures = Annotated[
    int,
    typer.Option(
        metavar="N",
        help="Train so many architectures, even over FLOPs, at every fidelity, and tell how well each orders them.",
        rich_help_panel=MAIN,
    ),
]
_Seeds = Annotated[
    int, typer.Option(metavar="K", help="Seeds of each of these trainings: how far do two agree?", rich_help_panel=MAIN)
]
_FinalRecipe = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT",
        help="Recipe of the full fidelity, at which the best are trained; default: the space's own for a final "
        "training, else that of the searches.",
        autocompletion=completing.recipes,
        rich_help_panel=MAIN,
    ),
]
_Out = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="Folder of the ablation; with one in it already, it goes on.")
]


@with_settings(
    *("llm.models", "proposer", "loop.seed", "llm.temperature", "llm.base_url"),
    *("limits.flops", "limits.params", "limits.convention"),
    *(f"training.{name}" for name in ("data", "recipe", "batch", "workers", "on", "slurm", "device", "threads")),
    "downloads",
)
def ablate(
    space: _Space,
    epochs: _Epochs = "",
    size: _Sizes = "",
    evaluations: _Evaluations = 10,
    architectures: _Architectures = 0,
    seeds: _Seeds = 1,
    final_recipe: _FinalRecipe = None,
    final_set: FinalSet = None,
    set: Set = None,
    out: _Out = None,
    as_json: AsJson = False,
    **options: Any,
) -> None:
    """Compare cheap trainings with long ones: the best that each finds, its cost, and rank correlations."""
    with beginning():
        from ..bench import ablation as ablations
        from ..bench.ablation_report import ablation_json, write_ablation
        from ..record.settings import Settings
        from ..report.display import Display

    if evaluations:
        options |= default_model(settings_asked(Settings(), options, set), options)
    plan = ablations.plan_ablation(
        space,
        epochs=_wholes("epochs", epochs),
        sizes=_wholes("size", size),
        evaluations=evaluations,
        architectures=architectures,
        seeds=seeds,
        final_recipe=final_recipe,
        final_set=final_set or (),
        set=set or (),
        **options,
    )
    folder = out or ablations.new_ablation_folder()
    with stopping(f"go on with the same command and `--out {folder}`"):
        progress = Display(console(), evaluations, live=False)
        found = asyncio.run(ablations.ablation(plan, out=folder, say=say, progress=progress))
        write_ablation(found)
    print_text(json.dumps(ablation_json(found))) if as_json else _print(found)


def _wholes(name: str, words: str) -> list[int]:
    try:
        found = [int(word) for word in words.split(",") if word.strip()]
    except ValueError:
        found = [0]
    if any(each < 1 for each in found):
        raise GeniusError(f"--{name} takes whole numbers from 1 with commas between, as in 10,20,50, got {words!r}")
    return found


def _print(found: "Ablation") -> None:
    from ..bench.ablation_report import ABLATION_REPORT, ablation_markdown
    from ..report.show import print_sentences

    print_text(ablation_markdown(found).rstrip())
    print_sentences(console(stderr=False), [f"report: {found.folder / ABLATION_REPORT}"], copied=True)
