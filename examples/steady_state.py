"""How busy four workers are, without a barrier and with one: training times of 1 to 4 units, drawn at random.

The first is a search through the graph with `workers=4`; the second trains the same architectures four at a time, all
four before the next. `python examples/steady_state.py [SECONDS OF A UNIT] [ITERATIONS]`
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import genius
import numpy as np

WORKERS = 4
SPACE = genius.get_space("nas-bench-macro")


class Stub:
    """An evaluator that only waits, for a time that is drawn for the architecture, and notes when it did."""

    def __init__(self, unit: float) -> None:
        self.unit = unit
        self.times: list[tuple[float, float]] = []

    async def __call__(self, architecture: genius.Architecture) -> genius.Measurement:
        """Wait 1 to 4 units."""
        started = time.perf_counter()
        await asyncio.sleep(self.unit * np.random.default_rng(architecture).uniform(1, 4))
        self.times.append((started, time.perf_counter()))
        return genius.Measurement(accuracy=float(sum(architecture)))

    def busy(self) -> float:
        """Return the share of the workers' time that was used until the last training started, in percent."""
        first, last = min(start for start, _ in self.times), max(start for start, _ in self.times)
        used = sum(min(end, last) - start for start, end in self.times)
        return 100 * used / (WORKERS * (last - first))


async def steady(stub: Stub, iterations: int) -> Sequence[genius.Architecture]:
    """Search through the graph; returns the architectures that were evaluated."""
    with tempfile.TemporaryDirectory() as folder:
        result = await genius.search(
            SPACE, proposer="random", evaluator=stub, iterations=iterations, workers=WORKERS, run=Path(folder) / "run"
        )
    return [candidate.architecture for candidate in result.trials[0].candidates if candidate.architecture]


async def barrier(stub: Stub, architectures: Sequence[genius.Architecture]) -> None:
    """Train so many at once as there are workers, and wait for all of them."""
    for start in range(0, len(architectures), WORKERS):
        await asyncio.gather(*map(stub, architectures[start : start + WORKERS]))


async def main(unit: float = 1.0, iterations: int = 60) -> None:
    """Print both shares."""
    free, held = Stub(unit), Stub(unit)
    architectures = await steady(free, iterations)
    await barrier(held, architectures)
    print(f"{iterations} trainings of {unit:g} to {4 * unit:g} s, {WORKERS} workers")
    print(f"without a barrier: {free.busy():.1f}% busy")
    print(f"with a barrier:    {held.busy():.1f}% busy")


if __name__ == "__main__":
    asyncio.run(main(*map(float, sys.argv[1:2]), *map(int, sys.argv[2:3])))
