"""Scripts that stand in a worker's place, and a look at the processes of this machine."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

_TOLD = """
import json, os, pathlib, signal, subprocess, sys, time
path = sys.stdin.readline().rstrip()
job = json.loads(pathlib.Path(path).read_text())
folder = pathlib.Path(job["folder"])
def answer(accuracy=50.0):
    line = json.dumps({"value": accuracy, "test_value": 49.0, "seconds": 1.0})
    (folder / "answer.json").write_text(line)
def epoch(number, of=3):
    line = {"epoch": number, "epochs": of, "loss": 1.0, "value": None, "images_per_second": 9.0, "seconds": 1.0}
    with (folder / "epochs.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\\n")
"""

HANGS = """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import signal, time\\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\\nprint('ready', flush=True)\\ntime.sleep(300)"], stdout=-1)
child.stdout.readline()
with open(folder / "pids.tmp", "w") as file:
    file.write(f"{os.getpid()} {child.pid}")
os.rename(folder / "pids.tmp", folder / "pids")
time.sleep(300)
"""


def command(script: str) -> tuple[str, ...]:
    """Return the command of a worker that runs a script once it has its job, in `job` and `folder`."""
    return sys.executable, "-c", _TOLD + script


def lives(pid: int) -> bool:
    """Tell whether a process runs; one that has ended and that nobody waited for does not."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(state.strip()) and not state.startswith("Z")


def descendants(name: str, of: int | None = None) -> list[int]:
    """List the processes that this one started, itself or by others, with a name in their command.

    Those that only stand between a worker and its pool are left out.
    """
    listed = subprocess.run(["ps", "-ww", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in listed.splitlines()]
    family = {root := of or os.getpid()}
    for _ in rows:  # a child may be listed before its parent
        more = {int(row[0]) for row in rows if int(row[1]) in family} - family
        if not more:
            break
        family |= more
    own = [row for row in rows if int(row[0]) in family - {root} and len(row) > 2 and "containment" not in row[2]]
    return [int(row[0]) for row in own if name in row[2]]


def wait_until(condition: Callable[[], object], seconds: float = 15) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


def pids(folder: Path) -> list[int]:
    """Read which processes hang, where they have said so."""
    return [int(pid) for file in folder.rglob("pids") for pid in file.read_text().split()]
