"""Which images of a folder are trained on, which steer the search and which test. Does not load torch."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import GeniusError
from ..printable import brief
from .folders import FolderLayout, FolderPart, Labels, list_images
from .job import FolderSummary

_TASK_SEED = 1797  # of every split: it is part of the task and never changes
_SHOWN = 10  # names of classes


@dataclass(frozen=True)
class ImagePaths:
    """Paths of images, with the number of each one's class: shape (n,)."""

    paths: tuple[str, ...]
    labels: Labels

    def where(self, chosen: npt.NDArray[np.bool_]) -> "ImagePaths":
        """Return those that are chosen, in their order."""
        return ImagePaths(tuple(self.paths[number] for number in np.flatnonzero(chosen)), self.labels[chosen])


@dataclass(frozen=True)
class Split:
    """The images of a folder, the names of their classes, and sentences that tell what was made of the folder."""

    classes: tuple[str, ...]
    train: ImagePaths
    validation: ImagePaths
    test: ImagePaths
    notes: tuple[str, ...]

    @property
    def found(self) -> FolderSummary:
        """What a job keeps of it."""
        train, validation, test = (len(part.paths) for part in (self.train, self.validation, self.test))
        return FolderSummary(self.classes, train, validation, test, self.notes)


def split_folder(layout: FolderLayout, share: float) -> Split:
    """Split a folder of images, one folder a class.

    The test part, or the validation part where there is no test part, is for the final test alone; the validation part
    steers the search where there are both, and else a share of each class's training images. Where there is neither, a
    share of them is the test, too.

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
    """Choose a share of each class to hold out, at least one image, always the same: shape (n,), True for those.

    Raises: GeniusError where a class has too few.
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
    """Say which classes there are, which images are used for what, and what is left out."""
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
