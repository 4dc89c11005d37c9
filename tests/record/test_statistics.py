"""Means and intervals against their definitions."""

import numpy as np
import pytest
from genius import Candidate, Measurement
from genius.record.goal import GOAL
from genius.record.statistics import mean_of, rounded, sampling_sd, share_worse, weigh
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
    assert rounded(value) == written


def test_the_error_of_an_accuracy_is_that_of_a_sample():
    rng = np.random.default_rng(0)
    drawn = 100 * rng.binomial(400, 0.9, 20_000) / 400
    assert sampling_sd(90.0, 400) == pytest.approx(drawn.std(), rel=0.03)
    assert 0 < sampling_sd(100.0, 400) < 0.5


def test_without_errors_and_with_equal_ones_the_order_stays():
    values = [90.0, 92.0, 91.0]
    np.testing.assert_allclose(weigh(values, [0, 0, 0]), values)
    assert list(np.argsort(weigh(values, [0.5] * 3))) == [0, 2, 1]


def test_weighing_is_the_closed_form():
    values, sds = np.array([80.0, 84.0, 92.0]), np.array([1.0, 1.0, 4.0])
    spread = values.var() - (sds**2).mean()
    expected = [(spread * v + s**2 * values.mean()) / (spread + s**2) for v, s in zip(values, sds, strict=True)]
    np.testing.assert_allclose(weigh(values, sds), expected)


def test_weighed_choices_are_better_than_the_highest_measurement():
    rng, gain = np.random.default_rng(0), []
    for _ in range(2_000):
        true, sds = rng.normal(90, 1, 10), np.where(rng.random(10) < 0.5, 0.2, 3.0)
        seen = true + sds * rng.normal(size=10)
        gain.append(true[weigh(seen, sds).argmax()] - true[seen.argmax()])
    assert np.mean(gain) > 0.3


def test_the_best_of_a_search_weighs_errors():
    def candidate(number, accuracy, sd):
        return Candidate(1, number, architecture=(number,), measurement=Measurement(accuracy, sd=sd))

    steady, lucky = candidate(1, 92.0, 0.2), candidate(2, 92.5, 5.0)
    others = [candidate(number, 90.0 - number, 0.2) for number in range(3, 8)]
    assert GOAL.best([steady, lucky, *others]) is steady
    assert GOAL.best([candidate(1, 92.0, None), candidate(2, 92.5, None)]).iteration == 2
    assert GOAL.best([]) is None
