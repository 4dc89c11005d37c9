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
class Plan:
    """How n images are changed: moved down and right in pixels, mirrored or not, each of shape (n,); noise to add."""

    down: Tensor
    right: Tensor
    mirrored: Tensor | None = None
    noise: Tensor | None = None

    def of(self, numbers: Tensor) -> "Plan":
        """Return the plan of some of the images."""
        return self._each(lambda part: part[numbers])

    def to(self, device: torch.device) -> "Plan":
        """Return the plan on a device."""
        return self._each(lambda part: part.to(device))

    def _each(self, do: Callable[[Tensor], Tensor]) -> "Plan":
        mirrored, noise = (None if part is None else do(part) for part in (self.mirrored, self.noise))
        return Plan(do(self.down), do(self.right), mirrored, noise)


def draw_plan(augment: Augment, shape: tuple[int, ...], rng: torch.Generator) -> Plan | None:
    """Draw how each of the images of shape (n, channels, height, width) is changed; None where none is."""
    if augment not in _MARGINS:
        return None
    down, right = torch.randint(2 * _MARGINS[augment] + 1, (2, shape[0]), generator=rng)
    if augment == "distortion":
        return Plan(down, right, noise=_NOISE * torch.randn(shape, generator=rng))
    return Plan(down, right, torch.rand(shape[0], generator=rng) < 0.5)


def pad(images: Tensor, augment: Augment) -> Tensor:
    """Put the black margin around images that this augmentation moves them in."""
    return functional.pad(images, (_MARGINS.get(augment, 0),) * 4)


def change(padded: Tensor, numbers: Tensor, plan: Plan, height: int, width: int) -> Tensor:
    """Crop height × width pixels out of these padded images, each by its own plan; they lie channels last in memory.

    Takes `padded` of the whole set, `numbers` of shape (k,), and the plan of these k; returns (k, channels, …).
    """
    rows = plan.down[:, None] + torch.arange(height, device=padded.device)
    columns = plan.right[:, None] + torch.arange(width, device=padded.device)
    if plan.mirrored is not None:
        columns = torch.where(plan.mirrored[:, None], columns.flip(1), columns)
    cropped = padded[numbers[:, None, None], :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
    return cropped if plan.noise is None else cropped + plan.noise


def distort(images: Tensor, rng: torch.Generator) -> Tensor:
    """Distort images of shape (n, channels, height, width): moved by up to 1 pixel each way, and noisy."""
    plan = draw_plan("distortion", tuple(images.shape), rng)
    assert plan is not None
    everyone = torch.arange(len(images))
    return change(pad(images, "distortion"), everyone, plan, *images.shape[2:])
