"""One contract for every evaluator."""

import math

import genius
import numpy as np
import pytest
from genius.evaluators.table import table_evaluator
from genius.evaluators.training import training_evaluator
from genius.tools.tables import Table

SMALLEST = (0,) * 9


def looked_up(folder):
    return table_evaluator(Table([SMALLEST], np.array([81.5]), np.array([80.5])))


def trained(folder):
    return training_evaluator(genius.get_space("digits"), seed=0, folder=folder)


@pytest.mark.parametrize("make", [looked_up, trained])
async def test_it_measures_in_percent_and_gives_the_same_number_again(make, tmp_path):
    first, again = [await make(tmp_path)(SMALLEST) for _ in range(2)]
    assert isinstance(first, genius.Measurement)
    assert first.error is None
    assert 0 <= first.accuracy <= 100
    assert 0 <= first.test_accuracy <= 100
    assert math.isfinite(first.seconds)
    assert (first.accuracy, first.test_accuracy) == (again.accuracy, again.test_accuracy)
