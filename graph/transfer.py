"""The transfer of trained weights to another data set. Imports torch."""

from dataclasses import replace
from pathlib import Path

import torch

from ..errors import GeniusError
from ..record.settings import TrainingSettings
from ..training.batches import ALONE
from ..training.classification import Classification
from ..training.job import Origin, TrainingJob
from .bundle import ExportOptions, network_named, weights_of
from .final import plan_training

TRANSFER_RECIPE = "finetune"


def plan_transfer(
    target: str,
    architecture: str | None,
    weights: Path | None,
    asked: TrainingSettings,
    options: ExportOptions,
    *,
    seed: int = 0,
    out: Path | None = None,
) -> tuple[TrainingJob, list[str]]:
    """Plan a training on another data set that begins with weights: those named, or those of a training's folder.

    Returns the job, and notes on the images, the new head and what is frozen.
    Raises: GeniusError where the weights are missing, of another network, or do not fit the images.
    """
    if not asked.data:
        raise GeniusError("name the data set to transfer to with --data, as in --data cifar10 or --data folder:PATH")
    subject, job = network_named(target, architecture, options)
    origin = Origin.of(weights or weights_of(job, target))
    asked = replace(asked, recipe=asked.recipe or TRANSFER_RECIPE)
    planned, said = plan_training(subject, asked, seed=seed, out=out, downloads=options.downloads, origin=origin)
    assert isinstance(planned, TrainingJob)  # a space of texts has been refused
    task = Classification.open(planned, torch.device("cpu"), ALONE)  # it refuses all that does not fit
    return planned, [*said, *task.begun.notes]
