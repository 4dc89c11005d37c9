"""The optimiser of a training: the weights that decay, and the rates of each step. Imports torch."""

import re
from collections import defaultdict
from collections.abc import Mapping

import torch
from torch import nn
from torch.optim import SGD, AdamW, Optimizer

from .recipes import Recipe, learning_rate, momentum

_POSITIONS = re.compile(r"(^|[._])pos(itions?|itional)?([._]|$)")
"""The name of a position embedding, as in `pos_embed`, `encoder.pos_embedding` and `position.weight`."""

_FACTOR = "factor"  # of a group's learning rate


def make_optimizer(
    network: nn.Module, recipe: Recipe, device: torch.device, rates: Mapping[str, float] | None = None
) -> Optimizer:
    """Make the optimiser that a recipe names, for the weights to train of a network on its device.

    `rates` are factors of the learning rate by the names of weights; that of all others is 1.
    """
    groups, fused = _groups(network, recipe, rates or {}), device.type == "cuda"
    if recipe.optimizer == "adamw":
        return AdamW(groups, recipe.lr, betas=(recipe.momentum, recipe.beta2), fused=fused)
    nesterov = recipe.nesterov and recipe.momentum > 0
    return SGD(groups, recipe.lr, momentum=recipe.momentum, nesterov=nesterov, fused=fused)


def _groups(network: nn.Module, recipe: Recipe, rates: Mapping[str, float]) -> list[dict[str, object]]:
    """Group the weights by how they decay, and by the factors of their rates."""
    groups: defaultdict[tuple[float, float], list[nn.Parameter]] = defaultdict(list)
    for name, weight in network.named_parameters():
        if weight.requires_grad:
            spared = recipe.no_bias_decay and _is_spared(name, weight)
            groups[0.0 if spared else recipe.weight_decay, rates.get(name, 1.0)].append(weight)
    return [{"params": weights, "weight_decay": decay, _FACTOR: factor} for (decay, factor), weights in groups.items()]


def _is_spared(name: str, weight: nn.Parameter) -> bool:
    """Tell biases, the weights of norms and position embeddings from other weights."""
    return weight.ndim < 2 or _POSITIONS.search(name) is not None


def set_rates(optimizer: Optimizer, recipe: Recipe, step: int, steps: int) -> None:
    """Set the learning rate and the momentum of a step, counted from 0, of `steps` in the whole training."""
    rate, moment = learning_rate(recipe, step, steps), momentum(recipe, step, steps)
    for group in optimizer.param_groups:
        group["lr"] = rate * group[_FACTOR]
        group |= {"betas": (moment, recipe.beta2)} if recipe.optimizer == "adamw" else {"momentum": moment}


def copies_of_weights(recipe: Recipe) -> int:
    """Return how often a training holds the weights: themselves, gradients, moments, and the moving average, if any."""
    return 2 + (2 if recipe.optimizer == "adamw" else 1) + (recipe.ema > 0)
