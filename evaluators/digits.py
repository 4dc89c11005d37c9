"""Training of one architecture of the `digits` space, from scratch, on a CPU, in seconds. Imports torch.

The task is scikit-learn's handwritten digits (1,797 grey images of 8×8 pixels) made hard: few training images, and
every image shifted and noisy. The split and the distortion of the validation and test images are part of the task and
never change; a seed decides over the initial weights, the order of the training images and their distortion.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from math import isfinite, isnan

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..spaces.digits import DIGITS
from ..spaces.space import Architecture
from ..tools.candidate import Measurement

_TASK_SEED = 1797
_TRAIN_EACH_DIGIT = 20
_COPIES = 4  # distorted copies of every validation and test image: more of them measure more exactly

OnEpoch = Callable[[int, float], None]
"""Is told the epoch, counted from 1, and its mean training loss."""


@dataclass(frozen=True)
class Distortion:
    """How images are distorted: shifted by up to `shift` pixels each way, then Gaussian noise of this SD is added."""

    shift: int = 1
    noise: float = 0.25

    def __call__(self, images: Tensor, rng: torch.Generator) -> Tensor:
        """Distort every image of shape (n, 1, height, width), pixels from 0 to 1, in a way of its own."""
        n, _, height, width = images.shape
        padded = functional.pad(images[:, 0], (self.shift,) * 4)
        down, right = torch.randint(2 * self.shift + 1, (2, n, 1), generator=rng)
        rows, columns = down + torch.arange(height), right + torch.arange(width)
        shifted = padded[torch.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]]
        return shifted[:, None] + self.noise * torch.randn(images.shape, generator=rng)


_DISTORTION = Distortion()


@dataclass(frozen=True)
class Recipe:
    """How a network is trained: SGD with momentum, one cycle of the learning rate, cross entropy."""

    epochs: int = 40
    batch: int = 25
    lr: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 5e-4
    distortion: Distortion = _DISTORTION


RECIPE = Recipe()


@dataclass(frozen=True)
class Task:
    """Images of shape (n, 1, 8, 8), pixels from 0 to 1, and labels of shape (n,).

    The validation and test images are distorted, the training images are not yet.
    """

    train: tuple[Tensor, Tensor]
    validation: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]


@cache
def load_task() -> Task:
    """Split scikit-learn's digits: 20 images of each digit to train on, half of the rest each to validate and test."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    rng = torch.Generator().manual_seed(_TASK_SEED)
    images = torch.from_numpy(bunch.images / 16).float()[:, None]
    labels = torch.from_numpy(bunch.target).long()
    shuffled = torch.randperm(len(labels), generator=rng)
    by_digit = [shuffled[labels[shuffled] == digit] for digit in range(10)]
    train = torch.cat([numbers[:_TRAIN_EACH_DIGIT] for numbers in by_digit])
    rest = torch.cat([numbers[_TRAIN_EACH_DIGIT:] for numbers in by_digit])

    def held_out(numbers: Tensor) -> tuple[Tensor, Tensor]:
        copies = numbers.repeat(_COPIES)
        return _DISTORTION(images[copies], rng), labels[copies]

    # every second image of each digit, so that both sets hold the digits in the same numbers
    return Task((images[train], labels[train]), held_out(rest[::2]), held_out(rest[1::2]))


def load() -> None:
    """Load what a training needs, so that none waits for it: the images, and what torch loads when first asked."""
    load_task()
    torch.optim.SGD([nn.Parameter(torch.zeros(1))])


def train(
    architecture: Architecture,
    seed: int,
    *,
    recipe: Recipe = RECIPE,
    threads: int = 1,
    on_epoch: OnEpoch | None = None,
) -> Measurement:
    """Train an architecture and measure it on the validation and the test set, in percent.

    The same seed gives the same accuracies, bit for bit, on the same machine. A loss that is no longer finite ends the
    training with a measurement that says so.

    Raises: BadArchitecture.
    """
    DIGITS.check(architecture)
    started = time.perf_counter()
    with _deterministic(threads):
        task = load_task()
        network = _initial(architecture, seed)
        for epoch, loss in enumerate(_epochs(network, task.train, recipe, seed), start=1):
            if not isfinite(loss):
                error = f"loss became {'NaN' if isnan(loss) else 'infinite'} in epoch {epoch} of {recipe.epochs}"
                return Measurement(seconds=time.perf_counter() - started, error=error)
            if on_epoch:
                on_epoch(epoch, loss)
        accuracy, test_accuracy = (_accuracy(network, *part) for part in (task.validation, task.test))
    return Measurement(accuracy, test_accuracy, seconds=time.perf_counter() - started)


@contextmanager
def _deterministic(threads: int) -> Iterator[None]:
    """Use deterministic algorithms and so many threads, and put both back."""
    before = torch.are_deterministic_algorithms_enabled(), torch.get_num_threads()
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        torch.set_num_threads(before[1])


def _initial(architecture: Architecture, seed: int) -> nn.Module:
    # layers draw their weights from the global generator and take no other: it is seeded and then put back
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return DIGITS.build(architecture)


def _epochs(network: nn.Module, data: tuple[Tensor, Tensor], recipe: Recipe, seed: int) -> Iterator[float]:
    """Train epoch by epoch; yields the mean loss of each."""
    images, labels = data
    rng = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.SGD(
        network.parameters(), recipe.lr, momentum=recipe.momentum, weight_decay=recipe.weight_decay, nesterov=True
    )
    steps = recipe.epochs * -(-len(labels) // recipe.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.lr, total_steps=steps)
    network.train()
    for _ in range(recipe.epochs):
        losses = []
        for batch in torch.split(torch.randperm(len(labels), generator=rng), recipe.batch):
            loss = functional.cross_entropy(network(recipe.distortion(images[batch], rng)), labels[batch])
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
            losses.append(loss.detach())
        yield float(torch.stack(losses).mean())


@torch.no_grad()
def _accuracy(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    hits = network.eval()(images).argmax(1) == labels
    return 100 * float(hits.double().mean())
