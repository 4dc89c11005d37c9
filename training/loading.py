"""Loading of images by processes that read, crop and mirror them ahead of the training. Imports torch."""

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset, default_collate
from torchvision import transforms
from torchvision.transforms.functional import pil_to_tensor, to_pil_image

from ..errors import GeniusError
from .augment import CROP_MARGIN
from .batches import ALONE, Batch, Rank, as_input, generator, steps_of
from .card import CENTRAL_SHARE
from .dataset import COLOURS, GREY
from .images import Images, Pixels, Read
from .job import cores
from .memory import available
from .recipes import Recipe

_AHEAD = 2  # batches that each process reads ahead
_MOST_LOADERS = 16
_SHARED = Path("/dev/shm")

_E = TypeVar("_E")
_C = TypeVar("_C")

Crop = Callable[[Tensor], Tensor]
"""Turns an image of shape (channels, height, width) into one of the network's input size."""


def cut(image: Tensor, box: tuple[int, int, int, int], size: int) -> Tensor:
    """Cut a box (top, left, height, width) out of an image of bytes, and resize it to size × size pixels."""
    top, left, height, width = box
    part = image[None, :, top : top + height, left : left + width].contiguous(memory_format=torch.channels_last)
    return functional.interpolate(part, (size, size), mode="bilinear", antialias=True)[0]


