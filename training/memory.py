"""Memory of a device: the estimate for a training before it starts, and the bytes that are free. Imports torch."""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from .channels_last import CHANNELS_LAST
from .machine import free_memory

_FEW, _MORE = 2, 4  # images of the two small batches; batch norm takes no single one


@dataclass(frozen=True)
class Estimate:
    """The bytes that a training holds at its peak.

    `weights` are held `copies` times: themselves, as gradients, as moments and, where there is one, as moving average;
    those that are not trained, `frozen`, once.
    `activations` are the bytes that one image leaves for the backward pass, the image included.
    """

    weights: int
    copies: int
    activations: int
    batch: int
    frozen: int = 0

    @property
    def total(self) -> int:
        """The bytes of a training on batches of `batch` images."""
        return self.frozen + self.weights * self.copies + self.activations * self.batch


def estimate(
    network: nn.Module, loss_on: "LossOn", *, batch: int, copies: int, device: torch.device, amp: bool
) -> Estimate:
    """Estimate the memory of a training; `loss_on` gives the network's loss on so many blank images,
    and `copies` is how often it holds the weights.

    Two small batches pass through a copy of the network on the device. The bytes that each keeps for the backward pass
    are added up, and their difference gives the bytes of one image.
    """
    trial = copy.deepcopy(network).to(device).train()
    few, more = (_kept(trial, loss_on, images, device, amp) for images in (_FEW, _MORE))
    weights = [(p.requires_grad, p.numel() * p.element_size()) for p in network.parameters()]
    trained = sum(size for trains, size in weights if trains)
    frozen = sum(size for _, size in weights) - trained
    return Estimate(trained, copies, (more - few) // (_MORE - _FEW), batch, frozen)


LossOn = Callable[[nn.Module, int], Tensor]
"""Returns the loss of a network on a number of blank images."""


def blank_images(shape: tuple[int, int, int], device: torch.device) -> LossOn:
    """Return the loss of a classifier on blank images of a shape (channels, height, width)."""

    def loss_on(network: nn.Module, images: int) -> Tensor:
        batch = torch.zeros((images, *shape), device=device).contiguous(memory_format=CHANNELS_LAST)
        labels = torch.zeros(images, dtype=torch.long, device=device)
        return functional.cross_entropy(network(batch), labels)

    return loss_on


def _kept(network: nn.Module, loss_on: LossOn, images: int, device: torch.device, amp: bool) -> int:
    """Count the bytes that a forward pass keeps for the backward pass: each storage once, without the weights."""
    weights = {p.untyped_storage().data_ptr() for p in network.parameters()}
    kept: dict[int, Tensor] = {}  # held here, so that no storage is freed and its address given away again

    def keep(tensor: Tensor) -> Tensor:
        if tensor.untyped_storage().data_ptr() not in weights:
            kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    # the forward passes leave the state of the random generators as it was
    with (
        torch.random.fork_rng(devices=[device] if device.type == "cuda" else []),
        torch.autocast(device.type, torch.bfloat16, enabled=amp),
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
    ):
        loss_on(network, images)
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


def available(device: torch.device) -> float:
    """Return the free bytes of a device; for a CPU, those of the machine or of the container's limit, if less.

    Infinite where the system does not tell.
    """
    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + unused
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
    return free_memory()
