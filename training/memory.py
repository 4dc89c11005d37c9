"""What a training will need of a device's memory, estimated before it starts, and what there is. Imports torch."""

import copy
import math
import os
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from .channels_last import CHANNELS_LAST

_FEW, _MORE = 2, 4  # images of the two small batches; batch norm takes no single one
_MEMINFO = Path("/proc/meminfo")
_CGROUPS = (
    (Path("/sys/fs/cgroup"), "memory.max", "memory.current", "inactive_file"),
    (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)


@dataclass(frozen=True)
class Estimate:
    """Bytes that a training holds at its peak.

    `weights` are held once, as gradients, as momentum and, with a moving average, once more: `copies` times in all.
    `activations` are what one image leaves for the backward pass, the image included.
    """

    weights: int
    copies: int
    activations: int
    batch: int

    @property
    def total(self) -> int:
        """All together for a batch."""
        return self.weights * self.copies + self.activations * self.batch


def estimate(
    network: nn.Module, shape: tuple[int, int, int], *, batch: int, average: bool, device: torch.device, amp: bool
) -> Estimate:
    """Estimate the memory of a training with batches of images of this shape (channels, height, width).

    Two small batches are passed through a copy of the network on the device, and what each of them would keep for the
    backward pass is added up; their difference is what an image takes.
    """
    trial = copy.deepcopy(network).to(device).train()
    few, more = (_kept(trial, shape, images, device, amp) for images in (_FEW, _MORE))
    weights = sum(p.numel() * p.element_size() for p in network.parameters())
    return Estimate(weights, 4 if average else 3, (more - few) // (_MORE - _FEW), batch)


def _kept(network: nn.Module, shape: tuple[int, int, int], images: int, device: torch.device, amp: bool) -> int:
    """Return the bytes that a forward pass keeps, each storage counted once, the weights not at all."""
    weights = {p.untyped_storage().data_ptr() for p in network.parameters()}
    kept: dict[int, Tensor] = {}  # held here, so that no storage is freed and its address given away again

    def keep(tensor: Tensor) -> Tensor:
        if tensor.untyped_storage().data_ptr() not in weights:
            kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    batch = torch.zeros((images, *shape), device=device).contiguous(memory_format=CHANNELS_LAST)
    labels = torch.zeros(images, dtype=torch.long, device=device)
    # of no consequence for anything random that follows
    with (
        torch.random.fork_rng(devices=[device] if device.type == "cuda" else []),
        torch.autocast(device.type, torch.bfloat16, enabled=amp),
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
    ):
        functional.cross_entropy(network(batch), labels)
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


def available(device: torch.device) -> float:
    """Return the bytes that a device has free; of a CPU, what this process may still take of the machine's memory.

    Infinite where nothing tells them.
    """
    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + unused
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
    return min(_free_of_machine(), _free_of_cgroup())


def _free_of_machine() -> float:
    if _MEMINFO.is_file():
        return _numbers(_MEMINFO)["MemAvailable:"] * 1024
    if hasattr(os, "sysconf"):  # macOS does not say what is free, only what there is
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return math.inf  # Windows says it by a call of its own alone: there nothing is too large


def _free_of_cgroup() -> float:
    """Return what the container's limit leaves, by version 2 or 1 of control groups; what is cached can be given up."""
    for folder, limit, usage, cached in _CGROUPS:
        if (folder / limit).is_file() and (most := (folder / limit).read_text().strip()) != "max":
            used = int((folder / usage).read_text()) - _numbers(folder / "memory.stat")[cached]
            return max(0, int(most) - used)
    return math.inf


def _numbers(file: Path) -> dict[str, int]:
    """Read the first number of each line, by the line's first word."""
    lines = (line.split() for line in file.read_text().splitlines())
    return {words[0]: int(words[1]) for words in lines}
