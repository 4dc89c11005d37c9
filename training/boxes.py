"""Images with boxes, as COCO lays them out: `coco:PATH`. Does not load torch.

The annotations are a stranger's: a file name in them leads to no place outside of the folder of images, and boxes that
are none are left out and counted.
"""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Annotated, Literal
from urllib.parse import parse_qsl

import numpy as np
import numpy.typing as npt
from pydantic import Field

from ..errors import GeniusError
from ..printable import brief
from ..record.files import sha256_of
from ..schema import BadRecord, Count, Name, Number, Schema, Text
from .job import DataSummary

PREFIX = "coco:"

_LAYOUT = (
    "COCO's folder holds train2017/ and val2017/ with images, and annotations/instances_train2017.json and "
    "instances_val2017.json beside them"
)
_PARTS = {"train": ("train",), "validation": ("val", "valid", "validation")}
_BESIDE = "_annotations.coco.json"

_Id = Annotated[int, Field(strict=True)]
_Corners = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Image:
    id: _Id
    file_name: Name
    width: Count
    height: Count


@dataclass(frozen=True)
class _Category:
    id: _Id
    name: Text


@dataclass(frozen=True)
class _Annotation:
    image_id: _Id
    category_id: _Id
    bbox: tuple[Number, Number, Number, Number]
    area: Number | None = None
    iscrowd: Literal[0, 1] = 0


@dataclass(frozen=True)
class _Instances:
    """A file of annotations; other fields, such as outlines, are not read."""

    images: tuple[_Image, ...]
    annotations: tuple[_Annotation, ...]
    categories: tuple[_Category, ...]


_SCHEMA = Schema[_Instances](_Instances)


@dataclass(frozen=True, eq=False)
class BoxedImage:
    """An image file of `width` × `height` pixels with its n boxes.

    `boxes` are left, top, right and bottom in pixels, of shape (n, 4), within the image; `labels` are numbers of
    classes from 0, `crowd` marks boxes around many objects, `areas` are those of the objects, in pixels: shape (n,).
    """

    folder: Path
    name: str
    width: int
    height: int
    boxes: _Corners
    labels: npt.NDArray[np.int64]
    crowd: npt.NDArray[np.bool_]
    areas: npt.NDArray[np.float64]

    @property
    def path(self) -> str:
        """The path of the file.

        Raises: GeniusError where a link leads it out of the folder of images.
        """
        path, root = os.path.realpath(self.folder / self.name), os.path.realpath(self.folder)
        if not path.startswith(os.path.join(root, "")):
            raise GeniusError(f"{self.name!r} leads out of the folder of images {self.folder}")
        return path


@dataclass(frozen=True)
class BoxedImages:
    """Images with boxes of known classes, to train on and to measure on; `found` says what was read, and left out."""

    name: str
    train: tuple[BoxedImage, ...]
    validation: tuple[BoxedImage, ...]
    found: DataSummary


@dataclass(frozen=True)
class _Part:
    """A part's images and annotations, and the number of boxes that are none."""

    name: str
    images: tuple[BoxedImage, ...]
    categories: tuple[tuple[int, str], ...]
    degenerate: int


def load_boxes(name: str) -> BoxedImages:
    """Read the images with boxes of `coco:PATH`.

    Raises: GeniusError where there are none, or the annotations cannot be meant.
    """
    if not name.startswith(PREFIX) or name == PREFIX:
        raise GeniusError(f"a detector is trained on boxes: name their folder as coco:PATH, got {brief(repr(name))}")
    root, files = _find_files(name.removeprefix(PREFIX))
    digests = {part: sha256_of(file) for part, (file, _) in files.items()}
    train, validation = (_read_part(*files[part], root, digests[part]) for part in _PARTS)
    if train.categories != validation.categories:
        raise GeniusError(
            f"{train.name} and {validation.name} of {root} have different categories: {_differing(train, validation)}"
        )
    learnt = tuple(each for each in train.images if not each.crowd.all())
    for part, images in ((train, learnt), (validation, validation.images)):
        if all(each.crowd.all() for each in images):
            raise GeniusError(f"{part.name} of {root} has no box of a single object")
    classes = tuple(category for _, category in train.categories)
    digest = sha256_of("".join(digests.values()).encode())
    notes = _notes(classes, train, len(learnt), validation)
    found = DataSummary(classes, len(learnt), len(validation.images), 0, notes, digest)
    return BoxedImages(name, learnt, validation.images, found)


def _differing(train: _Part, validation: _Part) -> str:
    """Name the first category that two parts do not share."""
    number, category = min({*train.categories} ^ {*validation.categories})
    return f"{brief(repr(category))} with the id {number} is in one of them alone"


def _notes(classes: Sequence[str], train: _Part, learnt: int, validation: _Part) -> tuple[str, ...]:
    """Say in sentences what was found, and what was left out."""
    shown = ", ".join(classes[:10]) + ", …" * (len(classes) > 10)
    boxes = [sum(int((~each.crowd).sum()) for each in part.images) for part in (train, validation)]
    said = [
        f"{len(classes)} classes: {shown}",
        f"images: {learnt:,} to train on, of {train.name}, with {boxes[0]:,} boxes; {len(validation.images):,} that "
        f"are measured, of {validation.name}, with {boxes[1]:,} boxes",
    ]
    if bare := len(train.images) - learnt:
        said.append(f"{bare:,} images of {train.name} have no box of a single object: nothing is learnt from them")
    crowds = [sum(int(each.crowd.sum()) for each in part.images) for part in (train, validation)]
    if any(crowds):
        said.append(
            f"{sum(crowds):,} boxes are around crowds: nothing is learnt from them, and finding one is neither right "
            "nor wrong"
        )
    if none := train.degenerate + validation.degenerate:
        said.append(f"{none:,} boxes without an area within their image are left out")
    return tuple(said)


