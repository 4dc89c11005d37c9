"""How busy the workers are, without a barrier and with one.

    python benchmarks/steady_state.py [SECONDS OF A UNIT] [ITERATIONS]    waits of 1 to 4 units, 4 workers
    python benchmarks/steady_state.py digits [ITERATIONS]                 real trainings on digits, 2 workers

The first line is a search through the graph with `workers=`; the second evaluates the same architectures so many at a
time, all of them before the next.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import genius
import numpy as np
from genius.evaluators.from_training import training_evaluator
from genius.evaluators.workers import LocalWorkers, places
from genius.training.job import TrainingJob
from genius.training.recipes import RECIPES

Evaluate = Callable[[genius.Architecture], Awaitable[genius.Measurement]]


class Timed:
    """An evaluator that notes when each evaluation started and ended."""

    def __init__(self, evaluate: Evaluate, workers: int) -> None:
        self.evaluate, self.workers = evaluate, workers
        self.times: list[tuple[float, float]] = []

    async def __call__(self, architecture: genius.Architecture) -> genius.Measurement:
        """Evaluate an architecture."""
        started = time.perf_counter()
        measurement = await self.evaluate(architecture)
        self.times.append((started, time.perf_counter()))
        return measurement

    def busy(self) -> float:
        """Return the share of the workers' time that was used until the last evaluation started, in percent."""
        first, last = min(start for start, _ in self.times), max(start for start, _ in self.times)
        used = sum(min(end, last) - start for start, end in self.times)
        return 100 * used / (self.workers * (last - first))


def waiting(unit: float) -> Evaluate:
    """Make an evaluator that only waits, 1 to 4 units, drawn for each architecture."""

    async def evaluate(architecture: genius.Architecture) -> genius.Measurement:
        await asyncio.sleep(unit * np.random.default_rng(architecture).uniform(1, 4))
        return genius.Measurement(accuracy=float(sum(architecture)))

    return evaluate


@asynccontextmanager
async def training(space: genius.SearchSpace, workers: int) -> AsyncIterator[Evaluate]:
    """Open a pool that trains on digits, and make an evaluator of it."""
    with tempfile.TemporaryDirectory() as folder:
        job = TrainingJob(
            space=space.name,
            architecture=(),
            seed=0,
            data="digits",
            recipe=RECIPES.find("digits"),
            folder=Path(folder),
            downloads=Path(folder),
        )
        async with LocalWorkers(places(workers, threads=1)) as pool:
            yield training_evaluator(space, job, pool)


async def steady(space: genius.SearchSpace, timed: Timed, iterations: int) -> Sequence[genius.Architecture]:
    """Search through the graph; returns the architectures that were evaluated."""
    with tempfile.TemporaryDirectory() as folder:
        result = await genius.search(
            space,
            proposer="random",
            evaluator=timed,
            iterations=iterations,
            workers=timed.workers,
            run=Path(folder) / "run",
        )
    return [candidate.architecture for candidate in result.trials[0].candidates if candidate.architecture]


async def barrier(timed: Timed, architectures: Sequence[genius.Architecture]) -> None:
    """Evaluate so many at once as there are workers, and wait for all of them."""
    for start in range(0, len(architectures), timed.workers):
        await asyncio.gather(*map(timed, architectures[start : start + timed.workers]))


async def compare(space: genius.SearchSpace, free: Timed, held: Timed, iterations: int) -> None:
    """Print both shares."""
    await barrier(held, await steady(space, free, iterations))
    shortest, longest = (edge(end - start for start, end in free.times) for edge in (min, max))
    print(f"{iterations} evaluations of {shortest:.1f} to {longest:.1f} s, {free.workers} workers")
    print(f"without a barrier: {free.busy():.1f}% busy")
    print(f"with a barrier:    {held.busy():.1f}% busy")


async def main(what: str = "1", iterations: int = 60) -> None:
    """Compare waits, or trainings."""
    if what != "digits":
        evaluate = waiting(float(what))
        await compare(genius.get_space("nas-bench-macro"), Timed(evaluate, 4), Timed(evaluate, 4), iterations)
        return
    space = genius.get_space("digits")
    async with training(space, 2) as first, training(space, 2) as second:
        await compare(space, Timed(first, 2), Timed(second, 2), iterations)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:2], *map(int, sys.argv[2:3])))
