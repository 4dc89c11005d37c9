"""A search space of one's own, with a data set and a recipe of its own: the package trains the networks.

Run it in the root of the repository, where the workers find this module too:

genius search examples.own_space:SPACE --proposer guided --iterations 4 --workers 2
genius train examples.own_space:SPACE '[1, 2, 0]'
"""

import genius
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import TensorDataset

WIDTHS, KERNELS, POOLS = (8, 16, 32), (1, 3, 5), {"mean": nn.AdaptiveAvgPool2d, "maximum": nn.AdaptiveMaxPool2d}


def build(architecture: genius.Architecture, num_classes: int = 10) -> nn.Module:
    """Build a network of one hidden convolution."""
    width, kernel = WIDTHS[architecture[0]], KERNELS[architecture[1]]
    pool = list(POOLS.values())[architecture[2]]
    layers = (nn.Conv2d(1, width, kernel, padding=kernel // 2), nn.BatchNorm2d(width), nn.ReLU())
    return nn.Sequential(*layers, pool(2), nn.Flatten(), nn.Linear(4 * width, num_classes))


def digits() -> tuple[TensorDataset, TensorDataset]:
    """Make the training and the test part: images of shape (n, 1, 8, 8) from 0 to 1, and their classes."""
    found = load_digits()
    images = torch.tensor(found.images, dtype=torch.float32)[:, None] / 16
    labels = torch.tensor(found.target)
    return TensorDataset(images[:1300], labels[:1300]), TensorDataset(images[1300:], labels[1300:])


RECIPE = genius.Recipe("own", epochs=4, batch=32, lr=0.1, augment="none")
DECISIONS = (
    genius.Decision("width", tuple(f"{width} channels" for width in WIDTHS)),
    genius.Decision("kernel", tuple(f"{kernel}×{kernel}" for kernel in KERNELS)),
    genius.Decision("pool", tuple(POOLS)),
)
SPACE = genius.SearchSpace(
    "own", DECISIONS, "", build, (1, 8, 8), data=f"{__name__}:digits", recipe=f"{__name__}:RECIPE"
)
