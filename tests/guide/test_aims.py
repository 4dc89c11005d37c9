"""Several objectives, and limits on what is measured."""

import numpy as np
import pytest
from genius import ACCURACY, Candidate, Goal, Measurement, get_space
from genius.guide.aims import expected_improvement, scalarised
from genius.guide.guide import suggest
from genius.record.history import History
from genius.spaces.objective import Objective
from genius.spaces.region import Region
from genius.tables.published import load_table

MACRO = Region(get_space("nas-bench-macro"))
FLOPS = Objective("mflops", "M", "lower", low=0)


@pytest.fixture(scope="module")
def table(tables):
    return load_table(MACRO.space, tables)


def search(goal, table, seed, iterations, propose):
    found = []
    for at in range(iterations):
        architecture = propose(History.of(found, goal), np.random.default_rng([seed, at]))
        mflops = MACRO.space.cost_of(architecture).flops / 1e6
        measurement = Measurement(table.measure(architecture).value, metrics={"mflops": mflops})
        found.append(Candidate(1, at + 1, architecture=architecture, measurement=measurement))
    return found


def guided(history, rng):
    return suggest(MACRO, history, rng)[0].architecture


def drawn(history, rng):
    return MACRO.sample(rng)


def test_a_scalarised_utility_is_highest_where_nothing_is_lost_and_any_unit_will_do():
    points = np.array([[1.0, 5.0], [2.0, 4.0], [0.0, 0.0]])
    found = scalarised(points, np.array([0.5, 0.5]))
    assert found.argmin() == 2
    np.testing.assert_allclose(scalarised(points * [1000, 0.1] + [7, -3], np.array([0.5, 0.5])), found)
    assert scalarised(np.array([[1.0, 3.0], [1.0, 4.0]]), np.array([1.0, 0.0])).tolist() == [0, 0]
    dominated = scalarised(np.array([[2.0, 3.0], [1.0, 4.0], [2.0, 2.0]]), np.array([0.9, 0.1]))
    assert dominated[0] > dominated[2]


def test_the_expected_improvement_is_that_of_a_normal_variable():
    draws = np.random.default_rng(0).normal(1.0, 2.0, 400_000)
    assert expected_improvement(np.array([1.0]), np.array([2.0]), 2.5)[0] == pytest.approx(
        np.maximum(draws - 2.5, 0).mean(), rel=0.02
    )


def test_the_front_that_it_searches_has_a_larger_volume_than_a_random_one(table):
    goal = Goal((ACCURACY, FLOPS), pareto=True)
    costs = MACRO.space.costs(table.architectures)[:, 0] / 1e6
    reference = [float(table.values.min()), float(costs.max())]
    volumes = {
        how: np.mean([goal.volume(search(goal, table, seed, 30, how), reference) for seed in range(3)])
        for how in (guided, drawn)
    }
    assert volumes[guided] > 1.05 * volumes[drawn]


def test_limits_on_what_is_measured_are_learnt(table):
    goal = Goal((ACCURACY,), {"mflops": (None, 50.0)})
    found = search(goal, table, 0, 20, guided)
    later = found[8:]
    assert sum(not goal.beyond(c) for c in later) >= len(later) / 2
    allowed = MACRO.space.costs(table.architectures)[:, 0] <= 50e6
    assert (table.values[allowed] > goal.best(found).value).mean() < 0.03
    unlimited = search(Goal(), table, 0, 20, guided)
    assert goal.best(unlimited) is None or goal.best(unlimited).value < goal.best(found).value


def test_without_anything_feasible_it_goes_where_that_is_probable(table):
    goal = Goal((ACCURACY,), {"mflops": (None, 30.0)})
    large = [a for a in table.architectures if MACRO.space.cost_of(a).flops > 60e6]
    picked = np.random.default_rng(3).choice(len(large), 8, replace=False)
    history = [
        Candidate(
            1,
            at,
            architecture=large[p],
            measurement=Measurement(90.0 + at / 10, metrics={"mflops": MACRO.space.cost_of(large[p]).flops / 1e6}),
        )
        for at, p in enumerate(picked)
    ]
    found = guided(History.of(history, goal), np.random.default_rng(0))
    assert MACRO.space.cost_of(found).flops < 40e6
