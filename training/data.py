"""Data sets: which there are, where they lie, and how those come that are downloaded. Does not load torch."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import GeniusError
from ..plugins import Plugins
from .card import PHOTOGRAPHS, ChannelScale, unscaled
from .dataset import COLOURS, DataKind, DataSet, ImageForm
from .folders import FolderLayout, find_layout, folders_in, some_images
from .formats import channels_among, side_among
from .hf import open_hf
from .job import DataSummary
from .pairs import WANTED, kind_of_pairs
from .split import Split, sizes_in_words, split_folder, split_in_words
from .text import TEXT_PREFIX

if TYPE_CHECKING:
    from .images import SplitImages


@dataclass(frozen=True)
class Digits(DataSet):
    """scikit-learn's digits, which are installed with it."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """The digits."""
        return tuple("0123456789")

    def found(self) -> DataSummary:
        """Say how many images each part has: those that are held out are distorted copies."""
        return DataSummary(self.class_names, *_DIGITS, tuple(sizes_in_words(self.class_names, 10, _DIGITS)))

    def load(self) -> "SplitImages":
        """Load the images, split."""
        from .images import load_digits

        return load_digits(self)


@dataclass(frozen=True)
class Cifar(DataSet):
    """CIFAR-10 or CIFAR-100, whose files lie in the folder `root`."""

    root: Path

    def found(self) -> DataSummary:
        """Say how many of the official images each part has."""
        held = round(self.held_out * _CIFAR_TRAIN)
        numbers = _CIFAR_TRAIN - held, held, _CIFAR_TEST
        notes = sizes_in_words((), self.classes, numbers, ("", ", held out of the training images", ""))
        return DataSummary((), *numbers, (*notes, split_in_words(self.held_out)))

    def load(self) -> "SplitImages":
        """Load the images, split."""
        from .images import load_cifar

        return load_cifar(self)


@dataclass(frozen=True)
class ImageFolder(DataSet):
    """A folder of images, a folder a class; `layout` says where its parts lie."""

    layout: FolderLayout

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the folders."""
        return tuple(folder.name for folder in folders_in(self.layout.train))

    @property
    def pictures(self) -> bool:
        """Image files are pictures."""
        return True

    def split(self) -> Split:
        """List the images, split."""
        return split_folder(self.layout, self.held_out)

    def found(self) -> DataSummary:
        """Say which classes there are, how many images each part has, and how the folder was read."""
        return self.split().found

    def load(self) -> "SplitImages":
        """List the images, split; they are read when they are needed."""
        from .images import load_folder

        return load_folder(self)


_DIGITS = 200, 3_196, 3_192  # images to train on, to validate, to test
_CIFAR_TRAIN, _CIFAR_TEST = 50_000, 10_000
_CIFAR = {"cifar10": 10, "cifar100": 100}

DOWNLOADED = tuple(_CIFAR)
"""The data sets that `download` knows."""

_ARCHIVES = {"cifar10": 170_498_071, "cifar100": 169_001_437}  # bytes

_HELD_OUT_OF_CIFAR = 0.1
_HELD_OUT_OF_IMAGENET = 0.01  # the paper's (Zheng et al. 2023, section 4.3)
_HELD_OUT_OF_FOLDER = 0.1
_SIZED_OF_EACH = 8  # images of a class whose size is looked at; others are brought to the size that all of these have
_IMAGENET_CLASSES = 1000


def find_data(name: str, downloads: Path) -> DataSet:
    """Return a data set by its name; `downloads` is where downloaded ones lie, and `imagenet` without a path.

    Raises: GeniusError for an unknown name, and for one that is not there: it names the way to get it.
    """
    if name.startswith(TEXT_PREFIX):
        raise GeniusError(f"{name} holds text, which language models read, such as those of gpt-tiny: name images")
    if name.partition(":")[0] == "coco":
        raise GeniusError(f"{name} holds boxes, on which `genius detect` trains: a classifier takes images with labels")
    return DATA.find(name).open(name, downloads)


def form_of(name: str, channels: int) -> tuple[ImageForm, int, ChannelScale]:
    """Return the form of a data set's images of so many channels, their pixels, 0 where unknown, and their scale.

    One's own data set is not imported for it. Raises: GeniusError where the scale was measured on the images.
    """
    kind = DATA.known(name)
    if kind and kind.form == "floats":
        return kind.form, kind.size, unscaled(channels)
    if channels != COLOURS:
        raise GeniusError(
            f"images of {channels} channels are normalised by the measurements of {name}, and only the weights that "
            "`genius train` leaves say it: name these"
        )
    return (kind.form, kind.size, PHOTOGRAPHS) if kind else ("files", 0, PHOTOGRAPHS)


def _open_digits(name: str, downloads: Path) -> DataSet:
    return Digits(name, "floats", classes=10, channels=1, size=8, held_out=0.5)


def _open_cifar(name: str, downloads: Path) -> DataSet:
    root = downloads / name
    if not root.is_dir():
        raise GeniusError(f"the data set {name} is not in {root}: run `genius fetch {name}`")
    return Cifar(name, "bytes", _CIFAR[name], channels=3, size=32, held_out=_HELD_OUT_OF_CIFAR, root=root)


def _open_imagenet(name: str, downloads: Path) -> DataSet:
    _, colon, path = name.partition(":")
    root = Path(path).expanduser() if colon else downloads / "imagenet"
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


def _open_folder(name: str, downloads: Path) -> DataSet:
    if not (path := name.partition(":")[2]):
        raise GeniusError(f"there is no data set {name!r}: name the folder of images, as in folder:PATH")
    return _find_folder(name, Path(path).expanduser(), _HELD_OUT_OF_FOLDER)


def _find_folder(name: str, root: Path, held_out: float) -> DataSet:
    if not root.is_dir():
        raise GeniusError(f"there is no folder {root}")
    layout = find_layout(root)
    classes = len(folders_in(layout.train))
    if classes < 2:
        raise GeniusError(f"{layout.train} must hold a folder of images for each of at least 2 classes, got {classes}")
    channels, size = channels_among(some_images(layout.train)), side_among(some_images(layout.train, _SIZED_OF_EACH))
    return ImageFolder(name, "files", classes, channels=channels, size=size, held_out=held_out, layout=layout)


_BUILTIN = {
    "digits": DataKind("floats", 8, _open_digits),
    **dict.fromkeys(_CIFAR, DataKind("bytes", 32, _open_cifar)),
    "imagenet": DataKind("files", 0, _open_imagenet),
    "folder": DataKind("files", 0, _open_folder),
    "hf": DataKind("files", 0, open_hf),
}
_ARGUMENTS = {"imagenet": "[:PATH]", "folder": ":PATH", "hf": ":PATH_OR_NAME"}
DATA = Plugins("data set", _BUILTIN, kind_of_pairs, f"{WANTED}, or a function that makes one", arguments=_ARGUMENTS)
"""The data sets, and the door for one's own."""


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
                raise RuntimeError("the download is not its authors' archive") from None
            part.replace(archive)
        kind(root, download=True)
