"""How long the guide takes: a fit and the prediction of every architecture of a space, mean and standard deviation; and
a whole proposal, in large spaces and after many observations, against one in a small space.

python benchmarks/surrogate_rate.py [REPETITIONS]
"""

import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from statistics import median

import genius
import numpy as np
from genius.guide.features import encoder
from genius.guide.guide import Observed, fit, suggest
from genius.record.candidate import Candidate
from genius.spaces.cost import Cost, Part
from genius.spaces.region import Region

SPACES = ("nas-bench-macro", "nas-bench-201-cifar10", "channel-bench-resnet")
OBSERVATIONS = (10, 50, 200)
SMALL, FEW, MANY = "nas-bench-macro", 10, (10, 256, 2_000)


def many_decisions(count: int = 200, options: int = 6) -> genius.SearchSpace:
    """Make a space of many decisions: each option costs as much more than the one before."""
    prices = np.random.default_rng(0).integers(1, 101, count)
    parts = tuple(
        Part((at,), lambda option, price=int(price): Cost(price * (option + 1), option + 1))
        for at, price in enumerate(prices)
    )
    names = tuple(map(str, range(options)))
    return genius.SearchSpace(
        "many-decisions", tuple(genius.Decision(f"d{at}", names) for at in range(count)), parts=parts
    )


def seconds(space: genius.SearchSpace, observations: int, seed: int) -> float:
    """Time a fit to random architectures and the prediction of all of the space."""
    rng = np.random.default_rng(seed)
    everything = encoder(space).encode(encoder(space).reference)
    drawn = [space.sample(rng) for _ in range(observations)]
    observed = Observed(drawn, rng.normal(90, 2, observations), np.zeros(observations))
    started = time.perf_counter()
    fit(Region(space), observed, rng).predict(everything)
    return time.perf_counter() - started


def cpu_of_a_proposal(space: genius.SearchSpace, observations: int, seed: int) -> float:
    """Measure the CPU seconds of a proposal after observations of random architectures."""
    rng = np.random.default_rng(seed)
    history = [
        Candidate(1, at, architecture=space.sample(rng), measurement=genius.Measurement(rng.normal(90, 2)))
        for at in range(1, observations + 1)
    ]
    started = time.process_time()
    suggest(Region(space), history, rng)
    return time.process_time() - started


def rates(repetitions: int) -> None:
    """Print the medians of a fit and its predictions."""
    for name in SPACES:
        space = genius.get_space(name)
        started = time.perf_counter()
        suggest(Region(space), [], np.random.default_rng(0))
        once = time.perf_counter() - started
        found = _medians(lambda count, seed, space=space: seconds(space, count, seed), OBSERVATIONS, repetitions)
        each = ", ".join(f"{1e3 * s:.0f} at {count}" for s, count in zip(found, OBSERVATIONS, strict=True))
        print(f"{name} ({space.size:,} architectures): {each} observations; once at the start {1e3 * once:.0f}")


def proposals(repetitions: int) -> None:
    """Print the CPU of proposals, as ratios to one in the small space."""
    small, large = genius.get_space(SMALL), many_decisions()
    (unit,) = _medians(lambda count, seed: cpu_of_a_proposal(small, count, seed), [FEW], repetitions)
    print(f"CPU of a proposal, in those of {SMALL} after {FEW} observations ({unit:.3f} s):")
    for space in (small, large):
        found = _medians(lambda count, seed, space=space: cpu_of_a_proposal(space, count, seed), MANY, repetitions)
        each = ", ".join(f"{s / unit:.1f} at {count:,}" for s, count in zip(found, MANY, strict=True))
        print(f"{space.name} ({len(space.decisions)} decisions): {each} observations")


def _medians(measure: Callable[[int, int], float], counts: Sequence[int], repetitions: int) -> list[float]:
    """Return the median for each number of observations; the first, which begins with a cold cache, does not count."""
    measure(counts[0], 0)
    return [median(measure(count, seed) for seed in range(repetitions)) for count in counts]


def main(repetitions: int = 7) -> None:
    """Print the medians."""
    print(f"{os.cpu_count()} cores, {platform.machine()}; median of {repetitions}, in ms")
    rates(repetitions)
    proposals(repetitions)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
