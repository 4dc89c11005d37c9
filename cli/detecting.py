"""The command that trains a detector on an architecture: `detect`."""

from pathlib import Path
from typing import Annotated

import typer

from . import beginning, completing
from .options import AsJson, OwnSpace, Set, Trust
from .signals import stopping
from .training import ArchitectureOf, asked_settings, train_planned


@stopping("go on with the same command")
def detect(
    target: Annotated[
        str,
        typer.Argument(
            metavar="SPACE|RUN|TRAINING",
            help="The network whose levels the detector stands on.",
            autocompletion=completing.spaces_and_runs,
        ),
    ],
    architecture: ArchitectureOf = None,
    data: Annotated[
        str, typer.Option(metavar="coco:PATH", help="Images with boxes, laid out as COCO's are.", show_default=False)
    ] = ...,  # type: ignore[assignment]
    weights: Annotated[
        Path | None, typer.Option(help="Safetensors, or a state dict; default: those of the training.")
    ] = None,
    scratch: Annotated[bool, typer.Option("--scratch", help="Load no weights.")] = False,
    recipe: Annotated[
        str | None,
        typer.Option(help="A recipe's name; default: detect-coco.", autocompletion=completing.recipes),
    ] = None,
    batch: Annotated[
        int | None, typer.Option(metavar="N", help="Another batch size; the learning rate is scaled with it.")
    ] = None,
    set: Set = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of the weights and of the images' order.")] = 0,
    device: Annotated[
        str | None, typer.Option(metavar="TEXT", help="cpu, cuda, cuda:1 or mps; default: CUDA's GPU, if any.")
    ] = None,
    threads: Annotated[int, typer.Option(metavar="N", help="Threads of the CPU.")] = 1,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Folder of the training; default: one in runs/.")
    ] = None,
    space: OwnSpace = None,
    trust: Trust = False,
    as_json: AsJson = False,
) -> None:
    """Train RetinaNet on a network's levels, and measure COCO's AP; run again, it goes on where it was cut off."""
    with beginning():
        from ..graph.bundle import ExportOptions
        from ..graph.detecting import find_classifier, plan_detection
        from ..tables.fetch import downloads_folder

    named = {"recipe": recipe, "batch": batch, "device": device, "threads": threads, "seed": seed}
    asked = asked_settings(set, {name: value for name, value in named.items() if value is not None})
    downloads = downloads_folder(None)
    classifier = find_classifier(
        target, architecture, weights, ExportOptions(downloads, space=space, trust=trust), scratch=scratch
    )
    planned, said = plan_detection(
        classifier, data, asked.training, seed=asked.loop.first_seed, out=out, downloads=downloads
    )
    train_planned(planned, said, as_json=as_json)
