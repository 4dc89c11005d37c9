"""A cost by look-ups is fitted to measurements, and tells by how much it is off."""

import numpy as np
import pytest
from genius.errors import GeniusError
from genius.evaluators.additive_fit import LEAST, fit_cost
from genius.spaces import get_space
from genius.spaces.objective import LATENCY


def truth_of(space, seed=0):
    """Make a clock without noise: options take a time of their own, and parts their FLOPs at a speed of their own."""
    rng = np.random.default_rng(seed)
    options = [rng.uniform(0, 0.2, len(decision.options)) for decision in space.decisions]
    speeds = rng.uniform(0.5, 2.0, len(space.parts))
    largest = max(table[..., 0].max() for _, table in space.part_costs)

    def clock(rows):
        places = rows - np.array([decision.first for decision in space.decisions])
        found = 1.0 + sum(taken[places[:, at]] for at, taken in enumerate(options))
        for speed, (decisions, table) in zip(speeds, space.part_costs, strict=True):
            found = found + speed * table[..., 0][tuple(places[:, at] for at in decisions)] / largest
        return found

    return clock


@pytest.mark.parametrize("name", ["digits", "nas-bench-macro", "nas-bench-201-cifar10", "channel-bench-resnet"])
def test_sixty_measurements_predict_a_space(name):
    space = get_space(name)
    clock, rng = truth_of(space), np.random.default_rng(1)
    measured, others = space.draw(rng, 60), space.draw(rng, 1_000)
    values = clock(measured)
    cost = fit_cost(space, LATENCY, measured, values)
    off = np.abs(cost.amounts(space, others) - clock(others))
    assert off.mean() < 0.1 * clock(others).std()
    assert off.mean() < 1.5 * cost.mae
    assert np.mean(off <= cost.within) > 0.9


def test_what_is_additive_is_found_without_an_error():
    space = get_space("nas-bench-macro")
    rng = np.random.default_rng(0)
    options = rng.uniform(1, 2, (len(space.decisions), 3))

    def clock(rows):
        return 5.0 + options[np.arange(len(space.decisions)), rows].sum(axis=1)

    measured, others = space.draw(rng, 80), space.draw(rng, 500)
    cost = fit_cost(space, LATENCY, measured, clock(measured))
    assert np.abs(cost.amounts(space, others) - clock(others)).max() < 1e-3
    assert cost.within < 1e-3


def test_the_error_that_is_told_is_that_of_noise_where_nothing_can_be_predicted():
    space = get_space("nas-bench-macro")
    rng = np.random.default_rng(0)
    noise = rng.normal(10, 1, 100)
    cost = fit_cost(space, LATENCY, space.draw(rng, 100), noise)
    assert 0.6 < cost.mae < 1.2
    assert 1.5 < cost.within < 3.5


def test_an_option_that_was_never_measured_adds_nothing():
    space = get_space("nas-bench-macro")
    measured = np.minimum(space.draw(np.random.default_rng(0), 40), 1)
    cost = fit_cost(space, LATENCY, measured, measured.sum(axis=1).astype(float))
    assert np.isfinite(cost.amounts(space, space.draw(np.random.default_rng(1), 100))).all()


def test_too_few_measurements_are_refused():
    space = get_space("nas-bench-macro")
    rows = space.draw(np.random.default_rng(0), LEAST - 1)
    with pytest.raises(GeniusError, match="at least 10 measurements, got 9: take more samples"):
        fit_cost(space, LATENCY, rows, np.ones(len(rows)))
