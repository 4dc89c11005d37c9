"""Augmentation of whole batches of images that lie in memory, on any device. Imports torch.

An epoch's random numbers are drawn at once, on the CPU: the shift of each image, its mirroring and its noise. They
depend on the epoch alone, and not on the device, the batches or the number of processes.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from .recipes import Augment

CROP_MARGIN = 4
"""The pixels by which `crop-flip` pads, and so the largest shift."""

_MARGINS = {"flip": 0, "crop-flip": CROP_MARGIN, "distortion": 1}
_NOISE = 0.25  # SD, of pixels from 0 to 1


@dataclass(frozen=True)
class Augmentation:
    """Changes of n images: shifts in pixels and mirroring, each of shape (n,), and noise of the images' shape."""

    down: Tensor
    right: Tensor
    mirrored: Tensor | None = None
    noise: Tensor | None = None

    def of(self, numbers: Tensor) -> "Augmentation":
        """Select the changes of some of the images."""
        return self._each(lambda part: part[numbers])

    def to(self, device: torch.device) -> "Augmentation":
        """Move the changes to a device."""
        return self._each(lambda part: part.to(device))

    def _each(self, do: Callable[[Tensor], Tensor]) -> "Augmentation":
        mirrored, noise = (None if part is None else do(part) for part in (self.mirrored, self.noise))
        return Augmentation(do(self.down), do(self.right), mirrored, noise)


def draw_augmentation(augment: Augment, shape: tuple[int, ...], rng: torch.Generator) -> Augmentation | None:
    """Draw changes for images of shape (n, channels, height, width); None where the augmentation makes none."""
    if augment not in _MARGINS:
        return None
    down, right = torch.randint(2 * _MARGINS[augment] + 1, (2, shape[0]), generator=rng)
    if augment == "distortion":
        return Augmentation(down, right, noise=_NOISE * torch.randn(shape, generator=rng))
    return Augmentation(down, right, torch.rand(shape[0], generator=rng) < 0.5)


def pad(images: Tensor, augment: Augment) -> Tensor:
    """Pad images with a black margin, as wide as the largest shift of the augmentation."""
    return functional.pad(images, (_MARGINS.get(augment, 0),) * 4)


def change(padded: Tensor, numbers: Tensor, how: Augmentation, height: int, width: int) -> Tensor:
    """Crop height × width pixels out of padded images, and mirror and add noise as drawn.

    `padded` are the images of the whole set, `numbers` the places of k of them, of shape (k,), and `how` the changes of
    these k. Returns images of shape (k, channels, height, width), channels last in memory; bytes stay bytes.
    """
    rows = how.down[:, None] + torch.arange(height, device=padded.device)
    columns = how.right[:, None] + torch.arange(width, device=padded.device)
    if how.mirrored is not None:
        columns = torch.where(how.mirrored[:, None], columns.flip(1), columns)
    cropped = padded[numbers[:, None, None], :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
    if how.noise is None:
        return cropped
    if cropped.dtype == torch.uint8:
        return (cropped + 255 * how.noise).round().clamp(0, 255).to(torch.uint8)
    return cropped + how.noise


def distort(images: Tensor, rng: torch.Generator) -> Tensor:
    """Shift images of shape (n, channels, height, width) by up to 1 pixel each way, and add noise."""
    how = draw_augmentation("distortion", tuple(images.shape), rng)
    assert how is not None
    everyone = torch.arange(len(images))
    return change(pad(images, "distortion"), everyone, how, *images.shape[2:])
