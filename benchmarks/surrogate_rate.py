"""How long the guide takes: a fit and the prediction of every architecture of a space, mean and standard deviation.

python benchmarks/surrogate_rate.py [REPETITIONS]
"""

import os
import platform
import sys
import time
from statistics import median

import genius
import numpy as np
from genius.guide.features import encoder
from genius.guide.guide import Observed, fit, suggest
from genius.spaces.region import Region

SPACES = ("nas-bench-macro", "nas-bench-201-cifar10", "channel-bench-resnet")
OBSERVATIONS = (10, 50, 200)


def seconds(space: genius.SearchSpace, observations: int, seed: int) -> float:
    """Time a fit to random architectures and the prediction of all of the space."""
    rng = np.random.default_rng(seed)
    everything = encoder(space).encode(encoder(space).reference)
    drawn = [space.sample(rng) for _ in range(observations)]
    observed = Observed(drawn, rng.normal(90, 2, observations), np.zeros(observations))
    started = time.perf_counter()
    fit(Region(space), observed, rng).predict(everything)
    return time.perf_counter() - started


def main(repetitions: int = 7) -> None:
    """Print the medians."""
    print(f"{os.cpu_count()} cores, {platform.machine()}; median of {repetitions}, in ms")
    for name in SPACES:
        space = genius.get_space(name)
        started = time.perf_counter()
        suggest(Region(space), [], np.random.default_rng(0))
        once = time.perf_counter() - started
        found = [median(seconds(space, count, seed) for seed in range(repetitions)) for count in OBSERVATIONS]
        each = ", ".join(f"{1e3 * s:.0f} at {count}" for s, count in zip(found, OBSERVATIONS, strict=True))
        print(f"{name} ({space.size:,} architectures): {each} observations; once at the start {1e3 * once:.0f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
