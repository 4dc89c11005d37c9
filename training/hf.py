"""Data sets by Hugging Face's library `datasets`: folders that it saved, images and tables on disk, names of its hub.

Does not load torch; the library is imported where a data set is opened. No code of a data set is run.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import numpy as np
import numpy.typing as npt

from ..errors import GeniusError
from ..printable import brief, said_by
from ..record.files import read_plain
from .folders import part_named
from .pairs import Pairs, open_pairs

if TYPE_CHECKING:
    from datasets import Dataset

_ROLES = ("train", "validation", "test")
_KEYS = ("image", "label", "config", "revision", *_ROLES)
_SAVED = ("dataset_dict.json", "state.json")  # files that save_to_disk leaves
_FEW = 16  # an axis of an array that is no longer than this is its channels
_HIDDEN = -1  # the label of images whose classes are kept secret
_CLASSES = ("int", "uint", "bool", "string", "large_string")  # how the types of columns begin that may name classes
_HOLDS = {"image": "images", "label": "classes"}


@dataclass(frozen=True)
class NamedData:
    """A data set as it is named: its place on disk or its name on the hub, and the user's choices by their keys."""

    name: str
    place: str
    choices: Mapping[str, str]

    @classmethod
    def read(cls, name: str) -> "NamedData":
        """Read `hf:PATH_OR_NAME` or `hf:PATH_OR_NAME?KEY=VALUE&KEY=VALUE`.

        Raises: GeniusError.
        """
        told = name.partition(":")[2]
        place, _, query = (told, "", "") if os.path.exists(os.path.expanduser(told)) else told.partition("?")
        choices = parse_qsl(query, keep_blank_values=True)
        odd = any(key not in _KEYS or not value for key, value in choices) or len(dict(choices)) < len(choices)
        if odd or not place or bool(query) > bool(choices):
            raise GeniusError(
                f"{brief(name)} is to be hf:PATH_OR_NAME or hf:PATH_OR_NAME?KEY=VALUE&KEY=VALUE, each key once, of "
                f"{', '.join(_KEYS)}"
            )
        return cls(name, place, dict(choices))

    @property
    def path(self) -> Path:
        """The place as a path."""
        return Path(self.place).expanduser()

    @property
    def saved(self) -> bool:
        """Whether the library saved the data set there."""
        return any((self.path / file).is_file() for file in _SAVED)

    def advice(self, key: str) -> str:
        """Say how a choice is made."""
        return f"choose one, as in {brief(f'hf:{self.place}')}?{key}=NAME"


@dataclass(frozen=True)
class Columns:
    """The names of the columns of images and of classes, and those of the classes, where the features tell them."""

    image: str
    label: str
    classes: tuple[str, ...]


class Rows:
    """The rows of a part as pairs of an image and its class; `classes` and `targets` are those of `pairs.Examples`.

    A row holds the content of an image file, or an array. Only where `by_path` is set, it may name a file.
    """

    def __init__(
        self, rows: "Dataset", image: str, targets: Sequence[int], classes: tuple[str, ...], by_path: bool
    ) -> None:
        self._rows, self._image, self._by_path = rows, image, by_path
        self.targets, self.classes = targets, classes

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, number: int) -> tuple[object, int]:
        held = self._rows[number][self._image]
        return _channels_first(held) if isinstance(held, np.ndarray) else self._content(held), self.targets[number]

    def _content(self, held: object) -> bytes:
        content, path = (held.get("bytes"), held.get("path")) if isinstance(held, Mapping) else (held, None)
        if content is None and path and self._by_path:
            return Path(path).read_bytes()
        if not isinstance(content, bytes):
            raise ValueError("the row names a file and holds none" if path else "the row holds no image")
        return content


