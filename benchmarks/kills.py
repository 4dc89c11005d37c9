"""A digits search that is killed again and again, workers and the whole of it: what is lost, and what is done twice.

    python benchmarks/kills.py [KILLS OF WORKERS] [KILLS OF THE SEARCH]

Kills a worker at random moments, then the search itself (SIGKILL to the process, then `genius resume`), and lets the
search finish. Prints how many iterations were lost or made twice, how many epochs were trained twice, and whether the
accuracies are those of a search that nobody disturbed.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

ITERATIONS, WORKERS = 10, 2
SEARCH = ("search", "digits", "--proposer", "random", "--iterations", str(ITERATIONS), "--workers", str(WORKERS))


def start(arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start `genius`, with nobody listening."""
    command = [sys.executable, "-c", "from genius.cli import main; main()", *arguments, "--json"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def workers_of(search: subprocess.Popen[bytes]) -> list[int]:
    """Return the worker processes that a search has started, and those that stand between it and them."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    rows = [line.split(maxsplit=2) for line in listed.splitlines()]
    of_workers = [(int(pid), int(parent)) for pid, parent, args in rows if "genius.evaluators.worker" in args]
    own = [pid for pid, parent in of_workers if parent == search.pid]
    return own + [pid for pid, parent in of_workers if parent in own]


def finished(run: Path) -> list[dict[str, object]]:
    """Read a run's journal."""
    path = run / "candidates.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def epochs_twice(run: Path) -> int:
    """Count the epochs that some training wrote down more than once."""
    found = 0
    for path in run.glob("evaluations/*/*/epochs.jsonl"):
        told = Counter(json.loads(line)["epoch"] for line in path.read_text().splitlines())
        found += sum(count - 1 for count in told.values())
    return found


def disturb(run: Path, workers: int, searches: int, rng: random.Random) -> tuple[int, int]:
    """Run the search, killing; returns how many workers and how many searches were killed before it was done."""
    done = [0, 0]
    process = start([*SEARCH, "--run", str(run)])
    while process.poll() is None:
        time.sleep(rng.uniform(0.2, 3.0))
        alive = workers_of(process)
        if done[0] < workers and alive and rng.random() < workers / (workers + searches):
            os.kill(rng.choice(alive), signal.SIGKILL)
            done[0] += 1
        elif done[1] < searches and (run / "search.json").is_file() and alive:
            process.kill()
            process.wait()
            done[1] += 1
            process = start(["resume", str(run)])
    return done[0], done[1]


def main(workers: int = 20, searches: int = 20) -> None:
    """Print what the kills cost."""
    rng = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        calm, harried = Path(folder) / "calm", Path(folder) / "harried"
        start([*SEARCH, "--run", str(calm)]).wait()
        began = time.monotonic()
        killed = disturb(harried, workers, searches, rng)
        lines = finished(harried)
        expected = {line["iteration"]: line["measurement"] for line in finished(calm)}
        iterations = Counter(line["iteration"] for line in lines)
        same = sum(_accuracy(line["measurement"]) == _accuracy(expected[line["iteration"]]) for line in lines)
        print(f"killed: {killed[0]} workers, {killed[1]} times the search itself; {time.monotonic() - began:.0f} s")
        print(f"iterations: {len(iterations)} of {ITERATIONS}, {sum(iterations.values()) - len(iterations)} twice")
        print(f"epochs trained twice: {epochs_twice(harried)}, of {40 * ITERATIONS}")
        print(f"accuracies as in the search that nobody disturbed: {same} of {ITERATIONS}")


def _accuracy(measurement: object) -> object:
    return measurement["value"] if isinstance(measurement, dict) else None


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
