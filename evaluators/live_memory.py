"""The memory of one inference: counted on a CPU, by the allocator's statistics on a GPU. Imports torch."""

import weakref
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

MEGABYTE = 1e6  # bytes


class LiveStorages(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of the storages that operators make, while they are alive; `peak` is the most at once.

    A view, or an operator that works in place, makes no storage. An operator's own memory is not seen.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak = self._bytes = 0
        self._alive: dict[int, weakref.ref[object]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operator, and take in its results."""
        returned = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(returned):
            if isinstance(leaf, Tensor):
                self.add(leaf)
        return returned

    def add(self, tensor: Tensor) -> None:
        """Count a tensor's storage from now on, once, until it is freed."""
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key in self._alive:
            return
        self._bytes += size
        self.peak = max(self.peak, self._bytes)
        self._alive[key] = weakref.ref(storage, lambda _: self._freed(key, size))

    def _freed(self, key: int, size: int) -> None:
        if self._alive.pop(key, None) is not None:
            self._bytes -= size


def counted_memory(network: nn.Module, images: Tensor) -> float:
    """Return the bytes of weights, images and, at the peak of an inference, activations, in MB: the same each time."""
    live = LiveStorages()
    for tensor in (*network.parameters(), *network.buffers(), images):
        live.add(tensor)
    with live:
        network(images)
    return live.peak / MEGABYTE


def allocated_memory(network: nn.Module, images: Tensor) -> float:
    """Return the most that CUDA's allocator lends during an inference, in MB; it must hold nothing else before.

    The first inference is left out: in it cuDNN tries algorithms, each with memory of its own.
    """
    network(images)
    torch.cuda.synchronize(images.device)
    torch.cuda.reset_peak_memory_stats(images.device)
    network(images)
    torch.cuda.synchronize(images.device)
    return torch.cuda.max_memory_allocated(images.device) / MEGABYTE
