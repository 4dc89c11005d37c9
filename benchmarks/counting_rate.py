"""How fast architectures are counted and repaired: each space's rate, beside the count of built networks.

Prints architectures a second of `SearchSpace.costs`, the time of one count of a built network, and the time of
`Region.nearest` on the 7^30 architectures of mobile-imagenet.
"""

import os
import platform
import time
from pathlib import Path

import numpy as np
from genius.spaces import SPACES, get_space
from genius.spaces.cost import count
from genius.spaces.region import Limits, Region, parse_range

MOBILE = get_space("mobile-imagenet")
RANGES = (("270M", "330M"), ("379M", "401M"), ("300M", "301M"))


def processor() -> str:
    """Name the processor."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def rates(rng: np.random.Generator) -> dict[str, float]:
    """Return the architectures a second of each space: the best of three times 100,000 random ones."""
    found = {}
    for name, space in SPACES.items():
        drawn = np.stack([rng.choice(list(d.numbers), 100_000) for d in space.decisions], axis=1)
        space.costs(drawn[:1])
        times = []
        for _ in range(3):
            started = time.perf_counter()
            space.costs(drawn)
            times.append(time.perf_counter() - started)
        found[name] = len(drawn) / min(times)
    return found


def main() -> None:
    """Print the figures."""
    rng = np.random.default_rng(0)
    print(f"{processor()}, {os.cpu_count()} cores, numpy {np.__version__}")
    found = rates(rng)
    for name, rate in found.items():
        print(f"{name:<30} {rate:>12,.0f} architectures a second")
    drawn, times = [MOBILE.sample(rng) for _ in range(5)], []
    for architecture in drawn:
        network = MOBILE.build(architecture)
        started = time.perf_counter()
        cost = count(network, MOBILE.input_shape)
        times.append(time.perf_counter() - started)
        assert cost == MOBILE.cost(architecture)
    each = float(np.median(times))
    print(f"built networks of {MOBILE.name}: {1e3 * each:.0f} ms each, {each * found[MOBILE.name]:,.0f} times as long")
    for low, high in RANGES:
        for convention in ("macs", "thop"):
            limits = Limits(parse_range(low, high), convention=convention)
            Region(MOBILE, limits).nearest(MOBILE.sample(rng))
            times, changed = [], []
            for _ in range(200):
                start = MOBILE.sample(rng)
                started = time.perf_counter()
                repaired = Region(MOBILE, limits).nearest(start)
                times.append(1e3 * (time.perf_counter() - started))
                assert repaired is not None
                changed.append(sum(a != b for a, b in zip(start, repaired, strict=True)))
            p50, p95 = np.percentile(times, (50, 95))
            print(
                f"nearest, {low} to {high} ({convention}): median {p50:.1f} ms, 95% {p95:.1f} ms, "
                f"{np.mean(changed):.1f} layers changed"
            )


if __name__ == "__main__":
    main()
