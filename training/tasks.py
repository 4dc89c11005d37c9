"""The task that the networks of a space learn: its job, and a look at its data. Does not load torch."""

from dataclasses import dataclass
from pathlib import Path

from ..errors import GeniusError
from ..spaces.space import SearchSpace
from .data import find_data
from .dataset import ImageForm
from .job import DataSummary, TrainingJob
from .language_job import LanguageJob, check_language_recipe
from .recipes import Recipe
from .text import load_text


def job_of(space: SearchSpace) -> type[TrainingJob] | type[LanguageJob]:
    """Return the kind of training that the networks of a space are for: classification, or language modelling."""
    return TrainingJob if space.context is None else LanguageJob


@dataclass(frozen=True)
class DataLook:
    """The summary of a data set, and the pixels of its images' sides; 0 where they differ, or where it is a text."""

    found: DataSummary
    size: int = 0


def look_at(space: SearchSpace, data: str, recipe: Recipe, downloads: Path) -> DataLook:
    """Look at the data set that a space is to be trained on by a recipe.

    Raises: GeniusError where it is not there, or is nothing that the space's networks or the recipe take.
    """
    if space.context is not None:
        check_language_recipe(recipe)
        return DataLook(load_text(data, space.shape[0]).found)
    images = find_data(data, downloads)
    check_augmentation(images.form, recipe)
    return DataLook(images.found(), images.size)


def check_augmentation(form: ImageForm, recipe: Recipe) -> None:
    """Raises GeniusError where a recipe cuts photographs, and the images are floats."""
    if form == "floats" and recipe.augment == "resized-crop-flip":
        raise GeniusError(f"augment={recipe.augment} takes photographs: choose another augmentation")


def check_reads_images(space: SearchSpace, purpose: str) -> None:
    """Raises GeniusError for a space of language models; `purpose` says why those of images alone will do."""
    if space.context is not None:
        raise GeniusError(f"{space.name} reads text, and {purpose}")
