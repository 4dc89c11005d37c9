"""Samples of a space: networks that are measured, and the look-up that is fitted to them."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import GeniusError, RunFailed
from ..evaluators.additive_fit import LEAST, fit_cost
from ..evaluators.measures import MEASURES, Measure
from ..evaluators.meter import Meter
from ..record.measurement import Measurement
from ..record.settings import MeasureSettings, Settings
from ..spaces import get_space
from ..spaces.region import Integers, PredictedCost
from ..spaces.space import Architecture, SearchSpace
from ..tables.fetch import downloads_folder
from .meters import open_measures

OnReading = Callable[[Architecture, Measurement], None]
"""Called with an architecture and the measurements of its network."""


@dataclass(frozen=True)
class Sampled:
    """The look-up that was fitted to the measurements of so many networks, and how these were measured, in words."""

    space: SearchSpace
    cost: PredictedCost
    samples: int
    conditions: str


async def measure_one(space: str, measure: str, architecture: Architecture, asked: MeasureSettings) -> Measurement:
    """Measure the network of one architecture of a space that has a name.

    Raises: GeniusError.
    """
    async with _meter(space, measure, asked) as (_, _, meter):
        return await meter(architecture)


async def fit_look_up(
    space: str, measure: str, samples: int, asked: MeasureSettings, *, seed: int = 0, told: OnReading
) -> Sampled:
    """Measure a sample of the networks of a space that has a name, and fit a look-up to them.

    Networks that cannot be measured are left out. Raises: GeniusError where too few of them can.
    """
    if samples < LEAST:
        raise GeniusError(f"a look-up is fitted to at least {LEAST} measurements, got --samples {samples}")
    async with _meter(space, measure, asked) as (found, named, meter):
        drawn = await asyncio.to_thread(_distinct, found, samples, seed)
        values: dict[Architecture, float] = {}
        device = error = ""
        for architecture in map(tuple, drawn.tolist()):
            reading = await meter(architecture)
            told(architecture, reading)
            if reading.error is None:
                values[architecture], device = reading.metrics[named.name], reading.device
            error = reading.error or error
    if len(values) < LEAST:
        raise RunFailed(f"only {len(values)} of {len(drawn)} networks could be measured; the last reason: {error}")
    rows = np.array(list(values), dtype=np.int64)
    cost = await asyncio.to_thread(fit_cost, found, named.objective, rows, np.array(list(values.values())))
    return Sampled(found, cost, len(values), conditions_of(asked, device))


def conditions_of(asked: MeasureSettings, device: str) -> str:
    """Say how networks are measured, as in `CPU (1 thread), PyTorch, batches of 1`."""
    runtime = "onnxruntime" if asked.runtime == "onnx" else "PyTorch"
    return f"{device}, {runtime}, batches of {asked.batch}"


@asynccontextmanager
async def _meter(space: str, measure: str, asked: MeasureSettings) -> AsyncIterator[tuple[SearchSpace, Measure, Meter]]:
    found, named = await asyncio.to_thread(get_space, space), MEASURES.find(measure)
    if named.after_training:
        raise GeniusError(f"{measure} is measured of a training's folder: a look-up is of measures of a network")
    settings = Settings(space=space).changed({"measures": asked}).changed({"measures.names": (measure,)})
    folder = await asyncio.to_thread(tempfile.TemporaryDirectory, prefix="genius-")
    try:
        async with open_measures(settings, found, downloads_folder(None)) as measures:
            assert measures.meter is not None
            measures.meter.keep_in(Path(folder.name))
            yield found, named, measures.meter
    finally:
        await asyncio.to_thread(folder.cleanup)


def _distinct(space: SearchSpace, count: int, seed: int) -> Integers:
    """Draw different architectures, as many as there are of a small space."""
    drawn = space.draw(np.random.default_rng(seed), 4 * count)
    _, first = np.unique(drawn, axis=0, return_index=True)
    return drawn[np.sort(first)[:count]]
