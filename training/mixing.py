"""Mixing of the images of a batch with each other, and of their labels: mixup and CutMix. Imports torch."""

from collections.abc import Callable

from torch import Tensor
from torch.nn import Module

from .batches import Batch
from .channels_last import CHANNELS_LAST
from .recipes import Recipe

Mixing = Callable[[Batch], Batch]
"""Mixes a batch; the labels become probabilities of shape (n, classes)."""


def mixing(recipe: Recipe, classes: int) -> Mixing | None:
    """Return the mixing of a recipe; None where it mixes nothing.

    It draws from torch's global generator on the CPU, since torchvision takes no other.
    """
    if not recipe.mixup and not recipe.cutmix:
        return None
    from torchvision.transforms import v2

    kinds = ((v2.MixUp, recipe.mixup), (v2.CutMix, recipe.cutmix))
    chosen: list[Module] = [kind(alpha=alpha, num_classes=classes) for kind, alpha in kinds if alpha]
    mix = v2.RandomChoice(chosen)

    def mixed(batch: Batch) -> Batch:
        images, labels = mix(*batch)
        return _laid(images), labels

    return mixed


def _laid(images: Tensor) -> Tensor:
    return images.contiguous(memory_format=CHANNELS_LAST)