def _find_files(told: str) -> tuple[Path, dict[str, tuple[Path, Path]]]:
    """Find the annotations and the folder of images of both parts.

    Raises: GeniusError.
    """
    place, _, query = (told, "", "") if os.path.exists(os.path.expanduser(told)) else told.partition("?")
    root, chosen = Path(place).expanduser(), dict(parse_qsl(query, keep_blank_values=True))
    if not root.is_dir():
        raise GeniusError(f"there is no folder {root}: {_LAYOUT}")
    if unknown := chosen.keys() - _PARTS:
        raise GeniusError(f"coco:PATH is followed by ?train= and validation= alone, got {brief(min(unknown))}=")
    known = dict(_layouts(root))
    return root, {part: _choose(root, part, known, chosen.get(part)) for part in _PARTS}


def _layouts(root: Path) -> Iterator[tuple[str, tuple[Path, Path]]]:
    """Yield the parts by their names: the files of annotations, and the folders of images."""
    for file in sorted((root / "annotations").glob("instances_*.json")):
        name = file.stem.removeprefix("instances_")
        for folder in (root / name, root / "images" / name):
            if folder.is_dir():
                yield name, (file, folder)
                break
    for file in sorted(root.glob(f"*/{_BESIDE}")):
        yield file.parent.name, (file, file.parent)


def _choose(root: Path, part: str, known: dict[str, tuple[Path, Path]], chosen: str | None) -> tuple[Path, Path]:
    if chosen is not None:
        fitting = [chosen] if chosen in known else []
    else:
        fitting = [name for name in known if name.rstrip("0123456789").lower() in _PARTS[part]]
    if len(fitting) > 1:
        names = " and ".join(fitting)
        raise GeniusError(
            f"{root} has several parts for {part}, {names}: name one, as in coco:{root}?{part}={fitting[-1]}"
        )
    if not fitting:
        seen = f"; there are {', '.join(known)}" if known else ""
        raise GeniusError(f"{root} has no part {brief(chosen or part)}{seen}: {_LAYOUT}")
    return known[fitting[0]]


@lru_cache(maxsize=len(_PARTS))  # the planning of a training reads them, and the training in the same process
def _read_part(file: Path, folder: Path, root: Path, digest: str) -> _Part:
    """Read a file of annotations with this SHA-256, and hold it against itself.

    Raises: GeniusError.
    """
    try:
        read = _SCHEMA.read(file.read_bytes())
    except BadRecord as error:
        raise GeniusError(f"{file} holds no annotations of COCO's: {error}") from None
    except OSError as error:
        raise GeniusError(f"{file} cannot be read: {error.strerror or error}") from None
    _check_once(file, "image", [each.id for each in read.images])
    _check_once(file, "category", [each.id for each in read.categories])
    places = {category.id: place for place, category in enumerate(sorted(read.categories, key=lambda each: each.id))}
    by_image: dict[int, list[_Annotation]] = {image.id: [] for image in read.images}
    for each in read.annotations:
        if each.image_id not in by_image or each.category_id not in places:
            raise GeniusError(
                f"{file} has a box of image {each.image_id} and category {each.category_id}: one of them is not there"
            )
        by_image[each.image_id].append(each)
    made = [_boxed(file, folder, image, by_image[image.id], places) for image in read.images]
    categories = tuple(sorted((each.id, each.name) for each in read.categories))
    return _Part(
        folder.relative_to(root).as_posix(), tuple(image for image, _ in made), categories, sum(n for _, n in made)
    )


def _check_once(file: Path, kind: str, ids: Sequence[int]) -> None:
    if again := [each for each, count in Counter(ids).items() if count > 1]:
        raise GeniusError(f"{file} gives the id {again[0]} of an {kind} twice".replace("an category", "a category"))


def _boxed(
    file: Path, folder: Path, image: _Image, annotations: Sequence[_Annotation], places: dict[int, int]
) -> tuple[BoxedImage, int]:
    """Return an image with its boxes cut at its edges, and the number of boxes without an area, which are left out."""
    _check_name(file, image.file_name)
    told = np.array([each.bbox for each in annotations], float).reshape(-1, 4)
    corners = np.concatenate([told[:, :2], told[:, :2] + told[:, 2:]], 1)
    edges = np.array([image.width, image.height] * 2, float)
    corners = np.clip(corners, 0, edges)
    sides = corners[:, 2:] - corners[:, :2]
    whole = (told[:, 2:] > 0).all(1) & (sides > 0).all(1)
    kept = [each for each, good in zip(annotations, whole, strict=True) if good]
    areas = np.array([each.area or 0.0 for each in kept], float)
    boxed = BoxedImage(
        folder,
        image.file_name,
        image.width,
        image.height,
        corners[whole],
        np.array([places[each.category_id] for each in kept], np.int64),
        np.array([each.iscrowd == 1 for each in kept], bool),
        np.where(areas > 0, areas, sides[whole].prod(1)),
    )
    return boxed, len(annotations) - len(kept)


def _check_name(file: Path, name: str) -> None:
    """Raises GeniusError for the name of an image file that is no path downwards."""
    parts = PurePosixPath(name).parts
    windows = PureWindowsPath(name)
    if not parts or ".." in (*parts, *windows.parts) or name.startswith("/") or windows.drive or windows.root:
        raise GeniusError(
            f"{file} names an image file {brief(repr(name))}: only files below the folder of images are read"
        )
