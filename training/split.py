"""The split of a data set into training, validation and test images. Does not load torch."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import GeniusError
from ..printable import brief
from .folders import FolderLayout, FolderPart, Labels, list_images
from .job import DataSummary

_TASK_SEED = 1797  # it defines every split, and never changes
_SHOWN = 10  # names of classes

Chosen = tuple[int, npt.NDArray[np.int64]]
"""Images of a part: its place among the parts, and the numbers of the images, of shape (n,)."""


def split_labels(labels: Sequence[Labels], share: float, classes: Sequence[str]) -> tuple[Chosen, Chosen, Chosen]:
    """Choose the training, the validation and the test images of a data set's parts, by the labels of each part.

    - Of three parts each is taken as it is: training, validation, test.
    - Of two the second one is the test, and a `share` of each class's training images is held out as validation images.
    - Of one the test images are held out of the training images first, by the same share.

    Raises: GeniusError where a class has too few images.
    """
    train, *others = [(part, np.arange(len(each))) for part, each in enumerate(labels)]
    if len(others) == 2:
        return train, others[0], others[1]
    if not others:
        train, test = _halves(labels[0], train, share, classes)
        others = [test]
    return *_halves(labels[0], train, share, classes), others[0]


def _halves(labels: Labels, images: Chosen, share: float, classes: Sequence[str]) -> tuple[Chosen, Chosen]:
    part, numbers = images
    held = held_out(labels[numbers], share, classes)
    return (part, numbers[~held]), (part, numbers[held])


def held_out(labels: Labels, share: float, classes: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Choose the images to hold out, a share of each class and at least one: shape (n,), True where held out.

    The same labels always give the same choice. Raises: GeniusError where a class has too few images.
    """
    rng = np.random.default_rng(_TASK_SEED)
    held = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels).tolist():
        members = np.flatnonzero(labels == label)
        number = max(1, round(share * len(members)))
        if number >= len(members):
            raise GeniusError(
                f"the class {brief(classes[label])} has {len(members)} training images: too few to hold some of them "
                "out; add some, or leave the class out"
            )
        held[rng.permutation(members)[:number]] = True
    return held


def summarised(
    classes: tuple[str, ...],
    labels: Sequence[Labels],
    share: float,
    places: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> DataSummary:
    """Summarise a data set by the labels of each part; `places` are where the parts lie, `notes` further sentences.

    Raises: GeniusError where a class has too few images.
    """
    chosen = split_labels(labels, share, classes)
    parts = [labels[part][numbers] for part, numbers in chosen]
    origins = [_origin(part, role, places) for role, (part, _) in enumerate(chosen)]
    numbers = (len(parts[0]), len(parts[1]), len(parts[2]))
    words = [*sizes_in_words(classes, len(classes), numbers, origins), _balance(parts[0], classes)]
    if len(labels) < 3:
        words.append(split_in_words(share))
    return DataSummary(classes, *numbers, (*words, *notes), digest_of(parts))


def sizes_in_words(
    classes: Sequence[str], count: int, numbers: Sequence[int], origins: Sequence[str] = ("", "", "")
) -> list[str]:
    """Say which classes there are, and how many images to train on, to validate and to test; `origins` follow these."""
    more = f" and {count - _SHOWN:,} more" * (count > _SHOWN)
    named = f": {', '.join(map(brief, classes[:_SHOWN]))}{more}" if classes else ""
    train, validation, test = (f"{number:,}" for number in numbers)
    ends = [f"{train} to train on", f"{validation} that steer the search", f"{test} for the final test alone"]
    uses = "; ".join(map("".join, zip(ends, origins, strict=True)))
    return [f"{count:,} classes{named}", f"images: {uses}"]


def split_in_words(share: float) -> str:
    """State the rule by which images are held out."""
    return f"held out: {100 * share:g}% of each class, at least one image of it, drawn with seed {_TASK_SEED}"


def _origin(part: int, role: int, places: Sequence[str]) -> str:
    """Say where the images of a role come from: the first is training."""
    if role and not part:
        return ", held out of the training images"
    return f", of {places[part]}" if places else ""


def _balance(labels: Labels, classes: Sequence[str]) -> str:
    """Say how many images the classes have, and name the classes without any, which no network can learn."""
    numbers = np.bincount(labels, minlength=len(classes))
    known = np.flatnonzero(numbers)
    least, most = known[numbers[known].argmin()], known[numbers[known].argmax()]
    if numbers[least] == numbers[most]:
        words = f"to train on: {numbers[least]:,} images of each class"
    else:
        ends = [f"{numbers[at]:,} ({brief(classes[at])})" for at in (least, most)]
        words = f"to train on: from {ends[0]} to {ends[1]} images of a class"
    if len(known) < len(classes):
        absent = [brief(classes[at]) for at in np.flatnonzero(numbers == 0)[:5]]
        words += f"; none of {len(classes) - len(known):,} classes, such as {', '.join(absent)}"
    return words


def digest_of(parts: Sequence[Labels]) -> str:
    """Return the SHA-256 of the labels of training, validation and test images in their order."""
    found = hashlib.sha256()
    for labels in parts:
        found.update(len(labels).to_bytes(8, "little") + labels.astype("<i8").tobytes())
    return found.hexdigest()


@dataclass(frozen=True)
class ImagePaths:
    """Paths of images, and their class numbers, of shape (n,)."""

    paths: tuple[str, ...]
    labels: Labels


@dataclass(frozen=True)
class Split:
    """The images of a folder by part, the names of their classes, and the summary that a job keeps."""

    classes: tuple[str, ...]
    train: ImagePaths
    validation: ImagePaths
    test: ImagePaths
    found: DataSummary


def split_folder(layout: FolderLayout, share: float) -> Split:
    """Split an image folder into training, validation and test images, by the rule of `split_labels`.

    A validation part is the test where there is no test part.

    Raises: GeniusError where the images are too few, or the classes of the parts differ.
    """
    listed = list_images(layout.train)
    beside = [place for place in (layout.validation, layout.test) if place]
    parts = [listed, *(list_images(place, listed.classes) for place in beside)]
    labels = [part.labels for part in parts]
    train, validation, test = (_of(parts, chosen) for chosen in split_labels(labels, share, listed.classes))
    odd = [note for part in parts for note in part.notes]
    if layout.left_out:
        names = ", ".join(brief(folder.name) for folder in layout.left_out[:5])
        odd.insert(0, f"folders beside the parts are left out: {names}")
    places = [str(layout.train), *map(str, beside)]
    found = summarised(listed.classes, labels, share, places, odd)
    return Split(listed.classes, train, validation, test, found)


def _of(parts: Sequence[FolderPart], chosen: Chosen) -> ImagePaths:
    part, numbers = parts[chosen[0]], chosen[1]
    return ImagePaths(tuple(part.paths[number] for number in numbers), part.labels[numbers])
