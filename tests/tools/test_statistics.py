"""Means and intervals against their definitions."""

import numpy as np
import pytest
from genius.tools.statistics import mean_of, number, share_worse
from scipy import stats


def test_an_interval_is_students():
    values = np.random.default_rng(0).normal(10, 2, 25)
    found = mean_of(values)
    low, high = stats.t.interval(0.95, 24, loc=values.mean(), scale=stats.sem(values))
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))
    assert found.std == pytest.approx(values.std(ddof=1))
    assert found.median == np.median(values)


def test_intervals_hold_the_mean_as_often_as_they_say():
    rng = np.random.default_rng(1)
    found = [mean_of(rng.normal(size=10)) for _ in range(1_000)]
    assert 0.93 < np.mean([each.low < 0 < each.high for each in found]) < 0.97


@pytest.mark.parametrize("values", [[3.0], [3.0, 3.0, 3.0]])
def test_what_does_not_vary_has_no_interval(values):
    found = mean_of(values)
    assert (found.mean, found.low, found.high) == (3.0, None, None)
    assert str(found) == "3.00"


def test_the_share_of_others_that_are_worse_counts_equals_half():
    assert share_worse(3, [1, 3, 5, 7]) == 0.625


@pytest.mark.parametrize(("value", "written"), [(1482.4, "1,482"), (26.14, "26.1"), (4.333, "4.33"), (-0.5, "-0.50")])
def test_numbers_have_the_digits_that_matter(value, written):
    assert number(value) == written
