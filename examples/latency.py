"""Accuracy against the latency of one image on a CPU, with a limit on the latency: the front of both.

The same from a shell:

genius search digits --objective accuracy --objective latency --on-device cpu --limit latency - 0.5 --pareto \
    --proposer guided --iterations 8
"""

import asyncio
import sys

import genius


async def front(limit: float, iterations: int) -> None:
    """Search within a limit in milliseconds, and print the front."""
    result = await genius.search(
        "digits",
        objectives=["accuracy", "latency"],
        limits={"latency": (None, limit)},
        pareto=True,
        proposer="guided",
        iterations=iterations,
    )
    for candidate in result.front:
        latency = result.goal.reading(candidate, "latency")
        print(f"{candidate.written}: {candidate.accuracy:.2f}%, {latency:.3f} ms")


if __name__ == "__main__":
    asyncio.run(front(*map(float, sys.argv[1:2] or [0.5]), *map(int, sys.argv[2:3] or [8])))
