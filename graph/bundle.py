"""The network of an export: it is found, with its weights and their card, in a training, a run or a space.

Imports torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import GeniusError, warn
from ..evaluators.kinds import load_job
from ..record.files import check_folder
from ..training.card import Card, input_of
from ..training.data import find_data, form_of
from ..training.job import JobFiles, TrainingJob
from ..training.recipes import RECIPES, Recipe, override
from ..training.tasks import check_reads_images
from ..training.weights import Trained, Weights, load_trained, read_card, read_weights
from .final import Subject, find_subject, finished_training, provenance, subject_of, task_named


@dataclass(frozen=True)
class ExportOptions:
    """The user's options for an export: the data set and the recipe of the weights' training, and the image size.

    `downloads` is the folder of data sets. `size`, in pixels, replaces the image size of the training. A user's own
    space that a run or a job names is imported where `space` names it too, or with `trust`.
    """

    downloads: Path
    data: str | None = None
    recipe: str | None = None
    changes: Sequence[str] = ()
    size: int | None = None
    space: str | None = None
    trust: bool = False


def find_trained(
    target: str, architecture: str | None, weights: Path | None, options: ExportOptions
) -> tuple[Trained, dict[str, object]]:
    """Load the trained network of a training's folder, or of a space or a run and its weights, with its provenance.

    Raises: GeniusError.
    """
    subject, job = network_named(target, architecture, options)
    read = read_weights(weights or weights_of(job, target))
    card = _find_card(subject, job, read, options)
    named = replace(card, space=subject.space_name, architecture=subject.architecture).at(options.size)
    origin = provenance(job, finished_training(job)) if job else {}
    if card.transferred_from:
        origin["transferred_from"] = card.transferred_from
    return load_trained(subject.space, named, read), {**origin, "weights": read.path.name}


def network_named(target: str, architecture: str | None, options: ExportOptions) -> tuple[Subject, TrainingJob | None]:
    """Find the architecture of a space, of a run, or of a training's folder, of which the job is returned too.

    Raises: GeniusError.
    """
    if not JobFiles(Path(target)).job.is_file():
        subject = find_subject(target, architecture, options.space, trust=options.trust)
        check_reads_images(subject.space, "networks of images alone are exported, transferred, or become detectors")
        return subject, None
    check_folder(Path(target))
    _, found = load_job(JobFiles(Path(target)).job)
    if not isinstance(found, TrainingJob):
        detector = "; a detector is exported with --detector" if found.kind == "detection" else ""
        raise GeniusError(f"{target} holds no training of a classifier, but a job of the kind {found.kind}{detector}")
    job = replace(found, folder=Path(target))
    return subject_of(job, job.files.job, options.space, trust=options.trust), job


def weights_of(job: TrainingJob | None, target: str) -> Path:
    """Return the file of a training's weights.

    Raises: GeniusError where there is none.
    """
    if job is None:
        raise GeniusError("name the weights with --weights; `genius train` makes them")
    if not job.files.weights.exists():
        raise GeniusError(f"{target} holds no weights: its training has not come to its end, or leaves none")
    return job.files.weights


def _find_card(subject: Subject, job: TrainingJob | None, weights: Weights, options: ExportOptions) -> Card:
    """Return the card of weights: by the user's options, else their own, else that of their job, else a guess."""
    if options.data or options.recipe or options.changes:
        return _chosen_card(subject, options)
    return weights.card or (_of_job(subject, job) if job else _guess(subject, weights.path))


def _chosen_card(subject: Subject, options: ExportOptions) -> Card:
    data, recipe = task_named(subject, options.data, options.recipe)
    known = find_data(data, options.downloads).class_names if options.data else ()
    return _card(subject, data, override(RECIPES.find(recipe), options.changes), known)


def _of_job(subject: Subject, job: TrainingJob) -> Card:
    """Return the card of a training's folder: that of its weights, or one made from its job where they have none."""
    if job.files.weights.is_file() and (card := read_card(job.files.weights)):
        return card
    return _card(subject, job.data, job.recipe, job.found.classes if job.found else ())


def _guess(subject: Subject, weights: Path) -> Card:
    """Make the card of weights without any information, as if trained on the space's own data set, and warn of it."""
    data, recipe = task_named(subject, None, None)
    warn(
        f"{weights} does not say how it was trained: taken to be on {data} by {recipe}, without names of the classes; "
        "--data, --recipe and --set say otherwise"
    )
    return _card(subject, data, RECIPES.find(recipe), ())


def _card(subject: Subject, data: str, recipe: Recipe, classes: tuple[str, ...]) -> Card:
    channels, *_, own = subject.space.shape
    form, size, scale = form_of(data, channels)
    taken = input_of(form, recipe, recipe.size or size or own, scale)
    return Card(subject.space_name, subject.architecture, classes, taken)
