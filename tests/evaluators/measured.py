"""Spaces whose networks are measured: fast, slow, or not at all; found by workers as `measured:NAME`."""

import os
import time

import genius
from torch import Tensor, nn

_DECISIONS = (genius.Decision("width", ("1000", "2000", "4000")), genius.Decision("fault", ("none", "one")))


class Sleeps(nn.Module):
    """Takes so many seconds for a batch."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds

    def forward(self, images: Tensor) -> Tensor:
        """Return the mean of each image."""
        time.sleep(self.seconds)
        return images.mean(dim=(1, 2, 3))


def _space(name: str, build) -> genius.SearchSpace:
    return genius.SearchSpace(name, _DECISIONS, "", build, (1, 4, 4))


def _plain(architecture: genius.Architecture) -> nn.Module:
    width = (1000, 2000, 4000)[architecture[0]]
    return nn.Sequential(nn.Flatten(), nn.Linear(16, width, bias=False), nn.ReLU(), nn.Linear(width, 10, bias=False))


def _sleeps(architecture: genius.Architecture) -> nn.Module:
    return Sleeps((0.0, 0.002, 0.1)[architecture[0]])


def _fails(architecture: genius.Architecture) -> nn.Module:
    raise ValueError("no such layer")


def _crashes(architecture: genius.Architecture) -> nn.Module:
    if architecture[1]:
        os._exit(3)
    return _plain(architecture)


def _hangs(architecture: genius.Architecture) -> nn.Module:
    if architecture[1]:
        time.sleep(600)
    return _plain(architecture)


PLAIN, SLEEPING, FAILING = _space("plain", _plain), _space("sleeping", _sleeps), _space("failing", _fails)
CRASHING, HANGING = _space("crashing", _crashes), _space("hanging", _hangs)


def layers(network: nn.Module, images: Tensor) -> int:
    """Count the layers of a network."""
    return len(list(network.children()))


def images_seen(network: nn.Module, images: Tensor) -> Tensor:
    """Return the number of images, as a tensor of one element, and check how the network is handed over."""
    assert not network.training
    assert not network(images).requires_grad
    return images.sum() + len(images)


def not_a_number(network: nn.Module, images: Tensor) -> float:
    """Return NaN."""
    return float("nan")


def raises(network: nn.Module, images: Tensor) -> float:
    """Fail."""
    raise RuntimeError("no meter is plugged in")


@genius.after_training
def files(folder) -> int:
    """Count the files that hold weights."""
    return len(list(folder.glob("weights.*")))


files.objective = genius.Objective("weight files", "", "higher")
