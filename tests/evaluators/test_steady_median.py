"""Medians that are measured until they are steady, by a clock of the tests' own."""

from itertools import cycle

import numpy as np
import pytest
from genius.evaluators.steady_median import NARROW, median_of, steady_median


class Clock:
    """A clock that moves only when something runs."""

    def __init__(self, takes):
        self.now, self.runs, self._takes = 0.0, 0, cycle(takes)

    def __call__(self):
        return self.now

    def run(self):
        took = next(self._takes)
        self.now += took
        self.runs += 1
        return took


def test_a_steady_number_is_measured_as_often_as_asked_and_no_more():
    clock = Clock([0.001])
    found = steady_median(clock.run, least=30, seconds=10, clock=clock, warm_up=False)
    assert (found.value, found.runs, found.sd) == (0.001, 30, 0.0)


def test_the_warm_up_is_left_out():
    clock = Clock([5.0, *[0.01] * 10_000])
    found = steady_median(clock.run, least=30, seconds=10, clock=clock)
    assert found.value == found.high == 0.01
    assert clock.runs == found.runs + 1


def test_a_noisy_number_is_measured_until_its_interval_is_narrow():
    takes = np.random.default_rng(0).lognormal(-7, 0.3, 100_000).tolist()
    clock = Clock(takes)
    found = steady_median(clock.run, least=30, seconds=1e9, clock=clock, warm_up=False)
    assert found.runs > 300
    assert found.off <= NARROW
    assert found.value == pytest.approx(np.exp(-7), rel=2 * NARROW)


def test_time_is_bounded_and_the_interval_says_so():
    clock = Clock([1.0, 2.0])
    found = steady_median(clock.run, least=30, seconds=9, clock=clock, warm_up=False)
    assert clock.now <= 11
    assert found.off > NARROW
    assert (found.low, found.high) == (1.0, 2.0)


def test_a_single_run_that_takes_longer_than_the_time_is_measured_once():
    clock = Clock([100.0])
    found = steady_median(clock.run, least=30, seconds=9, clock=clock)
    assert (found.value, found.runs, clock.runs) == (100.0, 1, 2)


def test_the_interval_covers_the_median_in_95_of_100_cases():
    rng = np.random.default_rng(1)
    drawn = [median_of(rng.exponential(1.0, 60).tolist()) for _ in range(2_000)]
    inside = np.mean([each.low <= np.log(2) <= each.high for each in drawn])
    assert inside >= 0.94
    spread = np.std([each.value for each in drawn])
    assert np.mean([each.sd for each in drawn]) == pytest.approx(spread, rel=0.2)


def test_a_median_of_zero_is_narrow_only_where_nothing_differs():
    assert median_of([0.0] * 5).is_narrow
    assert not median_of([0.0, 0.0, 0.0, 1.0]).is_narrow
