"""The command that makes the paper's Table 2 again: `paper imagenet`."""

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from . import beginning, completing
from .options import AsJson, FinalSet, Set, console, with_settings
from .panels import MAIN
from .searching import default_model, settings_asked
from .signals import stopping
from .streams import print_text, say

_FinalRecipe = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT",
        help="Recipe of the final training; default: retrain-imagenet.",
        autocompletion=completing.recipes,
        rich_help_panel=MAIN,
    ),
]
_Out = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="Folder of all stages; with some in it already, they go on.")
]


@with_settings(
    *("llm.models", "proposer", "loop.iterations", "loop.seed", "llm.temperature", "llm.base_url"),
    *("limits.flops", "limits.params", "limits.convention", "limits.repair", "loop.memory"),
    *(f"training.{name}" for name in ("data", "recipe", "batch", "workers", "on", "slurm", "device", "threads")),
    "downloads",
)
def imagenet(
    final_recipe: _FinalRecipe = None,
    final_set: FinalSet = None,
    set: Set = None,
    out: _Out = None,
    as_json: AsJson = False,
    **options: Any,
) -> None:
    """Make Table 2 again: a search on ImageNet, and its best trained to the end, beside the paper's numbers."""
    with beginning():
        from ..bench import imagenet as stages
        from ..bench.imagenet_report import IMAGENET_REPORT, imagenet_json, imagenet_markdown, write_imagenet
        from ..record.settings import Settings
        from ..report.display import Display
        from ..report.show import print_sentences

    options |= default_model(settings_asked(Settings(), options, set), options)
    plan = stages.plan_imagenet(final_recipe=final_recipe, final_set=final_set or (), set=set or (), **options)
    folder = out or stages.default_folder(plan)
    with stopping(f"go on with the same command and `--out {folder}`"):
        progress = Display(console(), plan.settings.loop.iterations, live=False)
        found = asyncio.run(stages.imagenet(plan, folder, say=say, progress=progress))
        write_imagenet(found)
    if as_json:
        print_text(json.dumps(imagenet_json(found)))
    else:
        print_text(imagenet_markdown(found).rstrip())
        print_sentences(console(stderr=False), [f"report: {folder / IMAGENET_REPORT}"], copied=True)
    if found.retrained is None or found.retrained.error is not None:
        raise typer.Exit(1)