def central(image: Tensor, size: int, kept: float = CENTRAL_SHARE) -> Tensor:
    """Cut out the central square, whose side is `kept` times the shorter side, and resize it."""
    height, width = image.shape[1:]
    side = max(1, round(kept * min(width, height)))
    return cut(image, ((height - side) // 2, (width - side) // 2, side, side), size)


def random_cut(image: Tensor, size: int, recipe: Recipe) -> Tensor:
    """Cut a random part of an image by the recipe, mirror it or not, and apply the recipe's RandAugment.

    The part is 8 to 100 % of it (Szegedy et al. 2015), resized, or with `crop-flip` one of the image's own size.
    Draws from torch's global generator, since torchvision takes no other.
    """
    if _streams(recipe):
        image = cut(image, transforms.RandomResizedCrop.get_params(image, [0.08, 1.0], [3 / 4, 4 / 3]), size)
    else:
        image = _shifted(image)
    if torch.rand(()) < 0.5:
        image = image.flip(2)
    if recipe.rand_ops:
        change = transforms.RandAugment(recipe.rand_ops, recipe.rand_magnitude)
        image = pil_to_tensor(change(to_pil_image(image)))
    return image


def _shifted(image: Tensor) -> Tensor:
    """Pad an image with a black margin, and cut a part of its own size out at random."""
    top, left = torch.randint(2 * CROP_MARGIN + 1, (2,)).tolist()
    padded = functional.pad(image, (CROP_MARGIN,) * 4)
    return padded[:, top : top + image.shape[1], left : left + image.shape[2]]


Key = tuple[int, int]
"""The number of an image, and the seed of its augmentation."""


class _Reader(Dataset[_E | str]):
    """A data set that reads the example of a key; of a file that cannot be read, the error's text.

    A DataLoader would wrap an exception.
    """

    def __init__(self, read: Callable[[Key], _E]) -> None:
        self._read = read

    def __getitem__(self, key: Key) -> _E | str:
        try:
            return self._read(key)
        except GeniusError as error:
            return str(error)


def _cropped(images: Images, crop: Crop) -> Callable[[Key], tuple[Tensor, int]]:
    """Return what reads an image, and returns its cropped bytes, of shape (size, size, channels), and its label."""
    labels = images.labels.tolist()

    def read(key: Key) -> tuple[Tensor, int]:
        number, seed = key
        image = images.read(number)
        with _seeded(seed):
            image = crop(image)
        return image.permute(1, 2, 0).contiguous(), labels[number]

    return read


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed torch's global generator, and restore it at the end."""
    state = torch.get_rng_state()
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        torch.set_rng_state(state)


def _collate(read: list[Any], collate: Callable[[list[Any]], Any]) -> tuple[Any, list[str]]:
    """Collate the examples of a batch, and list the errors of its files; None where no file can be read."""
    whole = [one for one in read if not isinstance(one, str)]
    return collate(whole) if whole else None, [one for one in read if isinstance(one, str)]


class ReadAhead(Generic[_E, _C]):
    """Examples that `loaders` processes read ahead and collate, a batch at a time.

    Files that cannot be read are left out of the batches where `skip` is set; `broken` collects their errors.
    """

    def __init__(
        self,
        read: Callable[[Key], _E],
        collate: Callable[[list[_E]], _C],
        device: torch.device,
        loaders: int,
        *,
        skip: bool,
        broken: set[str],
    ) -> None:
        self._skip, self._broken = skip, broken
        self._keys: list[list[Key]] = []
        self._loader = DataLoader(
            _Reader(read),
            batch_sampler=self._keys,
            num_workers=loaders,
            persistent_workers=loaders > 0,
            prefetch_factor=_AHEAD if loaders else None,
            pin_memory=device.type == "cuda",
            collate_fn=partial(_collate, collate=collate),
            generator=torch.Generator(),  # else it draws from the global one
        )

    def read(self, keys: list[list[Key]]) -> Iterator[_C | None]:
        """Yield batches; None stands for one without a readable file.

        Prints the number of files left out whenever it has grown.
        Raises: GeniusError for a file that cannot be read, unless such files are left out.
        """
        self._keys[:] = keys
        known = len(self._broken)
        for whole, broken in self._loader:
            if broken and not self._skip:
                raise GeniusError(f"{broken[0]}; mend or remove it, or leave such files out: skip_broken=true")
            self._broken.update(broken)
            yield whole
        if len(self._broken) > known:
            left_out = f"image files left out: {len(self._broken)}, among them: {min(self._broken)}"
            print(left_out, file=sys.stderr, flush=True)


def _ahead(
    images: Images, crop: Crop, recipe: Recipe, device: torch.device, loaders: int
) -> ReadAhead[tuple[Tensor, int], list[Tensor]]:
    broken = set() if isinstance(images, Pixels) else images.broken
    read = _cropped(images, crop)
    return ReadAhead(read, default_collate, device, loaders, skip=recipe.skip_broken, broken=broken)


def _moved(batch: list[Tensor], device: torch.device) -> Batch:
    """Move bytes, which become of shape (n, channels, size, size) and channels last in memory, and their labels."""
    images, labels = batch
    return images.to(device, non_blocking=True).permute(0, 3, 1, 2), labels.to(device, non_blocking=True)


class Streamed:
    """Batches that `loaders` processes read and augment; with 0 loaders this process does."""

    def __init__(
        self, images: Images, recipe: Recipe, seed: int, device: torch.device, rank: Rank = ALONE, loaders: int = 0
    ) -> None:
        self._count = len(images.labels)
        self.steps, self.batch = steps_of(self._count, recipe, rank)
        self._recipe, self._seed, self._rank = recipe, seed, rank
        _check_rand_ops(images, recipe)
        size, self._scale = pixels_of(images, recipe), images.scale
        crop = partial(random_cut, size=size, recipe=recipe)
        held = loaders_within(loaders, self.batch // rank.world * images.channels * size**2)
        self._device, self._ahead = device, _ahead(images, crop, recipe, device, held)

    def epoch(self, number: int) -> Iterator[Batch]:
        """Yield an epoch's batches."""
        rng = generator(self._seed, number)
        order = torch.randperm(self._count, generator=rng)
        seeds = torch.randint(2**62, (self._count,), generator=rng)
        keys = list(zip(order.tolist(), seeds.tolist(), strict=True))
        batches = (keys[step * self.batch :][: self.batch] for step in range(self.steps))
        for batch in self._ahead.read([batch[self._rank.share(self.batch)] for batch in batches]):
            moved = None if batch is None else _moved(batch, self._device)
            images, labels = _filled(moved, self.batch // self._rank.world)
            yield as_input(images, self._recipe, self._scale), labels


def none_read(size: int) -> GeniusError:
    """Make the error of a batch of so many image files, none of which can be read."""
    return GeniusError(f"none of the {size} image files of a batch can be read: is their disk still there?")


def _filled(batch: Batch | None, size: int) -> Batch:
    """Fill a batch up to `size` images by repeating some: processes that train together need batches of one size.

    Raises: GeniusError for a batch without images.
    """
    if batch is None:
        raise none_read(size)
    if len(batch[1]) == size:
        return batch
    places = torch.arange(size, device=batch[1].device) % len(batch[1])
    return batch[0][places], batch[1][places]


def read_batches(images: Read, recipe: Recipe, device: torch.device, loaders: int) -> Iterator[Batch]:
    """Yield held-out images in batches of the recipe's size, each cropped to its central square."""
    for batch, labels in _read_plain(images, recipe, device, loaders, kept=CENTRAL_SHARE if _streams(recipe) else 1.0):
        yield as_input(batch, recipe, images.scale), labels


def read_all(images: Read, recipe: Recipe, loaders: int) -> Pixels:
    """Read all images into memory at the recipe's size; broken files are left out where the recipe allows it.

    Raises: GeniusError where they do not fit, or cannot be read.
    """
    size, free = pixels_of(images, recipe), available(torch.device("cpu"))
    needed = len(images.labels) * images.channels * size**2
    if needed > free / 2:
        raise GeniusError(
            f"{len(images.labels):,} images of {size} pixels are {needed / 1e9:.1f} GB, too many for the memory "
            f"({free / 1e9:.1f} GB free): set augment=resized-crop-flip, which reads them when they are needed"
        )
    parts, labels = zip(*_read_plain(images, recipe, torch.device("cpu"), loaders, kept=1.0), strict=True)
    return Pixels(torch.cat(parts), torch.cat(labels), images.scale)


def _streams(recipe: Recipe) -> bool:
    return recipe.augment == "resized-crop-flip"


def _read_plain(images: Read, recipe: Recipe, device: torch.device, loaders: int, kept: float) -> Iterator[Batch]:
    size, count = pixels_of(images, recipe), 0
    held = loaders_within(loaders, recipe.batch * images.channels * size**2)
    ahead = _ahead(images, partial(central, size=size, kept=kept), recipe, device, held)
    keys = [(number, 0) for number in range(len(images.labels))]
    for batch in ahead.read([keys[first : first + recipe.batch] for first in range(0, len(keys), recipe.batch)]):
        if batch is not None:
            count += len(batch[1])
            yield _moved(batch, device)
    if not count:
        raise GeniusError(f"none of {len(keys)} image files can be read, such as: {min(images.broken)}")


def pixels_of(images: Images, recipe: Recipe) -> int:
    """Return the side in pixels that images are resized to.

    Raises: GeniusError where the recipe sets no size for image files.
    """
    own = images.images.shape[-1] if isinstance(images, Pixels) else images.size
    if size := recipe.size or own:
        return int(size)
    raise GeniusError("image files come in all sizes: set size in the recipe, as in size=224")


def _check_rand_ops(images: Images, recipe: Recipe) -> None:
    """Raises GeniusError where RandAugment, which changes pictures, is to change images of other channels or floats."""
    floats = isinstance(images, Pixels) and images.images.dtype != torch.uint8
    if recipe.rand_ops and (floats or images.channels not in (GREY, COLOURS)):
        kind = "are floats" if floats else f"have {images.channels} channels"
        raise GeniusError(
            f"rand_ops={recipe.rand_ops} changes grey and colour images of bytes, and these {kind}: set rand_ops=0"
        )


def loaders_for(device: torch.device) -> int:
    """Return the number of processes that should read images for a device: 0 for a CPU, whose cores are all busy."""
    return min(_MOST_LOADERS, cores()) if device.type == "cuda" else 0


def loaders_within(loaders: int, batch: int) -> int:
    """Return the number of loaders whose batches, of so many bytes, fit into shared memory; print a hint if fewer."""
    if not loaders or not _SHARED.is_dir():
        return loaders
    room = int(shutil.disk_usage(_SHARED).free / 2 / (_AHEAD * batch))
    if room < loaders:
        fewer = f"{_SHARED} has room for the batches of {room} processes that read images, not of {loaders}"
        print(f"{fewer}: enlarge it (docker run --shm-size) for speed", file=sys.stderr, flush=True)
    return min(loaders, room)
