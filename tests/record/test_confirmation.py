"""The choice among candidates by all their runs, its statistics, and the record of a further evaluation."""

from dataclasses import replace
from statistics import fmean, stdev

import genius
import numpy as np
import pytest
from genius.record.candidate import Candidate
from genius.record.confirmation import (
    CONFIRMATION,
    Confirmation,
    Confirming,
    confirmed,
    not_confirmed,
    seed_of,
    to_confirm,
)
from genius.record.goal import GOAL, Goal
from genius.record.measurement import Measurement
from genius.record.statistics import shrunk, spread_of_runs
from genius.schema import BadRecord


def candidate(iteration, value, **fields):
    return Candidate(1, iteration, architecture=(iteration,), measurement=Measurement(value, **fields))


def again(iteration, *values, first=1, **fields):
    measurements = [Measurement(value, **fields) for value in values]
    return [Confirmation(1, iteration, n, seed_of(0, 1, n), m) for n, m in enumerate(measurements, first)]


def test_the_spread_is_pooled_over_groups_of_runs():
    assert spread_of_runs([[1.0, 3.0], [10.0, 10.0, 10.0]]) == pytest.approx((2 / 3) ** 0.5)
    assert spread_of_runs([[1.0], [2.0]]) == spread_of_runs([]) == 0.0


def test_a_group_of_fewer_runs_is_shrunk_further():
    expected = shrunk([[93.32], [93.3, 93.3, 93.3], [92.9, 92.9, 92.9]], sd=0.2)
    assert expected[1] > expected[0] > expected[2]
    assert shrunk([[1.0, 3.0], [4.0]], sd=0.0).tolist() == [2.0, 4.0]


def test_the_expected_value_flatters_nobody_where_the_first_number_does():
    """Twenty candidates of a known spread and noise, the three best repeated twice: over 500 searches."""
    rng, errors, flattery, regret = np.random.default_rng(0), [], [], []
    for _ in range(500):
        truth = rng.normal(90, 0.3, 20)
        runs = truth[:, None] + rng.normal(0, 0.3, (20, 3))
        history = [candidate(n + 1, float(runs[n, 0])) for n in range(20)]
        chosen = [c.iteration - 1 for c in to_confirm(GOAL, history, Confirming(3))]
        more = [each for n in chosen for each in again(n + 1, *map(float, runs[n, 1:]))]
        winner = confirmed(GOAL, history, more, Confirming(3))[0]
        at = winner.candidate.iteration - 1
        errors.append(winner.expected - truth[at])
        flattery.append(runs[chosen[0], 0] - truth[chosen[0]])
        regret.append((truth.max() - truth[at], truth.max() - truth[chosen[0]]))
    assert fmean(flattery) > 0.3
    assert abs(fmean(errors)) < 0.05
    assert fmean(after for after, _ in regret) < 0.8 * fmean(before for _, before in regret)


def test_the_best_by_the_first_number_loses_to_the_better_mean():
    history = [candidate(1, 93.5), candidate(2, 93.4), candidate(3, 90.0)]
    found = confirmed(GOAL, history, [*again(1, 92.9, 92.8), *again(2, 93.3, 93.2)], Confirming(2))
    assert [each.candidate.iteration for each in found] == [2, 1]
    assert found[0].mean == found[0].candidate.value == pytest.approx(93.3)
    assert found[0].sd == pytest.approx(stdev([93.4, 93.3, 93.2]))
    assert found[1].flattered(GOAL) == pytest.approx(93.5 - fmean([93.5, 92.9, 92.8]))


def test_where_lower_is_better_a_first_number_below_the_mean_flatters():
    goal = Goal((genius.Objective("loss", better="lower"),))
    history = [candidate(1, 0.1), candidate(2, 0.2), candidate(3, 0.9)]
    assert [c.iteration for c in to_confirm(goal, history, Confirming(2))] == [1, 2]
    found = confirmed(goal, history, [*again(1, 0.5, 0.6), *again(2, 0.2, 0.2)], Confirming(2))
    assert found[0].candidate.iteration == 2
    assert found[1].flattered(goal) == pytest.approx(0.3)


def test_a_candidate_whose_runs_are_still_missing_is_compared_by_its_first_number():
    history = [candidate(1, 93.5), candidate(2, 93.4), candidate(3, 90.0)]
    found = confirmed(GOAL, history, again(2, 92.0, 92.2), Confirming(2))
    assert [each.candidate.iteration for each in found] == [1, 2]
    assert [len(each.runs) for each in found] == [1, 3]
    assert not found[0].is_repeated
    assert found[0].sd is None


def test_without_any_measured_repeat_nothing_is_confirmed():
    history = [candidate(1, 93.5)]
    assert confirmed(GOAL, history, (), Confirming(1)) == []
    assert confirmed(GOAL, history, again(1, None, error="it failed"), Confirming(1)) == []


def test_means_are_of_the_test_value_and_the_metrics_too():
    first = candidate(
        1,
        90.0,
        test_value=80.0,
        metrics={"ms": 4.0, "once": 1.0},
        test_metrics={"top5": 90.0},
        seconds=5.0,
        sd=0.3,
        rank=7,
    )
    more = again(1, 92.0, test_value=82.0, metrics={"ms": 6.0}, test_metrics={"top5": 96.0}, seconds=7.0)
    measurement = confirmed(GOAL, [first], more, Confirming(1))[0].candidate.measurement
    assert (measurement.value, measurement.test_value, measurement.metrics) == (91.0, 81.0, {"ms": 5.0})
    assert measurement.test_metrics == {"top5": 93.0}
    assert (measurement.seconds, measurement.rank) == (12.0, 7)
    assert measurement.sd == pytest.approx((0.3**2 + 1.0**2) ** 0.5)  # its own, and that of the mean of two runs


def test_the_missing_are_the_first_repeats_of_all_before_the_second_ones():
    history = [candidate(1, 91.0), candidate(2, 93.0), candidate(3, 92.0), Candidate(1, 4, error="it failed")]
    missing = not_confirmed(GOAL, history, again(2, 93.0), Confirming(2))
    assert [(c.iteration, repeat) for c, repeat in missing] == [(3, 1), (2, 2), (3, 2)]
    assert [(c.iteration, n) for c, n in not_confirmed(GOAL, history, (), Confirming(9, 1))] == [(2, 1), (3, 1), (1, 1)]


def test_no_two_evaluations_of_a_run_share_a_seed():
    seeds = {seed_of(7, trial, repeat) for trial in (1, 2, 10_000) for repeat in (0, 1, 2)}
    assert len(seeds) == 9
    assert seed_of(7, 1) == 7


@pytest.mark.parametrize("changes", [{"repeat": 0}, {"seed": -1}, {"more": 1}, {"measurement": None}])
def test_a_record_of_a_stranger_keeps_its_schema(changes):
    line = CONFIRMATION.plain(again(1, 90.0)[0])
    assert CONFIRMATION.take(line) == again(1, 90.0)[0]
    with pytest.raises(BadRecord):
        CONFIRMATION.take(line | changes)


def test_a_run_that_failed_counts_for_nothing_but_is_told():
    failed = replace(again(1, None, first=2)[0], measurement=Measurement(error="crashed"))
    found = confirmed(GOAL, [candidate(1, 90.0)], [*again(1, 91.0), failed], Confirming(1))[0]
    assert (found.runs, found.failures) == ((90.0, 91.0), ("crashed",))
