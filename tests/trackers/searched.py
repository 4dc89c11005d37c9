"""A search whose evaluations tell epochs, in this process and without a model, for the tests of trackers."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import genius
from genius.record.result import SearchResult

SPACE = {"lr": (1e-4, 1e-1), "width": [16, 32], "activation": ["ReLU", "Tanh"]}
EPOCHS = 3


def train(config: Mapping[str, float], trial: object) -> Iterator[dict[str, float]]:
    """Yield a value after each epoch; one of two widths is better, and a large step diverges."""
    for epoch in range(1, EPOCHS + 1):
        value = float("nan") if config["lr"] > 0.05 and epoch == EPOCHS else config["width"] + epoch
        yield {"epoch": epoch, "score": value, "loss": 1 / epoch}


async def searched(run: Path, *trackers: object, iterations: int = 4, **options: object) -> SearchResult:
    """Search with trackers, told of nothing that fails."""
    failures: list[str] = []
    async with genius.Tracking(*trackers, say=failures.append) as tracking:
        asked = {"proposer": "random", "evaluator": train, "iterations": iterations, "seed": 1, **options}
        result = await genius.search(SPACE, run=run, progress=tracking, **asked)
    assert failures == []
    return result


async def resumed(run: Path, *trackers: object, **changes: object) -> SearchResult:
    """Go on with such a search."""
    failures: list[str] = []
    async with genius.Tracking(*trackers, say=failures.append) as tracking:
        result = await genius.resume(run, evaluator=train, progress=tracking, **changes)
    assert failures == []
    return result
