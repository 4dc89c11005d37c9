"""Data sets: which there are, where they lie, and how those come that are downloaded. Does not load torch."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..errors import GeniusError
from .folders import FolderLayout, find_layout, folders_in
from .split import Split, split_folder

Kind = Literal["digits", "cifar", "folder"]


@dataclass(frozen=True)
class DataSet:
    """A data set: what a network must know of it, and where it lies.

    - `size`: images are `size` × `size` pixels; 0 where they differ.
    - `held_out`: the share of each class's training images that steers the search; the rest is trained on.
    - `root`: where the files of a downloaded one lie. `layout`: where the parts of an image folder lie.
    """

    name: str
    kind: Kind
    classes: int
    channels: int
    size: int
    held_out: float
    root: Path | None = None
    layout: FolderLayout | None = None

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of its classes as far as they are known without reading it."""
        if self.layout:
            return tuple(folder.name for folder in folders_in(self.layout.train))
        return _DIGITS if self.kind == "digits" else ()

    def split(self) -> Split | None:
        """List the images of a folder, split; None for a data set that is no folder of images.

        Raises: GeniusError.
        """
        return split_folder(self.layout, self.held_out) if self.layout else None


_CIFAR = {"cifar10": 10, "cifar100": 100}
_DIGITS = tuple("0123456789")
NAMES = ("digits", *_CIFAR, "imagenet", "imagenet:PATH", "folder:PATH")
"""What a data set can be called."""

DOWNLOADED = tuple(_CIFAR)
"""The data sets that `download` knows."""

_ARCHIVES = {"cifar10": 170_498_071, "cifar100": 169_001_437}  # bytes

_HELD_OUT_OF_CIFAR = 0.1
_HELD_OUT_OF_IMAGENET = 0.01  # the paper's (Zheng et al. 2023, section 4.3)
_HELD_OUT_OF_FOLDER = 0.1
_IMAGENET_CLASSES = 1000


def kind_of(name: str) -> Kind:
    """Return the kind of the data set of this name; what is neither digits nor CIFAR is a folder."""
    return "digits" if name == "digits" else "cifar" if name in _CIFAR else "folder"


def find_data(name: str, downloads: Path) -> DataSet:
    """Return a data set by its name; `downloads` is where downloaded ones lie, and `imagenet` without a path.

    Raises: GeniusError for an unknown name, and for one that is not there: it says what to do.
    """
    if name == "digits":
        return DataSet(name, "digits", classes=10, channels=1, size=8, held_out=0.5)
    if name in _CIFAR:
        return _find_cifar(name, downloads / name)
    kind, colon, path = name.partition(":")
    if kind == "imagenet":
        return _find_imagenet(name, Path(path).expanduser() if colon else downloads / "imagenet")
    if kind == "folder" and path:
        return _find_folder(name, Path(path).expanduser(), _HELD_OUT_OF_FOLDER)
    raise GeniusError(f"there is no data set {name!r}; the data sets are: {', '.join(NAMES)}")


def _find_cifar(name: str, root: Path) -> DataSet:
    if not root.is_dir():
        raise GeniusError(f"the data set {name} is not in {root}: run `genius fetch {name}`")
    return DataSet(name, "cifar", _CIFAR[name], channels=3, size=32, held_out=_HELD_OUT_OF_CIFAR, root=root)


def _find_imagenet(name: str, root: Path) -> DataSet:
    if not root.is_dir():
        raise GeniusError(
            f"ImageNet is not in {root}: it cannot be downloaded without an account; "
            "name the folder that holds its train/ and val/ as imagenet:PATH"
        )
    found = _find_folder(name, root, _HELD_OUT_OF_IMAGENET)
    if found.classes != _IMAGENET_CLASSES:
        raise GeniusError(
            f"{root} has {found.classes} classes where ImageNet has {_IMAGENET_CLASSES}: call it folder:{root}"
        )
    return found


def _find_folder(name: str, root: Path, held_out: float) -> DataSet:
    if not root.is_dir():
        raise GeniusError(f"there is no folder {root}")
    layout = find_layout(root)
    classes = len(folders_in(layout.train))
    if classes < 2:
        raise GeniusError(f"{layout.train} must hold a folder of images for each of at least 2 classes, got {classes}")
    return DataSet(name, "folder", classes, channels=3, size=0, held_out=held_out, layout=layout)


def download(name: str, downloads: Path) -> Path:
    """Download a data set, checked against its authors' MD5 sums, unless it is there already; return its folder.

    Raises: GeniusError for one that cannot be downloaded, or when the download fails.
    """
    if name not in DOWNLOADED:
        raise GeniusError(f"there is no data set {name!r} to download, only: {', '.join(DOWNLOADED)}")
    from httpx import HTTPError

    root = downloads / name
    try:
        root.mkdir(parents=True, exist_ok=True)
        _download_cifar(name, root)
    except (OSError, RuntimeError, HTTPError) as error:
        raise GeniusError(
            f"could not download {name}: {error}; run `genius fetch {name}` again, or unpack the archive "
            f"from https://www.cs.toronto.edu/~kriz/cifar.html into {root}"
        ) from error
    return root


def _download_cifar(name: str, root: Path) -> None:
    """Unpack the archive, which is downloaded here: torchvision would take as many bytes as come."""
    from torchvision.datasets import CIFAR10, CIFAR100
    from torchvision.datasets.utils import check_integrity

    from ..tables.fetch import download_file as fetch_file

    kind = {"cifar10": CIFAR10, "cifar100": CIFAR100}[name]
    try:
        kind(root)
    except RuntimeError:  # it is not there, or not whole
        archive = root / kind.filename
        if not check_integrity(archive, kind.tgz_md5):
            part = archive.with_suffix(".part")
            asyncio.run(fetch_file(kind.url, part, _ARCHIVES[name]))
            if not check_integrity(part, kind.tgz_md5):
                part.unlink()
                raise RuntimeError("what arrived is not its authors' archive") from None
            part.replace(archive)
        kind(root, download=True)
