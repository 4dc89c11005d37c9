"""The memory of this machine, and the signs that it did not suffice. Does not load torch."""

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_VMSTAT = Path("/proc/vmstat")
_MEMINFO, _OWN_GROUPS = Path("/proc/meminfo"), Path("/proc/self/cgroup")
_GROUPS = (
    (Path("/sys/fs/cgroup"), "memory.max", "memory.current", "inactive_file"),
    (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)
_OUT_OF_MEMORY = ("OutOfMemoryError", "ResourceExhaustedError")  # of torch and CuPy, and of TensorFlow
_SAID = ("DefaultCPUAllocator", "ALLOC_FAILED", "MPS backend out of memory", "RESOURCE_EXHAUSTED")


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an allocator of any device ran out of memory; not every library has an exception for it."""
    typed = isinstance(error, MemoryError) or type(error).__name__ in _OUT_OF_MEMORY
    if typed or not isinstance(error, Exception):
        return typed
    try:
        said = str(error)
    except Exception:  # a stranger's exception may fail to print
        return False
    return any(words in said for words in _SAID)


def total_memory() -> float:
    """Return the bytes of memory of this machine, or of this process's control group, if less."""
    return min(_of_machine(), *(group.limit for group in _groups()), math.inf)


def free_memory() -> float:
    """Return the free bytes of this machine, or those left to this process's control group, if less."""
    return min(_free_of_machine(), *(group.left for group in _groups()), math.inf)


def kills_for_memory() -> int:
    """Return how many processes the kernel has killed since memory ran out; 0 where it does not tell."""
    return _numbers(_VMSTAT).get("oom_kill", 0) if _VMSTAT.is_file() else 0


def _of_machine() -> float:
    if hasattr(os, "sysconf"):
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    import psutil

    return float(psutil.virtual_memory().total)


def _free_of_machine() -> float:
    if _MEMINFO.is_file():
        return _numbers(_MEMINFO)["MemAvailable:"] * 1024.0
    import psutil

    return float(psutil.virtual_memory().available)


@dataclass(frozen=True)
class _Group:
    """A control group with a limit on its memory."""

    folder: Path
    limit: float
    usage: str
    cached: str

    @property
    def left(self) -> float:
        """The bytes that are left under the limit; caches count as free."""
        used = int((self.folder / self.usage).read_text()) - _numbers(self.folder / "memory.stat")[self.cached]
        return max(0.0, self.limit - used)


def _groups() -> Iterator[_Group]:
    """Yield the control groups of this process, of version 2 or 1, and those around them, that have a limit."""
    for parent, limit, usage, cached in _GROUPS:
        for path in _paths():
            folder = parent / path
            if (folder / limit).is_file() and (most := (folder / limit).read_text().strip()).isdecimal():
                yield _Group(folder, float(most), usage, cached)


def _paths() -> list[Path]:
    """Return the paths of this process's control groups, and of those around them, below the root of all groups."""
    lines = _OWN_GROUPS.read_text().splitlines() if _OWN_GROUPS.is_file() else []
    own = [Path(line.rpartition(":")[2].lstrip("/")) for line in lines]
    return list(dict.fromkeys([Path(), *(each for path in own for each in (path, *path.parents))]))


def _numbers(file: Path) -> dict[str, int]:
    """Map the first word of each line to the number behind it."""
    lines = (line.split() for line in file.read_text().splitlines())
    return {words[0]: int(words[1]) for words in lines}


def bytes_in_words(size: float) -> str:
    """Write a number of bytes."""
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"
