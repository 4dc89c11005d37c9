"""The memory of this machine, and the signs that it did not suffice. Does not load torch."""

import math
import os
from collections.abc import Iterator
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
_OUT_OF_MEMORY = ("OutOfMemoryError", "ResourceExhaustedError")  # of torch and CuPy, and of TensorFlow
_SAID = ("DefaultCPUAllocator", "ALLOC_FAILED", "MPS backend out of memory", "RESOURCE_EXHAUSTED")


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an allocator of any device ran out of memory; few libraries have an exception of their own for it."""
    said = str(error)
    typed = isinstance(error, MemoryError) or type(error).__name__ in _OUT_OF_MEMORY
    return typed or any(words in said for words in _SAID)


def total_memory() -> float:
    """Return the bytes of memory of this machine, or of its control group, if less; infinite where nothing tells."""
    return min(_of_machine(), *_of_groups(), math.inf)


def _of_machine() -> float:
    try:
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):  # Windows
        import psutil

        return float(psutil.virtual_memory().total)


def _of_groups() -> Iterator[float]:
    """Yield the limits of the control group of this process and of those around it, of version 2 or 1."""
    for name, parent in (("memory.max", CGROUPS), ("memory.limit_in_bytes", CGROUPS / "memory")):
        for folder in (parent, *(parent / path for path in _groups())):
            try:
                limit = (folder / name).read_text().strip()
            except OSError:
                continue
            if limit.isdecimal():
                yield float(limit)


def _groups() -> Iterator[Path]:
    """Yield the paths of the control groups of this process, each with those around it."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        path = Path(line.rpartition(":")[2].lstrip("/"))
        yield from (path, *path.parents)


def bytes_in_words(size: float) -> str:
    """Write a number of bytes."""
    return f"{size / 1e9:,.1f} GB" if size >= 1e8 else f"{size / 1e6:,.1f} MB"