def open_hf(name: str, downloads: Path) -> Pairs:
    """Open a data set by its name; the library keeps its own form of files in a cache.

    Raises: GeniusError where it cannot be loaded, and where its parts or columns can be read in several ways.
    """
    asked = NamedData.read(name)
    with _quiet():
        loaded = _load(asked)
        parts, beside = _parts(asked, loaded)
        columns = _columns(asked, parts["train"])
        by_path = not asked.saved and all(rows.builder_name == "imagefolder" for rows in loaded.values())
        labels = {role: _told(asked, role, rows, columns) for role, rows in parts.items()}
        images = {role: _images(asked, rows, columns.image) for role, rows in parts.items()}
    classes: tuple[int | str, ...] = columns.classes or tuple(sorted(set(labels["train"]), key=_order))
    numbers = {role: _numbers(asked, role, told, classes, columns) for role, told in labels.items()}
    notes = [f"columns: {brief(columns.image)}, {brief(columns.label)}", *beside]
    for role in [role for role, found in numbers.items() if role != "train" and set(found) == {_HIDDEN}]:
        notes.append(f"the {role} part has no labels but {_HIDDEN}: it is left out")
        del numbers[role]
    named = tuple(map(str, classes))
    made = [Rows(images[role], columns.image, found, named, by_path) for role, found in numbers.items()]
    return open_pairs(name, made[0] if len(made) == 1 else tuple(made), notes)


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave out the library's progress bars.

    Raises: GeniusError where the library is not installed.
    """
    try:
        import datasets
    except ImportError as error:
        raise GeniusError(
            f"data sets hf:… need the package datasets: pip install 'genius-nas[hf]' ({said_by(error)})"
        ) from error
    shown = datasets.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            datasets.enable_progress_bars()


def _load(asked: NamedData) -> "Mapping[str, Dataset]":
    """Load the parts of a data set by their names."""
    import datasets

    try:
        found = _found(asked)
    except (GeniusError, MemoryError):
        raise
    except Exception as error:  # the library and all that it builds on raise exceptions of every type
        raise GeniusError(f"{brief(asked.name)} cannot be loaded: {said_by(error)}") from error
    parts = dict(found) if isinstance(found, Mapping) else {"train": found}
    if not parts or not all(isinstance(part, datasets.Dataset) for part in parts.values()):
        raise GeniusError(f"{brief(asked.name)} holds no table of rows, but the {type(found).__name__}")
    return parts


def _found(asked: NamedData) -> object:
    """Load a place on disk, or a name of the hub, which the library looks up in its cache where there is no network."""
    import datasets

    place, config = asked.path, asked.choices.get("config")
    if asked.saved:
        _check_filled(asked)
        return datasets.load_from_disk(str(place))
    if place.is_dir():
        return datasets.load_dataset(str(place.resolve()), config)
    if place.is_file():
        if place.suffix != ".parquet":
            raise GeniusError(f"{place} is neither a folder nor a parquet file")
        return datasets.load_dataset("parquet", data_files=str(place.resolve()))
    if place.is_absolute() or asked.place.startswith((".", "~")) or asked.place.count("/") > 1:
        raise GeniusError(f"there is no folder and no file {place}")
    return datasets.load_dataset(asked.place, config, revision=asked.choices.get("revision"))


def _check_filled(asked: NamedData) -> None:
    """Refuse a saved part without rows, which the library saves and cannot load."""
    for state in sorted(asked.path.glob("*/state.json")):
        if json.loads(read_plain(state)).get("_data_files") == []:
            raise GeniusError(f"the {brief(state.parent.name)} part of {brief(asked.name)} has no images")


def _parts(asked: NamedData, loaded: "Mapping[str, Dataset]") -> "tuple[dict[str, Dataset], list[str]]":
    """Return the parts by their roles, training first and test last, and a note on those that are left out.

    Roles are chosen by the user, or go by the names of the parts; a validation part is the test where there is none.

    Raises: GeniusError where two parts have one role, or none is to be trained on.
    """
    listed = ", ".join(map(brief, loaded))
    names = {role: _part(asked, role, list(loaded), listed) for role in _ROLES}
    if names["train"] is None and len(loaded) == 1:
        names["train"] = next(iter(loaded))
    if names["train"] is None:
        raise GeniusError(f"{brief(asked.name)} has no part to train on, only {listed}: {asked.advice('train')}")
    used = [name for name in names.values() if name is not None]
    if len(set(used)) < len(used):
        raise GeniusError(f"{brief(asked.name)} names one part twice: images that are trained on can test nothing")
    beside = [brief(name) for name in loaded if name not in used]
    notes = [f"parts beside these are left out: {', '.join(beside[:5])}"] if beside else []
    return {role: loaded[name] for role, name in names.items() if name is not None}, notes


def _part(asked: NamedData, role: str, loaded: Sequence[str], listed: str) -> str | None:
    chosen = asked.choices.get(role)
    if chosen is not None and chosen not in loaded:
        raise GeniusError(f"{brief(asked.name)} has no part {brief(chosen)}, only {listed}")
    taken = {asked.choices.get(other) for other in _ROLES if other != role}
    meant = [chosen] if chosen else [name for name in loaded if part_named(name) == role and name not in taken]
    if len(meant) > 1:
        raise GeniusError(f"{brief(asked.name)} has several {role} parts, {listed}: {asked.advice(role)}")
    return meant[0] if meant else None


def _columns(asked: NamedData, rows: "Dataset") -> Columns:
    """Find the columns by their features, or as they were chosen.

    Raises: GeniusError where there is none, or where several could be meant.
    """
    from datasets import ClassLabel

    image = _column(asked, rows, "image", _is_image, _may_be_image)
    label = _column(asked, rows, "label", lambda feature: isinstance(feature, ClassLabel), _may_be_label)
    feature = rows.features[label]
    return Columns(image, label, tuple(feature.names) if isinstance(feature, ClassLabel) else ())


def _is_image(feature: object) -> bool:
    from datasets import Image

    return isinstance(feature, Image) or _is_array(feature)


def _is_array(feature: object) -> bool:
    from datasets import Array2D, Array3D

    return isinstance(feature, Array2D | Array3D)


def _may_be_image(feature: object) -> bool:
    """Tell whether a column may hold the contents of image files, of which its features do not say so."""
    kind = feature.get("bytes") if isinstance(feature, Mapping) else feature
    return _is_image(feature) or getattr(kind, "dtype", "") in ("binary", "large_binary")


def _may_be_label(feature: object) -> bool:
    from datasets import ClassLabel, Value

    return isinstance(feature, ClassLabel) or (isinstance(feature, Value) and feature.dtype.startswith(_CLASSES))


def _column(
    asked: NamedData, rows: "Dataset", key: str, surely: Callable[[object], bool], perhaps: Callable[[object], bool]
) -> str:
    """Return the column that is chosen and `perhaps` meant, or the only one that `surely` is."""
    name, features, chosen = brief(asked.name), rows.features, asked.choices.get(key)
    listed = ", ".join(f"{brief(column)} ({_kind(feature)})" for column, feature in features.items())
    if chosen is not None and chosen not in features:
        raise GeniusError(f"{name} has no column {brief(chosen)}; its columns are {listed}")
    if chosen is not None and not perhaps(features[chosen]):
        raise GeniusError(f"the column {brief(chosen)} of {name} holds no {_HOLDS[key]}; the columns are {listed}")
    found = [column for column, feature in features.items() if surely(feature)] if chosen is None else [chosen]
    if len(found) > 1:
        several = ", ".join(map(brief, found))
        raise GeniusError(f"{name} has several columns of {_HOLDS[key]}, {several}: {asked.advice(key)}")
    if not found:
        raise GeniusError(f"no column of {name} says that it holds {_HOLDS[key]}, among {listed}: {asked.advice(key)}")
    return found[0]


def _kind(feature: object) -> str:
    dtype = getattr(feature, "dtype", "")
    kind = type(feature).__name__
    return brief(dtype if kind == "Value" else kind)


def _told(asked: NamedData, role: str, rows: "Dataset", columns: Columns) -> list[int | str]:
    """Read the labels of a part.

    Raises: GeniusError where the part lacks a column, or an image has no label.
    """
    if absent := [name for name in (columns.image, columns.label) if name not in rows.features]:
        raise GeniusError(f"the {role} part of {brief(asked.name)} has no column {brief(absent[0])}")
    labels = list(rows.select_columns([columns.label])[:][columns.label])
    if None in labels:
        raise GeniusError(f"image {labels.index(None)} of the {role} part of {brief(asked.name)} has no label")
    return labels


def _numbers(
    asked: NamedData, role: str, told: Sequence[int | str], classes: Sequence[int | str], columns: Columns
) -> list[int]:
    """Return labels as the numbers of classes.

    Raises: GeniusError for a label that no training image has, where the features name no classes.
    """
    if columns.classes:
        return [int(label) for label in told]
    places = {label: number for number, label in enumerate(classes)}
    if odd := sorted(set(told) - places.keys(), key=_order):
        raise GeniusError(
            f"the {role} part of {brief(asked.name)} has the label {brief(str(odd[0]))}, which no training image has"
        )
    return [places[label] for label in told]


def _order(label: int | str) -> tuple[float, str]:
    return (0.0, label) if isinstance(label, str) else (float(label), "")


def _images(asked: NamedData, rows: "Dataset", column: str) -> "Dataset":
    """Return a part with its column of images alone, which are left encoded: this package decodes them."""
    import datasets

    found = rows.select_columns([column])
    if _is_array(feature := rows.features[column]):
        return found.with_format("numpy", dtype=np.dtype(feature.dtype))
    return found.with_format(None).cast_column(column, datasets.Image(decode=False))


def _channels_first(image: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """Return an array with its channels first, which are its one short axis, the first or the last.

    Raises: ValueError where they are neither, or could be both.
    """
    if image.ndim == 2:
        return image[None]
    first, last = (image.ndim == 3 and image.shape[axis] <= _FEW for axis in (0, -1))
    if first == last:
        raise ValueError(
            f"its shape {image.shape} does not tell which axis is the channels: up to {_FEW}, the first or last"
        )
    return image if first else np.moveaxis(image, -1, 0)
