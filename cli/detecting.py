"""The command that trains a detector on an architecture: `detect`."""

from typing import Annotated, Any

import typer

from . import beginning, completing
from .options import AsJson, OwnSpace, Set, Trust, with_settings
from .signals import stopping
from .streams import say
from .training import (
    ArchitectureOf,
    DeviceName,
    OutFolder,
    Seed,
    Threads,
    WeightsFile,
    asked_settings,
    train_planned,
)

_Network = Annotated[
    str,
    typer.Argument(
        metavar="SPACE|RUN|TRAINING",
        help="The network whose levels the detector stands on.",
        autocompletion=completing.spaces_and_runs,
    ),
]
_Boxes = Annotated[
    str,
    typer.Option("--data", metavar="coco:PATH", help="Images with boxes, laid out as COCO's are.", show_default=False),
]


@stopping("go on with the same command")
@with_settings("training.recipe", "training.batch")
def detect(
    target: _Network,
    architecture: ArchitectureOf = None,
    *,
    data: _Boxes,
    weights: WeightsFile = None,
    scratch: Annotated[bool, typer.Option("--scratch", help="Load no weights.")] = False,
    set: Set = None,
    seed: Seed = 0,
    device: DeviceName = None,
    threads: Threads = 1,
    out: OutFolder = None,
    space: OwnSpace = None,
    trust: Trust = False,
    as_json: AsJson = False,
    **options: Any,
) -> None:
    """Train RetinaNet on a network's levels, and measure COCO's AP; run again, it goes on where it was cut off."""
    say("reading the network, its weights and the data")
    with beginning():
        from ..bench.transfer_report import write_detection
        from ..graph.bundle import ExportOptions
        from ..graph.detectors import find_classifier, plan_detection
        from ..tables.fetch import downloads_folder

    asked = asked_settings(set, options | {"device": device, "threads": threads, "seed": seed})
    told = ExportOptions(downloads := downloads_folder(None), space=space, trust=trust)
    classifier = find_classifier(target, architecture, weights, told, scratch=scratch)
    seed = asked.loop.first_seed
    planned, said = plan_detection(classifier, data, asked.training, seed=seed, out=out, downloads=downloads)
    train_planned(planned, said, as_json=as_json, report=write_detection)
