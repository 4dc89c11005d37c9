"""Containment: a command that ends together with all its descendants, even detached ones. Needs Linux, and no root.

`python -m genius.evaluators.containment COMMAND…` runs a command between the caller and itself: its standard input is
passed on to the command, and its exit code is the command's. All descendants are killed when the command ends, or when
the caller does. Orphans become its own children (`PR_SET_CHILD_SUBREAPER`), so that neither a new session nor a second
fork takes them out of its reach.
"""

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress


def _has_handles() -> bool:
    """Tell whether the kernel has process handles (pidfd), as Linux has from 5.3 on."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        return False
    return True


CONTAINED = sys.platform == "linux" and os.path.isdir("/proc/self") and _has_handles()
"""Whether containment works on this platform; elsewhere the process group takes its place."""

_PR_SET_CHILD_SUBREAPER = 36
_LOOK = 1000  # milliseconds between two looks for orphans that have ended
_PAUSE = 0.005  # seconds between two passes that kill

ProcessId = tuple[int, int]  # the process's number and its start in ticks since boot, since numbers are reused
Stat = tuple[bytes, int, int]  # a process's state, its parent's number, and its start


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends.

    Raises: OSError where the kernel refuses.
    """
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "the kernel does not let this process adopt orphans")


def end_descendants() -> None:
    """Kill the descendants of this process, repeatedly until none is left, and wait for each."""
    left = True
    while left:
        killed = [_kill(process) for process in _descendants(os.getpid())]
        time.sleep(_PAUSE)
        left = bool(reap()) or any(killed)


def _descendants(root: int) -> list[ProcessId]:
    """List the running descendants of a process, parents first."""
    children: dict[int, list[ProcessId]] = {}
    for pid, (state, parent, started) in _processes():
        if state != b"Z":
            children.setdefault(parent, []).append((pid, started))
    found, next_ones = [], children.get(root, [])
    while next_ones:
        found += next_ones
        next_ones = [child for pid, _ in next_ones for child in children.get(pid, ())]
    return found


def _processes() -> Iterator[tuple[int, Stat]]:
    """Yield the number and the state of each process of this machine."""
    for entry in os.scandir("/proc"):
        if entry.name.isdecimal() and (stat := _stat(int(entry.name))):
            yield int(entry.name), stat


def _stat(pid: int) -> Stat | None:
    """Read the state of a process; None where it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # of the fields behind the name, which may hold any character: the first two, and the 20th
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return fields[0], int(fields[1]), int(fields[19])


def _kill(process: ProcessId) -> bool:
    """Kill a process, but no later one of the same number; False where it is gone or belongs to another user."""
    pid, started = process
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        if (stat := _stat(pid)) and stat[2] == started:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        return True
    except (ProcessLookupError, PermissionError):
        return False
    finally:
        os.close(handle)


def reap() -> dict[int, int]:
    """Wait for the children that have ended; return their exit codes by number, negative for signals."""
    codes = {}
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            codes[ended[0]] = os.waitstatus_to_exitcode(ended[1])
    return codes


def run(command: list[str]) -> int:
    """Run a command until it or the caller ends, and kill all its descendants; return its exit code."""
    adopt_orphans()
    child = subprocess.Popen(command, stdin=subprocess.PIPE)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, _: _pass_on(child.pid, number))
    assert child.stdin is not None
    try:
        return _watch(child.pid, child.stdin.fileno())
    finally:
        end_descendants()


def _pass_on(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _watch(pid: int, pipe: int) -> int:
    """Pass standard input on to a process until it ends, or standard input does; return the exit code."""
    waiting = select.poll()
    waiting.register(0, select.POLLIN)
    waiting.register(os.pidfd_open(pid), select.POLLIN)
    while True:
        ready = {handle for handle, _ in waiting.poll(_LOOK)}
        if pid in (codes := reap()):
            return codes[pid]
        if 0 in ready:
            if not (read := os.read(0, 4096)):
                return -signal.SIGKILL
            with suppress(BrokenPipeError):
                os.write(pipe, read)


def main() -> None:
    """Run the command in the arguments, and end with its exit code or by its signal."""
    import resource

    code = run(sys.argv[1:])
    if code >= 0:
        os._exit(code)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    with suppress(OSError):  # SIGKILL has no handler to reset
        signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
    os._exit(128 - code)


if __name__ == "__main__":
    main()
