"""The split of an image folder into training, validation and test images. Does not load torch."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import GeniusError
from ..printable import brief
from .folders import FolderLayout, FolderPart, Labels, list_images
from .job import DataSummary

_TASK_SEED = 1797  # it defines every split, and never changes
_SHOWN = 10  # names of classes


@dataclass(frozen=True)
class ImagePaths:
    """Paths of images, and their class numbers, of shape (n,)."""

    paths: tuple[str, ...]
    labels: Labels

    def where(self, chosen: npt.NDArray[np.bool_]) -> "ImagePaths":
        """Select images by a mask of shape (n,), in their order."""
        return ImagePaths(tuple(self.paths[number] for number in np.flatnonzero(chosen)), self.labels[chosen])


@dataclass(frozen=True)
class Split:
    """The images of a folder by part, the names of their classes, and sentences on how the folder was read."""

    classes: tuple[str, ...]
    train: ImagePaths
    validation: ImagePaths
    test: ImagePaths
    notes: tuple[str, ...]

    @property
    def found(self) -> DataSummary:
        """The summary that a job keeps."""
        train, validation, test = (len(part.paths) for part in (self.train, self.validation, self.test))
        return DataSummary(self.classes, train, validation, test, self.notes)


def split_folder(layout: FolderLayout, share: float) -> Split:
    """Split an image folder into training, validation and test images.

    - A folder with both a validation and a test part is taken as it is.
    - Where it has one of them, that one is the test, and a `share` of each class's training images is held out as
      validation images.
    - Where it has neither, the test images are held out of the training images first, by the same share.

    Raises: GeniusError where the images are too few, or the classes of the parts differ.
    """
    listed = list_images(layout.train)
    beside = [place for place in (layout.validation, layout.test) if place]
    official = [list_images(place, listed.classes) for place in beside]
    train, validation, test = _parts(listed, official, share)
    notes = _words(layout, listed.classes, [len(part.paths) for part in (train, validation, test)])
    odd = [note for part in (listed, *official) for note in part.notes]
    return Split(listed.classes, train, validation, test, (*notes, *odd))


def _parts(listed: FolderPart, official: list[FolderPart], share: float) -> tuple[ImagePaths, ImagePaths, ImagePaths]:
    train = ImagePaths(listed.paths, listed.labels)
    given = [ImagePaths(part.paths, part.labels) for part in official]
    if len(given) == 2:
        return train, given[0], given[1]
    if not given:
        train, test = _halves(train, share)
        given = [test]
    return *_halves(train, share), given[0]


def _halves(images: ImagePaths, share: float) -> tuple[ImagePaths, ImagePaths]:
    held = held_out(images.labels, share)
    return images.where(~held), images.where(held)


def held_out(labels: Labels, share: float) -> npt.NDArray[np.bool_]:
    """Choose the images to hold out, a share of each class and at least one: shape (n,), True where held out.

    The same labels always give the same choice. Raises: GeniusError where a class has too few images.
    """
    rng = np.random.default_rng(_TASK_SEED)
    held = np.zeros(len(labels), dtype=bool)
    for label in range(int(labels.max()) + 1):
        members = np.flatnonzero(labels == label)
        number = max(1, round(share * len(members)))
        if number >= len(members):
            raise GeniusError(f"class {label} has {len(members)} training images: too few to hold some of them out")
        held[rng.permutation(members)[:number]] = True
    return held


def _words(layout: FolderLayout, classes: tuple[str, ...], images: list[int]) -> list[str]:
    """Describe the classes, the use of the images, and the folders that are left out."""
    more = f" and {len(classes) - _SHOWN:,} more" * (len(classes) > _SHOWN)
    steering = layout.validation if layout.test else None
    test = layout.test or layout.validation
    words = [
        f"{len(classes):,} classes: {', '.join(map(brief, classes[:_SHOWN]))}{more}",
        f"images: {images[0]:,} to train on, of {layout.train}; {images[1]:,} that steer the search, {_of(steering)}; "
        f"{images[2]:,} for the final test alone, {_of(test)}",
    ]
    if layout.left_out:
        names = ", ".join(brief(folder.name) for folder in layout.left_out[:5])
        words.append(f"folders beside the parts are left out: {names}")
    return words


def _of(part: Path | None) -> str:
    return f"of {part}" if part else "held out of the training images"
