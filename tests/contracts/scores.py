"""Evaluators of a user's own, as `scores:NAME`: without torch, for each runs in a worker process of its own."""

import asyncio

import genius


def evaluate(architecture: genius.Architecture) -> float:
    """Measure at once."""
    return 10.0 * architecture[0] + architecture[1]


async def evaluate_later(architecture: genius.Architecture) -> genius.Measurement:
    """Measure as a coroutine."""
    await asyncio.sleep(0)
    return genius.Measurement(accuracy=evaluate(architecture))
