"""Rank correlations with their intervals, and the advice that rests on them."""

import numpy as np
import pytest
from genius.bench.agreement import Bootstrapped, CostedFidelity, correlate, recommend, rho, tau_b
from scipy import stats

RNG = np.random.default_rng(0)
LISTS = [(RNG.normal(size=12), RNG.normal(size=12)), (RNG.integers(4, size=15), RNG.integers(4, size=15))]


@pytest.mark.parametrize(("values", "others"), LISTS, ids=["all different", "many equal"])
def test_correlations_are_those_of_scipy(values, others):
    lists = np.stack([values, values[::-1]]), np.stack([others, others])
    for ours, theirs in ((tau_b, stats.kendalltau), (rho, stats.spearmanr)):
        expected = [theirs(one, other).statistic for one, other in zip(*lists, strict=True)]
        assert ours(*lists) == pytest.approx(expected)


def test_what_has_no_order_has_no_correlation():
    told = correlate([(np.ones(5), np.arange(5.0))]).told
    assert (told.value, told.low, told.high, str(told)) == (None, None, None, "-")
    assert str(correlate([]).told) == "-"


def test_an_interval_holds_the_correlation_and_shrinks_with_more_architectures():
    def told(count):
        values = np.random.default_rng(1).normal(size=count)
        return correlate([(values, values + np.random.default_rng(2).normal(0, 0.5, count))]).told

    few, many = told(8), told(100)
    assert few.low <= few.value <= few.high
    assert many.low <= many.value <= many.high
    assert many.high - many.low < (few.high - few.low) / 2
    assert (few.count, few.pairs) == (8, 1)


def test_the_same_architectures_are_drawn_each_time():
    values, others = LISTS[0]
    once, again = correlate([(values, others)]), correlate([(values, others)])
    assert np.array_equal(once.samples, again.samples)
    assert correlate([(values, others), (values, others)]).value == pytest.approx(once.value)


def sampled(value, spread=0.0):
    return Bootstrapped(value, value + spread * np.linspace(-1, 1, 2000), 12, 1)


NOTHING = Bootstrapped(float("nan"), np.full(2000, np.nan), 0, 0)


def advice(taus, full):
    levels = [CostedFidelity(f"{epochs} epochs", epochs, sampled(tau, 0.1)) for epochs, tau in taus.items()]
    return recommend(levels, CostedFidelity("full", 40, full))


@pytest.mark.parametrize(
    ("taus", "full", "says"),
    [
        ({5: 0.3, 10: 0.75, 20: 0.8}, NOTHING, "Search with 10 epochs: it orders these 12 networks by τ 0.75"),
        ({20: 0.8, 10: 0.75}, NOTHING, "at 25% of their cost; τ 0.7 is taken for enough. It is enough in 75% of"),
        ({5: 0.3, 10: 0.5}, NOTHING, "No cheaper fidelity orders these 12 networks well enough"),
        ({5: 0.3, 10: 0.5}, sampled(0.55, 0.1), "Search with 10 epochs"),  # two long ones agree no better
        ({5: 0.3}, sampled(0.55, 0.1), "No cheaper fidelity"),
        ({5: 0.3, 10: 0.9}, sampled(0.2, 0.4), "Not decided: two trainings at full fidelity order these 12"),
        ({80: 0.99}, NOTHING, "No cheaper fidelity"),  # it costs more than the full one
    ],
)
def test_the_advice_is_the_cheapest_that_is_enough(taus, full, says):
    assert says in advice(taus, full)


def test_advice_that_few_networks_bear_out_says_so():
    assert "more architectures would tell" in advice({10: 0.71}, NOTHING)
    assert "more architectures would tell" not in advice({10: 0.9}, NOTHING)
