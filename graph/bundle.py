"""What is exported: trained weights, and what is known of them. Imports torch."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import GeniusError, GeniusWarning
from ..record.files import check_folder
from ..training.card import Card, input_of
from ..training.data import find_data, kind_of
from ..training.job import Job, TrainingFiles
from ..training.recipes import Recipe, get_recipe, override
from ..training.weights import Trained, Weights, load_trained, read_card, read_weights
from .final import Subject, find_subject, finished_training, provenance, subject_of, task_named

_SIZES = {"digits": 8, "cifar": 32}  # of images, in pixels


@dataclass(frozen=True)
class Told:
    """What the user says of weights: the data set and the recipe that they were trained with, and where data sets lie.

    `size` is what the images are to have in pixels, whatever they had. A `space` of one's own that a run or a job names
    is imported where it is named here too, or with `trust`.
    """

    downloads: Path
    data: str | None = None
    recipe: str | None = None
    changes: Sequence[str] = ()
    size: int | None = None
    space: str | None = None
    trust: bool = False


def find_trained(
    target: str, architecture: str | None, weights: Path | None, told: Told
) -> tuple[Trained, dict[str, object]]:
    """Load the network of a training's folder, or of a space or a run and its weights; and say where they are from.

    Raises: GeniusError.
    """
    job = Job.load(TrainingFiles(Path(target)).job) if TrainingFiles(Path(target)).job.is_file() else None
    if job is not None:
        check_folder(Path(target))
        job = replace(job, folder=Path(target))
        subject = subject_of(job, job.files.job, told.space, trust=told.trust)
    else:
        subject = find_subject(target, architecture, told.space, trust=told.trust)
    chosen = weights or (job.files.weights if job else None)
    if chosen is None:
        raise GeniusError("name the weights with --weights; `genius train` makes them")
    if job and not weights and not chosen.exists():
        raise GeniusError(f"{target} holds no weights: its training has not come to its end, or leaves none")
    read = read_weights(chosen)
    card = _find_card(subject, job, read, told)
    named = replace(card, space=subject.space_name, architecture=subject.architecture).at(told.size)
    origin = provenance(job, finished_training(job)) if job else {}
    return load_trained(subject.space, named, read), {**origin, "weights": chosen.name}


def _find_card(subject: Subject, job: Job | None, weights: Weights, told: Told) -> Card:
    """Say what weights are: as the user says, else as they say themselves, else as their job says."""
    if told.data or told.recipe or told.changes:
        return _told_card(subject, told)
    return weights.card or (_of_job(subject, job) if job else _guess(subject, weights.path))


def _told_card(subject: Subject, told: Told) -> Card:
    data, recipe = task_named(subject, told.data, told.recipe)
    known = find_data(data, told.downloads).class_names if told.data else ()
    return _card(subject, data, override(get_recipe(recipe), told.changes), known)


def _of_job(subject: Subject, job: Job) -> Card:
    """Say what weights are that lie in a training's folder, by its own weights, or by its job where these are older."""
    if job.files.weights.is_file() and (card := read_card(job.files.weights)):
        return card
    return _card(subject, job.data, job.recipe, job.found.classes if job.found else ())


def _guess(subject: Subject, weights: Path) -> Card:
    """Take weights that say nothing for those of the space's own task, and say so."""
    data, recipe = task_named(subject, None, None)
    warnings.warn(
        f"{weights} does not say how it was trained: taken to be on {data} by {recipe}, without names of the classes; "
        "--data, --recipe and --set say otherwise",
        GeniusWarning,
        stacklevel=4,
    )
    return _card(subject, data, get_recipe(recipe), ())


def _card(subject: Subject, data: str, recipe: Recipe, classes: tuple[str, ...]) -> Card:
    kind, (channels, *_, own) = kind_of(data), subject.space.shape
    size = recipe.size or _SIZES.get(kind, own)
    return Card(subject.space_name, subject.architecture, classes, input_of(kind, recipe, channels, size))
