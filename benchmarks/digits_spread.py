"""Train random architectures of the `digits` space and show how far they are apart, and how far seeds are.

    python benchmarks/digits_spread.py --architectures 30 --seeds 2

Trainings that are in the folder already are not done again.
"""

import argparse
import asyncio
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt
from genius.evaluators.from_training import training_evaluator
from genius.evaluators.workers import LocalWorkers, places
from genius.record.measurement import Measurement
from genius.spaces.digits import DIGITS
from genius.spaces.space import Architecture
from genius.training.job import TrainingJob
from genius.training.recipes import RECIPES


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Spread of random architectures of the digits space.")
    parser.add_argument("--architectures", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=2, help="trainings of each architecture")
    parser.add_argument("--sample", type=int, default=0, help="seed that the architectures are drawn with")
    parser.add_argument("--workers", type=int, choices=(1, 2), default=2, help="trainings at a time, a thread each")
    parser.add_argument("--folder", type=Path, default=Path("runs/digits-spread"))
    return parser.parse_args()


def drawn(number: int, seed: int) -> list[Architecture]:
    """Draw different architectures uniformly."""
    rng = np.random.default_rng(seed)
    architectures: dict[Architecture, None] = {}
    while len(architectures) < number:
        architectures[DIGITS.sample(rng)] = None
    return list(architectures)


async def trained(architectures: list[Architecture], seeds: int, workers: int, folder: Path) -> list[list[Measurement]]:
    """Train every architecture with every seed, so many at a time."""
    recipe = RECIPES.find("digits")
    async with LocalWorkers(places(workers, threads=1)) as pool, asyncio.TaskGroup() as group:
        jobs = [
            TrainingJob(
                space="digits",
                architecture=(),
                seed=seed,
                data="digits",
                recipe=recipe,
                folder=folder,
                downloads=folder,
            )
            for seed in range(seeds)
        ]
        train = [training_evaluator(DIGITS, job, pool) for job in jobs]
        tasks = [[group.create_task(evaluate(each)) for evaluate in train] for each in architectures]
    return [[task.result() for task in row] for row in tasks]


def show(architectures: list[Architecture], measurements: list[list[Measurement]]) -> None:
    """Print the architectures from the best to the worst, and what they have in common."""
    accuracy = np.array([[m.accuracy if m.accuracy is not None else np.nan for m in row] for row in measurements])
    test = np.array([[m.test_accuracy if m.accuracy is not None else np.nan for m in row] for row in measurements])
    seconds = np.array([[m.seconds for m in row] for row in measurements])
    costs = DIGITS.costs(architectures)
    mean = accuracy.mean(axis=1)
    print("architecture                   validation % (each seed)  mean   test   kFLOPs  params  seconds")
    for n in np.argsort(-mean, kind="stable"):
        each = " ".join(f"{value:6.2f}" for value in accuracy[n])
        numbers = (
            f"{mean[n]:6.2f} {test[n].mean():6.2f} {costs[n, 0] / 1e3:8.0f} {costs[n, 1]:7d} {seconds[n].mean():8.1f}"
        )
        print(f"{list(architectures[n])!s:30} {each:>24} {numbers}")
    summarise(accuracy, test, costs[:, 0], seconds)
    for error in {m.error for row in measurements for m in row if m.error}:
        print("failed:", error)


def summarise(
    accuracy: npt.NDArray[np.float64],
    test: npt.NDArray[np.float64],
    flops: npt.NDArray[np.int64],
    seconds: npt.NDArray[np.float64],
) -> None:
    """Print the spread over architectures and over seeds; accuracies have shape (architectures, seeds)."""
    mean = accuracy.mean(axis=1)
    low, lower, median, upper, high = np.quantile(mean, [0, 0.25, 0.5, 0.75, 1])
    print(f"\nvalidation accuracy of {len(mean)} random architectures, each the mean of {accuracy.shape[1]} seeds:")
    print(f"min {low:.2f}, quartiles {lower:.2f} / {median:.2f} / {upper:.2f}, max {high:.2f}")
    print(f"mean ± SD over architectures: {mean.mean():.2f} ± {mean.std(ddof=1):.2f} points")
    if accuracy.shape[1] > 1:
        print(
            f"SD over the seeds of one architecture (pooled): {np.sqrt(accuracy.var(axis=1, ddof=1).mean()):.2f} points"
        )
        best = np.argsort(-mean)[: len(mean) // 2]
        print(
            f"rank correlation between two seeds: {between_seeds(accuracy):.2f}, "
            f"among the better half {between_seeds(accuracy[best]):.2f}"
        )
    print(f"rank correlation of the mean with test accuracy {ranked(mean, test.mean(axis=1)):.2f},", end=" ")
    print(f"with FLOPs {ranked(mean, flops):.2f}")
    shortest, middle, longest = np.quantile(seconds, [0, 0.5, 1])
    print(f"seconds of a training, by the worker: {shortest:.1f} / {middle:.1f} / {longest:.1f} (min, median, max)")


def between_seeds(accuracy: npt.NDArray[np.float64]) -> float:
    """Return the mean rank correlation of the seeds' columns, two by two: how far one training can be trusted."""
    return float(np.mean([ranked(a, b) for a, b in combinations(accuracy.T, 2)]))


def ranked(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Return Spearman's rank correlation."""
    from scipy.stats import spearmanr

    return float(spearmanr(a, b).statistic)


def main() -> None:
    """Train and print."""
    args = options()
    architectures = drawn(args.architectures, args.sample)
    show(architectures, asyncio.run(trained(architectures, args.seeds, args.workers, args.folder)))


if __name__ == "__main__":
    main()
