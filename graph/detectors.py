"""The training of a detector on an architecture, and its export. Imports torch."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import GeniusError
from ..evaluators.kinds import load_job
from ..record.files import check_folder
from ..record.settings import TrainingSettings
from ..training.average_precision import check_pycocotools
from ..training.boxes import load_boxes
from ..training.card import PHOTOGRAPHS, Input, unscaled
from ..training.dataset import COLOURS, GREY
from ..training.detection import Built, build_detector, check_recipe
from ..training.detection_job import DetectionJob
from ..training.detector_export import TrainedDetector
from ..training.job import JobFiles, Origin
from ..training.recipes import RECIPES, override, scaled
from ..training.weights import load_detector
from .bundle import ExportOptions, find_trained, network_named
from .final import Subject, check_job_folder, finished_training, provenance, subject_of, usual_folder

DETECTOR_RECIPE = "detect-coco"


@dataclass(frozen=True)
class Classifier:
    """The classifier on whose levels a detector stands; no weights leave its initial ones."""

    subject: Subject
    input: Input
    weights: Path | None = None


def find_classifier(
    target: str, architecture: str | None, weights: Path | None, options: ExportOptions, *, scratch: bool = False
) -> Classifier:
    """Find the classifier of a training's folder, or of a space or a run and its weights.

    Raises: GeniusError where it has no weights, and is not to be trained from scratch.
    """
    if scratch:
        if weights is not None:
            raise GeniusError("--scratch draws the weights anew, and --weights names some: leave one of them out")
        subject, _ = network_named(target, architecture, options)
        channels, *_, size = subject.space.shape
        scale = PHOTOGRAPHS if channels == COLOURS else unscaled(channels)
        return Classifier(subject, Input(channels, size, 1.0, True, scale.mean, scale.sd))
    trained, _ = find_trained(target, architecture, weights, options)
    subject, job = network_named(target, architecture, options)
    chosen = weights or (job.files.weights if job else None)
    return Classifier(subject, trained.card.input, chosen)


def plan_detection(
    classifier: Classifier,
    data: str,
    asked: TrainingSettings,
    *,
    seed: int = 0,
    out: Path | None = None,
    downloads: Path,
) -> tuple[DetectionJob, list[str]]:
    """Plan the training of a detector; return the job, and notes on the boxes, the levels and the batch norm.

    Raises: GeniusError.
    """
    check_pycocotools()
    subject, weights = classifier.subject, classifier.weights
    if classifier.input.channels not in (GREY, COLOURS):
        raise GeniusError(
            f"images with boxes are grey or coloured, and the network takes {classifier.input.channels} channels"
        )
    recipe, said = override(RECIPES.find(asked.recipe or DETECTOR_RECIPE), asked.recipe_changes), []
    if asked.batch is not None:
        recipe, scaling = scaled(recipe, asked.batch)
        said.append(scaling)
    check_recipe(recipe)
    found = load_boxes(data).found
    job = DetectionJob(
        space=subject.space_name,
        architecture=subject.architecture,
        origin=None if weights is None else Origin.of(weights),
        classifier=classifier.input,
        seed=seed,
        data=data,
        recipe=recipe,
        folder=out or usual_folder("detect", subject, seed, data, recipe),
        downloads=downloads,
        device=asked.device or "",
        threads=asked.threads or 1,
        keep_weights=True,
        found=found,
    )
    check_job_folder(job)
    built = build_detector(job, subject.space, len(found.classes))
    return job, [*found.notes, *said, *_on_weights(job, built)]


def _on_weights(job: DetectionJob, built: Built) -> Sequence[str]:
    if job.origin is None:
        return (*built.notes, "trained from scratch: no weights are loaded, and batch norm is trained")
    frozen = "keeps its statistics and scales" if job.recipe.frozen_bn else "is trained"
    return (*built.notes, f"weights of {job.origin.weights.name}: every name matched; batch norm {frozen}")


def find_detector(target: str, space: str | None, *, trust: bool) -> tuple[TrainedDetector, dict[str, object]]:
    """Load the trained detector of a training's folder, with its provenance.

    Raises: GeniusError.
    """
    folder = Path(target)
    if not JobFiles(folder).job.is_file():
        raise GeniusError(f"{target} is no folder of a training: `genius detect` makes the one of a detector")
    check_folder(folder)
    _, found = load_job(JobFiles(folder).job)
    if not isinstance(found, DetectionJob):
        raise GeniusError(f"{target} holds no detector, but a job of the kind {found.kind}: leave --detector out")
    job = replace(found, folder=folder)
    subject = subject_of(job, job.files.job, space, trust=trust)
    if job.found is None or not job.files.weights.exists():
        raise GeniusError(f"{target} holds no weights: its training has not come to its end")
    built = build_detector(replace(job, origin=None), subject.space, len(job.found.classes))
    load_detector(built.detector, job.files.weights)
    trained = TrainedDetector(subject.space, job, built.detector.eval(), job.found.classes)
    return trained, {**provenance(job, finished_training(job)), "weights": job.files.weights.name}
