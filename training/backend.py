"""The device of a training, and PyTorch's settings while it runs. Imports torch."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import torch

from ..errors import GeniusError


@contextmanager
def backend(
    name: str, *, threads: int = 1, deterministic: bool = False, memory_limit: int | None = None
) -> Iterator[torch.device]:
    """Yield a device, and set PyTorch for it: deterministic, as always on a CPU, or fast. Settings are restored.

    `memory_limit` is in bytes, of a GPU. Raises: GeniusError for a device that PyTorch does not have here.
    """
    device = checked_device(name)
    if device.type == "cuda" and device.index is None:
        device = torch.device("cuda", torch.cuda.current_device())
    exact = device.type == "cpu" or deterministic
    before = torch.are_deterministic_algorithms_enabled(), torch.get_num_threads()
    filled = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    benchmark, matmul = torch.backends.cudnn.benchmark, torch.get_float32_matmul_precision()
    if exact and device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS asks for it before its first use
    torch.use_deterministic_algorithms(exact)
    # no code here reads memory before it is written
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.set_num_threads(threads)
    torch.backends.cudnn.benchmark = not exact
    torch.set_float32_matmul_precision("highest" if exact else "high")
    try:
        with _limited(device, memory_limit):
            yield device
    finally:
        torch.use_deterministic_algorithms(before[0])
        torch.utils.deterministic.fill_uninitialized_memory = filled  # type: ignore[attr-defined]
        torch.set_num_threads(before[1])
        torch.backends.cudnn.benchmark = benchmark
        torch.set_float32_matmul_precision(matmul)


@contextmanager
def _limited(device: torch.device, limit: int | None) -> Iterator[None]:
    """Keep this process to so many bytes of a GPU's memory; afterwards it may use all of it again."""
    if not limit or device.type == "cpu":
        yield
        return
    set_fraction: Callable[[float], None]
    if device.type == "cuda":
        whole = torch.cuda.get_device_properties(device).total_memory
        set_fraction = partial(torch.cuda.set_per_process_memory_fraction, device=device)
    else:
        whole, set_fraction = torch.mps.recommended_max_memory(), torch.mps.set_per_process_memory_fraction
    set_fraction(min(1.0, limit / whole))
    try:
        yield
    finally:
        set_fraction(1.0)


def checked_device(name: str) -> torch.device:
    """Return the device of a name: cpu, cuda, cuda:1 or mps.

    Raises: GeniusError for another name, and where PyTorch has no such device here.
    """
    try:
        device = torch.device(name)
    except RuntimeError:
        raise GeniusError(f"device is cpu, cuda, cuda:1 or mps, got {name!r}") from None
    if device.type not in ("cpu", "cuda", "mps"):
        raise GeniusError(f"device is cpu, cuda, cuda:1 or mps, got {name!r}")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise GeniusError(f"device is mps, Apple's GPUs, and this PyTorch has none here: use cpu{_or_cuda()}")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise GeniusError(f"device is {name}, and PyTorch can use {torch.cuda.device_count()} GPUs here")
    return device


def _or_cuda() -> str:
    return " or cuda" if torch.cuda.is_available() else ""


def default_device() -> str:
    """Return "cuda" where PyTorch can use a GPU, else "cpu"."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def device_name(device: torch.device, threads: int) -> str:
    """Name a device for people: a GPU's model, or the CPU with its threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "mps":
        return "Apple GPU (mps)"
    return f"CPU ({threads} thread{'s' * (threads > 1)})"
