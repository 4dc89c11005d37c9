"""Augmentation of whole batches of images that lie in memory, on whichever device. Imports torch.

What is random about an epoch is drawn at once, on the CPU: for each image of the set how it is shifted, whether it is
mirrored, and its noise. So it depends on the epoch alone and not on the device, the batches or how many share them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from .recipes import Augment

_MARGINS = {"crop-flip": 4, "distortion": 1}
_NOISE = 0.25  # SD, of pixels from 0 to 1


@dataclass(frozen=True)
class Augmentation:
    """How n images are changed: moved down and right in pixels, mirrored or not, each of shape (n,); noise to add."""

    down: Tensor
    right: Tensor
    mirrored: Tensor | None = None
    noise: Tensor | None = None

    def of(self, numbers: Tensor) -> "Augmentation":
        """Return those of some of the images."""
        return self._each(lambda part: part[numbers])

    def to(self, device: torch.device) -> "Augmentation":
        """Return them on a device."""
        return self._each(lambda part: part.to(device))

    def _each(self, do: Callable[[Tensor], Tensor]) -> "Augmentation":
        mirrored, noise = (None if part is None else do(part) for part in (self.mirrored, self.noise))
        return Augmentation(do(self.down), do(self.right), mirrored, noise)


def draw_augmentation(augment: Augment, shape: tuple[int, ...], rng: torch.Generator) -> Augmentation | None:
    """Draw how each of the images of shape (n, channels, height, width) is changed; None where none is."""
    if augment not in _MARGINS:
        return None
    down, right = torch.randint(2 * _MARGINS[augment] + 1, (2, shape[0]), generator=rng)
    if augment == "distortion":
        return Augmentation(down, right, noise=_NOISE * torch.randn(shape, generator=rng))
    return Augmentation(down, right, torch.rand(shape[0], generator=rng) < 0.5)


def pad(images: Tensor, augment: Augment) -> Tensor:
    """Put the black margin around images that this augmentation moves them in."""
    return functional.pad(images, (_MARGINS.get(augment, 0),) * 4)


def change(padded: Tensor, numbers: Tensor, how: Augmentation, height: int, width: int) -> Tensor:
    """Crop height × width pixels out of these padded images, each in its own way; they lie channels last in memory.

    Takes `padded` of the whole set, `numbers` of shape (k,), and how these k are changed; returns (k, channels, …).
    """
    rows = how.down[:, None] + torch.arange(height, device=padded.device)
    columns = how.right[:, None] + torch.arange(width, device=padded.device)
    if how.mirrored is not None:
        columns = torch.where(how.mirrored[:, None], columns.flip(1), columns)
    cropped = padded[numbers[:, None, None], :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
    return cropped if how.noise is None else cropped + how.noise


def distort(images: Tensor, rng: torch.Generator) -> Tensor:
    """Distort images of shape (n, channels, height, width): moved by up to 1 pixel each way, and noisy."""
    how = draw_augmentation("distortion", tuple(images.shape), rng)
    assert how is not None
    everyone = torch.arange(len(images))
    return change(pad(images, "distortion"), everyone, how, *images.shape[2:])
