"""One contract for every evaluator."""

import math
from contextlib import asynccontextmanager

import genius
import numpy as np
import pytest
from genius.evaluators.table import table_evaluator
from genius.evaluators.training import Workers, training_evaluator
from genius.tools.tables import Table

SMALLEST = (0,) * 9


@asynccontextmanager
async def looked_up(folder):
    yield table_evaluator(Table([SMALLEST], np.array([81.5]), np.array([80.5])))


@asynccontextmanager
async def trained(folder):
    async with Workers("digits") as workers:
        yield training_evaluator(genius.get_space("digits"), workers, seed=0, folder=folder)


@pytest.mark.parametrize("make", [looked_up, trained])
async def test_it_measures_in_percent_and_gives_the_same_number_again(make, tmp_path):
    async with make(tmp_path) as evaluate:
        first, again = [await evaluate(SMALLEST) for _ in range(2)]
    assert isinstance(first, genius.Measurement)
    assert first.error is None
    assert 0 <= first.accuracy <= 100
    assert 0 <= first.test_accuracy <= 100
    assert math.isfinite(first.seconds)
    assert (first.accuracy, first.test_accuracy) == (again.accuracy, again.test_accuracy)
