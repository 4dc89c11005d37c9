"""Image folders: their parts under any usual name, their classes and their files. Does not load torch."""

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import GeniusError
from ..printable import brief

_NAMES = {
    "train": ("train", "training"),
    "validation": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing"),
}
_PARTS = {name: part for part, names in _NAMES.items() for name in names}
_PART = re.compile(rf"({'|'.join(_PARTS)})[-_ ]*(set|split|data|images)?[-_ ]*\d*")  # training_set, Test Data, val2017
_EXPECTED = "expected a folder for each class, or train/ (and val/, test/) with a folder for each class in them"
_DEEPEST = 3  # folders that may be wrapped around an image folder

# names that Windows, macOS and network disks leave behind; names with a leading dot or tilde are hidden anyway
_HIDDEN = {"__macosx", "thumbs.db", "desktop.ini", "@eadir", "#recycle", "$recycle.bin", "system volume information"}
_HIDDEN |= {"lost+found", "__pycache__"}
_ENDINGS = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".gif", ".webp", ".avif", ".bmp", ".dib"}
_ENDINGS |= {".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".j2k"}

Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class FolderLayout:
    """The parts of an image folder, each with a folder for each class; `left_out` are the folders beside them."""

    train: Path
    validation: Path | None = None
    test: Path | None = None
    left_out: tuple[Path, ...] = ()


@dataclass(frozen=True)
class FolderPart:
    """The image files of a part in order, with the class number of each; `notes` are sentences about oddities."""

    paths: tuple[str, ...]
    labels: Labels
    classes: tuple[str, ...]
    notes: tuple[str, ...]


def find_layout(root: Path, wrapped: int = 0) -> FolderLayout:
    """Find the parts of an image folder by their names, in any letter case, there or up to 3 folders further in.

    Raises: GeniusError where there are none, or where the folder can be read in two ways.
    """
    inner = folders_in(root)
    parts = _parts_among(root, [folder for folder in inner if _part_named(folder) and not _is_class(folder)])
    if "train" in parts:
        beside = tuple(folder for folder in inner if folder not in parts.values())
        if flat := [folder for folder in beside if _part_named(folder)]:
            raise GeniusError(f"{flat[0]} holds images, and no folder for each class: sort them, or move it away")
        return FolderLayout(parts["train"], parts.get("validation"), parts.get("test"), beside)
    if parts or (inner and all(map(_part_named, inner))):
        raise _unexpected(root, inner)
    if within := _wrapped(inner, wrapped):
        return find_layout(within, wrapped + 1)
    if any(map(_looks_like_part, inner)):
        raise _unexpected(root, inner)
    return FolderLayout(root)


def list_images(part: Path, expected: tuple[str, ...] = ()) -> FolderPart:
    """List the image files of each class of a part, with those of nested folders and without hidden ones.

    Raises: GeniusError for a class without images, and for classes other than those `expected`.
    """
    folders = folders_in(part)
    classes = tuple(folder.name for folder in folders)
    if expected and classes != expected:
        odd = ", ".join(brief(name) for name in sorted(set(classes) ^ set(expected))[:5])
        raise GeniusError(f"{part} has other classes than the training images: {odd}")
    listed = {folder: list(_walk(folder)) for folder in folders}
    images = {folder: sorted(filter(_is_image, files), key=os.path.split) for folder, files in listed.items()}
    if empty := [brief(folder.name) for folder, found in images.items() if not found]:
        raise GeniusError(f"{part} has classes without an image: {', '.join(empty[:5])}; fill or remove their folders")
    labels = np.repeat(np.arange(len(classes)), [len(found) for found in images.values()])
    paths = tuple(path for found in images.values() for path in found)
    return FolderPart(paths, labels, classes, tuple(_notes(part, listed, images)))


def _part_named(folder: Path) -> str | None:
    """Return the part that a folder is named after: train, validation or test; None for other names."""
    return part_named(folder.name)


def part_named(name: str) -> str | None:
    """Return the part that is meant by a name: train, validation or test; None for other names."""
    found = _PART.fullmatch(name.lower())
    return _PARTS[found[1]] if found else None


def some_images(part: Path, each: int = 1, classes: int = 8) -> list[str]:
    """Return `each` image files of each of the first `classes` of a part, which lie evenly among them by name."""
    found: list[str] = []
    for folder in folders_in(part)[:classes]:
        paths = sorted(filter(_is_image, _walk(folder)))
        places = np.unique(np.linspace(0, len(paths) - 1, min(each, len(paths))).astype(int))
        found += [paths[at] for at in places.tolist()]
    return found


def _parts_among(root: Path, folders: list[Path]) -> dict[str, Path]:
    parts: dict[str, Path] = {}
    for folder in folders:
        part = _part_named(folder)
        assert part is not None
        if part in parts:
            raise GeniusError(f"{root} holds two {part} parts, {parts[part].name} and {folder.name}: move one away")
        parts[part] = folder
    return parts


def _unexpected(root: Path, inner: list[Path]) -> GeniusError:
    found = ", ".join(brief(folder.name) + "/" for folder in inner[:5])
    return GeniusError(f"{root} cannot be read as an image folder: {_EXPECTED}; found {found}")


def _wrapped(inner: list[Path], depth: int) -> Path | None:
    """Return the folder among these that is the image folder itself, if there is one."""
    whole = [one for one in inner if any(_part_named(within) == "train" for within in folders_in(one))]
    if len(inner) == 1 and not whole and not _is_class(inner[0]) and len(folders_in(inner[0])):
        whole = inner
    if len(whole) > 1:
        names = " and ".join(one.name for one in whole)
        raise GeniusError(f"{whole[0].parent} holds several image folders, {names}: name one of them")
    return whole[0] if whole and depth < _DEEPEST else None


def _looks_like_part(folder: Path) -> bool:
    """Tell whether a folder's name contains a part's, as seg_train does, and the folder holds folders."""
    words = re.split(r"[^a-z]+", folder.name.lower())
    return bool(_PARTS.keys() & set(words)) and not _is_class(folder) and bool(folders_in(folder))


def _is_class(folder: Path) -> bool:
    """Tell whether a folder holds images and no folders."""
    return not folders_in(folder) and any(_is_image(entry.path) for entry in _entries(folder) if not _is_folder(entry))


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """List the entries of a folder that are not hidden.

    Raises: GeniusError where it cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not _is_hidden(entry.name)]
    except OSError as error:
        raise GeniusError(f"{folder} cannot be read: {error.strerror}") from error


def _is_hidden(name: str) -> bool:
    return name.startswith((".", "~")) or name.lower() in _HIDDEN


def _ending(path: str) -> str:
    return os.path.splitext(path)[1].lower()


def _is_image(path: str) -> bool:
    return _ending(path) in _ENDINGS


def folders_in(folder: Path) -> list[Path]:
    """Return the folders in a folder, sorted by name, without hidden ones.

    Raises: GeniusError where it cannot be read.
    """
    return sorted((Path(entry.path) for entry in _entries(folder) if _is_folder(entry)), key=lambda path: path.name)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _walk(folder: Path) -> Iterator[str]:
    """Yield the files of a class's folder and of its nested folders, each once. Links to folders above are skipped."""
    seen = {_identity(above) for above in folder.absolute().parents}
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        if (identity := _identity(here)) in seen:
            continue
        seen.add(identity)
        for entry in _entries(here):
            if _is_folder(entry):
                waiting.append(Path(entry.path))
            else:
                yield entry.path


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _notes(part: Path, listed: dict[Path, list[str]], images: dict[Path, list[str]]) -> Iterator[str]:
    """Yield sentences about oddities that may be mistakes.

    `listed` holds all files of each class's folder, `images` the image files among them.
    """
    files = {entry.path for entry in _entries(part) if not _is_folder(entry)}.union(*listed.values())
    if others := Counter(map(_ending, files.difference(*images.values()))):
        yield f"{part}: files that are no images of a class are left out: {_most(others)}"
    same = Counter(folder.name.lower() for folder in listed)
    if alike := [brief(folder.name) for folder in listed if same[folder.name.lower()] > 1]:
        yield f"{part}: classes that differ in letter case alone are taken as they are: {', '.join(alike[:6])}"
    deeper = {folder.name: sum(os.path.dirname(path) != str(folder) for path in images[folder]) for folder in images}
    if deep := +Counter(deeper):
        yield f"{part}: images in folders within a class's folder are taken as that class's: {_most(deep)}"


def _most(numbers: Counter[str]) -> str:
    more = ", …" * (len(numbers) > 5)
    return ", ".join(f"{number} of {brief(name) or 'no ending'}" for name, number in numbers.most_common(5)) + more
