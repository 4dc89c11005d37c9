"""Data sets and a space of a user's own, found as `own_images:NAME`: images of any number of channels."""

from functools import partial

import genius
import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.utils.data import Dataset, TensorDataset


def build(architecture: genius.Architecture, num_classes: int = 2, input_channels: int = 3) -> nn.Module:
    """Build a network of one convolution for any channels."""
    width = 4 * (architecture[0] + 1)
    layers = (nn.Conv2d(input_channels, width, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return nn.Sequential(*layers, nn.Linear(width, num_classes))


def _fixed(architecture: genius.Architecture, num_classes: int = 2) -> nn.Module:
    return build(architecture, num_classes, 1)


WIDTHS = (genius.Decision("width", ("4", "8")),)
ANY = genius.SearchSpace("any", WIDTHS, "", build, (3, 10, 10))
GREY = genius.SearchSpace("grey", WIDTHS, "", _fixed, (1, 10, 10))


def arrays(count: int, channels: int, seed: int, size: tuple[int, int] = (10, 10)) -> tuple[np.ndarray, np.ndarray]:
    """Draw bytes of shape (count, channels, height, width) whose brightness is their class, and their classes."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    level = 40 + 120 * labels[:, None, None, None] + 10 * np.arange(channels)[None, :, None, None]
    return np.clip(rng.normal(level, 20, (count, channels, *size)), 0, 255).astype(np.uint8), labels


def _tensors(count: int, channels: int, seed: int) -> TensorDataset:
    images, labels = arrays(count, channels, seed)
    return TensorDataset(torch.from_numpy(images), torch.from_numpy(labels))


def _made(channels: int) -> TensorDataset:
    return _tensors(60, channels, 0)


of_1, of_2, of_3, of_4, of_6 = (partial(_made, channels) for channels in (1, 2, 3, 4, 6))


class Pictures(Dataset[tuple[object, int]]):
    """Pictures, some grey, some coloured, some as files."""

    def __init__(self, images: list[object], labels: list[int]) -> None:
        self.images, self.targets = images, labels

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, number: int) -> tuple[object, int]:
        return self.images[number], self.targets[number]


def mixed() -> Pictures:
    """Make squares of which every third one is grey, the first among them."""
    images, labels = arrays(30, 3, 0)
    pictures = [Image.fromarray(image.transpose(1, 2, 0)) for image in images]
    return Pictures([one.convert("L") if at % 3 == 0 else one for at, one in enumerate(pictures)], labels.tolist())


def sizes() -> Pictures:
    """Make grey pictures of different sizes."""
    drawn = [arrays(2, 1, at, (10 + at, 20))[0][at % 2, 0] for at in range(30)]
    return Pictures([Image.fromarray(image) for image in drawn], [at % 2 for at in range(30)])


def deep() -> Pictures:
    """Make pictures of 16 bits."""
    images, labels = arrays(30, 1, 0)
    return Pictures([Image.fromarray(image[0].astype(np.uint16) * 257) for image in images], labels.tolist())


def wide() -> TensorDataset:
    """Make grey images that are no squares."""
    images, labels = arrays(40, 1, 0, (6, 12))
    return TensorDataset(torch.from_numpy(images), torch.from_numpy(labels))


def unlabelled() -> Pictures:
    """Make images without labels."""
    found = mixed()
    found.targets = []
    return type("Bare", (Pictures,), {"__getitem__": lambda self, at: self.images[at], "__len__": lambda self: 30})(
        found.images, []
    )
