"""The training loop: epochs on any device, in one process or in several. Imports torch."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torchvision.ops import StochasticDepth

from ..errors import GeniusError
from .batches import ALONE, Batch, Batches, Rank
from .channels_last import CHANNELS_LAST, backward, guarded
from .optimizer import make_optimizer, set_rates
from .recipes import Recipe
from .tuning import UNTUNED, Tuning

_B = TypeVar("_B")

Loss = Callable[[nn.Module, _B, Recipe], Tensor]
"""Returns the mean loss of a network on a batch of its task."""

FIVE = 5
"""The classes among which the right one counts for top-5 accuracy."""

_LOOK_EVERY = 200  # steps between two looks at the loss: each waits for the device


class Diverged(Exception):
    """The loss is no longer finite."""


@dataclass(frozen=True)
class Learner:
    """The state of a training: the network, its optimiser, and the moving average of its weights, if any.

    `frozen` are modules that stay in evaluation mode.
    """

    network: nn.Module
    optimizer: torch.optim.Optimizer
    average: AveragedModel | None
    frozen: tuple[nn.Module, ...] = ()

    @property
    def measured(self) -> nn.Module:
        """The network to measure: that of the moving average, if there is one."""
        return self.average.module if self.average else self.network

    def state(self) -> dict[str, object]:
        """Return the state dicts of the parts."""
        parts: dict[str, nn.Module | torch.optim.Optimizer | None] = {
            "network": self.network,
            "optimizer": self.optimizer,
            "average": self.average,
        }
        return {name: part.state_dict() for name, part in parts.items() if part is not None}

    def restore(self, state: dict[str, object]) -> None:
        """Load the state dicts that `state` returned."""
        self.network.load_state_dict(state["network"])  # type: ignore[arg-type]
        self.optimizer.load_state_dict(state["optimizer"])  # type: ignore[arg-type]
        if self.average is not None:
            self.average.load_state_dict(state["average"])  # type: ignore[arg-type]


def learner(
    network: nn.Module, recipe: Recipe, device: torch.device, rank: Rank = ALONE, tuning: Tuning = UNTUNED
) -> Learner:
    """Move a network to its device, and make the optimiser and the moving average that the recipe names.

    Raises: GeniusError where the recipe skips blocks, and the network has none that can be skipped.
    """
    _set_dropout(network, recipe)
    if recipe.sync_bn and rank.world > 1:
        network = nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
    network = network.to(device, memory_format=CHANNELS_LAST)  # type: ignore[call-overload]
    decay = get_ema_multi_avg_fn(recipe.ema)  # type: ignore[no-untyped-call]
    average = AveragedModel(network, multi_avg_fn=decay, use_buffers=True) if recipe.ema else None
    frozen = tuple(map(network.get_submodule, tuning.frozen))
    return Learner(network, make_optimizer(network, recipe, device, tuning.rates), average, frozen)


def _set_dropout(network: nn.Module, recipe: Recipe) -> None:
    """Set the rates of dropout layers, and those of stochastic depth, which rise linearly up to the last block.

    Raises: GeniusError.
    """
    for module in network.modules():
        if recipe.dropout is not None and isinstance(module, nn.Dropout):
            module.p = recipe.dropout
    if recipe.drop_path:
        blocks = [module for module in network.modules() if isinstance(module, StochasticDepth)]
        if not blocks:
            raise GeniusError(
                f"drop_path={recipe.drop_path:g} skips blocks, and the network has no torchvision.ops.StochasticDepth "
                "that would do so: set drop_path=0"
            )
        for depth, block in enumerate(blocks, start=1):
            block.p = recipe.drop_path * depth / len(blocks)


def uses_amp(recipe: Recipe, device: torch.device) -> bool:
    """Tell whether a training uses mixed precision with bfloat16."""
    able = device.type == "cuda" and torch.cuda.is_bf16_supported()
    return recipe.amp == "on" or (recipe.amp == "auto" and able)


def precision(recipe: Recipe, device: torch.device) -> AbstractContextManager[None]:
    """Return the autocast context of forward passes."""
    return torch.autocast(device.type, torch.bfloat16, enabled=uses_amp(recipe, device))


def train_epochs(
    learns: Learner,
    batches: Batches[_B],
    recipe: Recipe,
    loss_of: Loss[_B],
    *,
    seed: int,
    device: torch.device,
    rank: Rank = ALONE,
    done: int = 0,
) -> Iterator[tuple[float, float]]:
    """Train the epochs that follow the first `done`; yield the mean loss and the images a second of each.

    An epoch is a function of the seed, its number and the learner's state at its start.

    Raises: Diverged.
    """
    forward: nn.Module = learns.network
    if rank.world > 1:
        forward = DistributedDataParallel(forward, device_ids=[device] if device.type == "cuda" else None)
    if recipe.compile != "off":
        forward = torch.compile(forward, mode=recipe.compile)  # type: ignore[assignment]
    for epoch in range(done, recipe.epochs):
        started = time.perf_counter()
        # dropout, stochastic depth and mixing draw from the global generators: they are seeded, and put back
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(int(np.random.SeedSequence((seed, epoch, rank.number)).generate_state(1)[0]))
            loss = _epoch(learns, forward, batches, recipe, loss_of, epoch, device, rank)
        yield loss, batches.steps * batches.batch / (time.perf_counter() - started)


def _epoch(
    learns: Learner,
    forward: nn.Module,
    batches: Batches[_B],
    recipe: Recipe,
    loss_of: Loss[_B],
    epoch: int,
    device: torch.device,
    rank: Rank,
) -> float:
    """Train one epoch; return its mean loss over all processes."""
    forward.train()
    for module in learns.frozen:
        module.eval()
    total = torch.zeros((), device=device)
    all_steps = recipe.epochs * batches.steps
    for step, batch in enumerate(batches.epoch(epoch)):
        set_rates(learns.optimizer, recipe, epoch * batches.steps + step, all_steps)
        total += train_step(learns, forward, batch, recipe, device, loss_of)
        if (step + 1) % _LOOK_EVERY == 0:
            _finite(total, epoch, recipe, rank)
    return _finite(total, epoch, recipe, rank) / batches.steps


def train_step(
    learns: Learner, forward: nn.Module, batch: _B, recipe: Recipe, device: torch.device, loss_of: Loss[_B]
) -> Tensor:
    """Take one step; return its loss, on the device, without waiting for it."""
    learns.optimizer.zero_grad()
    with guarded(device):
        with precision(recipe, device):
            loss = loss_of(forward, batch, recipe)
        backward(loss)
    if recipe.clip:
        nn.utils.clip_grad_norm_(learns.network.parameters(), recipe.clip)
    learns.optimizer.step()
    if learns.average is not None:
        learns.average.update_parameters(learns.network)
    return loss.detach()


def cross_entropy(forward: nn.Module, batch: Batch, recipe: Recipe) -> Tensor:
    """Return the mean cross entropy of a batch.

    Labels are numbers of shape (n,), or probabilities of shape (n, classes).
    """
    images, labels = batch
    return functional.cross_entropy(forward(images), labels, label_smoothing=recipe.label_smoothing)


def _finite(total: Tensor, epoch: int, recipe: Recipe, rank: Rank) -> float:
    """Average a loss over all processes, so that all of them stop when it is no longer finite.

    Raises: Diverged.
    """
    loss = summed(total.clone(), rank).item() / rank.world
    if not math.isfinite(loss):
        became = "NaN" if math.isnan(loss) else "infinite"
        raise Diverged(f"loss became {became} in epoch {epoch + 1} of {recipe.epochs}")
    return loss


def summed(value: Tensor, rank: Rank) -> Tensor:
    """Add up a number over all processes."""
    if rank.world > 1:
        torch.distributed.all_reduce(value)
    return value


@torch.no_grad()
def accuracies(
    network: nn.Module, batches: Iterator[Batch], recipe: Recipe, device: torch.device, rank: Rank
) -> tuple[float, float]:
    """Measure top-1 and top-5 accuracy in percent over all processes, in one pass.

    `batches` hold this process's share of the images. Of equal scores that of the first class counts as the higher.
    """
    network.eval()
    first, five, count = counts = torch.zeros(3, dtype=torch.long, device=device)
    for images, labels in batches:
        with precision(recipe, device):
            ranked = network(images).argsort(dim=1, descending=True, stable=True)
        hits = ranked[:, :FIVE] == labels[:, None]
        first += hits[:, 0].sum()
        five += hits.sum()
        count += len(labels)
    top1, top5, all_images = summed(counts, rank).tolist()
    return 100 * top1 / all_images, 100 * top5 / all_images
