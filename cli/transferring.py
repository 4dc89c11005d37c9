"""The command that trains on from trained weights, on another data set: `transfer`."""

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
        help="The network whose weights are transferred.",
        autocompletion=completing.spaces_and_runs,
    ),
]
_Images = Annotated[
    str,
    typer.Option(
        "--data",
        metavar="NAME",
        help="The data set to transfer to: cifar10, cifar100, folder:PATH, …",
        show_default=False,
        autocompletion=completing.data_sets,
    ),
]


@stopping("go on with the same command")
@with_settings("training.recipe", "training.batch")
def transfer(
    target: _Network,
    architecture: ArchitectureOf = None,
    *,
    data: _Images,
    weights: WeightsFile = None,
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
    """Fine-tune trained weights on another data set, under a new head; run again, it goes on where it was cut off."""
    say("reading the network, its weights and the data")
    with beginning():
        from ..bench.transfer_report import write_transfer
        from ..graph.bundle import ExportOptions
        from ..graph.transfer import plan_transfer
        from ..tables.fetch import downloads_folder

    flags = options | {"data": data, "device": device, "threads": threads, "seed": seed}
    asked = asked_settings(set, flags)
    told = ExportOptions(downloads_folder(None), space=space, trust=trust)
    seed = asked.loop.first_seed
    planned, said = plan_transfer(target, architecture, weights, asked.training, told, seed=seed, out=out)
    train_planned(planned, said, as_json=as_json, report=write_transfer)
