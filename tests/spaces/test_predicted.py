"""A cost that is predicted limits a space as FLOPs do, without a network that is built."""

from dataclasses import replace

import numpy as np
import pytest
from genius.agents.limited import limits_in_words
from genius.agents.prompting import Prompts
from genius.record.history import History
from genius.spaces import get_space
from genius.spaces.disguise import draw_disguise
from genius.spaces.objective import LATENCY
from genius.spaces.region import Limits, PredictedCost, Region, cost_within
from genius.spaces.space import Decision, SearchSpace
from genius.tools.look_up import adds_up, look_up_table
from genius.tools.prices import off_limits
from genius.tools.validator import check_architecture

MACRO, MOBILE = get_space("nas-bench-macro"), get_space("mobile-imagenet")


def cost_of(space, seed=0, pairs=()):
    """Make a cost of each option, and of some pairs of decisions."""
    rng = np.random.default_rng(seed)
    counts = [len(decision.options) for decision in space.decisions]
    terms = [((at,), rng.uniform(0, 1, count)) for at, count in enumerate(counts)]
    terms += [(pair, rng.uniform(0, 1, [counts[at] for at in pair])) for pair in pairs]
    return PredictedCost(LATENCY, 2.0, tuple(terms), 0.02, 0.05)


def within(space, high, cost=None):
    return Region(space, Limits(others=(("latency", (-np.inf, high)),), predicted=(cost or cost_of(space),)))


def test_it_is_a_sum_of_look_ups():
    cost = cost_of(MACRO, pairs=[(0, 3)])
    architecture = (2, 0, 1, 1, 0, 2, 1, 0)
    terms = dict(cost.terms)
    expected = 2.0 + sum(terms[(at,)][option] for at, option in enumerate(architecture)) + terms[(0, 3)][2, 1]
    assert cost.amounts(MACRO, np.array([architecture]))[0] == pytest.approx(expected)


def test_option_numbers_may_start_at_one_and_no_cost_is_negative():
    space = get_space("channel-bench-resnet")
    low = replace(cost_of(space), base=-100.0)
    assert space.decisions[0].first == 1
    assert cost_of(space).amounts(space, np.array([[1] * 7]))[0] > 2.0
    assert low.amounts(space, np.array([[4] * 7]))[0] == 0.0


def test_it_counts_and_draws_the_feasible_set_of_a_small_space_exactly():
    region, cost = within(MACRO, 5.5), cost_of(MACRO)
    listed = np.array(list(MACRO.architectures()))
    inside = cost.amounts(MACRO, listed) <= 5.5
    assert region.count().number == inside.sum()
    drawn = region.draw(np.random.default_rng(0), 300)
    assert (cost.amounts(MACRO, drawn) <= 5.5).all()
    near = region.nearest((0,) * 8)
    assert near is None or cost.amounts(MACRO, np.array([near]))[0] <= 5.5


def test_it_estimates_and_draws_the_feasible_set_of_a_large_space():
    cost = cost_of(MOBILE)
    drawn = MOBILE.draw(np.random.default_rng(1), 4_000)
    limit = float(np.quantile(cost.amounts(MOBILE, drawn), 0.2))
    region = within(MOBILE, limit, cost)
    found = region.count()
    assert found.number / MOBILE.size == pytest.approx(0.2, rel=0.2)
    assert (cost.amounts(MOBILE, region.draw(np.random.default_rng(0), 50)) <= limit).all()


def test_a_range_that_nothing_keeps_is_told_with_what_there_is():
    with pytest.raises(
        Exception, match=r"no architecture of nas-bench-macro keeps the limits: latency at most 1 ms, as"
    ):
        within(MACRO, 1.0).check()


def test_a_reply_off_the_limit_is_told_the_prediction_and_the_changes_that_are_enough():
    cost = cost_of(MACRO)
    rows = np.array(list(MACRO.architectures()))
    slowest = tuple(rows[cost.amounts(MACRO, rows).argmax()].tolist())
    predicted = float(cost.amounts(MACRO, np.array([slowest]))[0])
    region = within(MACRO, predicted - 0.1, cost)
    broken = check_architecture(slowest, region, History.of([]))
    first = broken.reason.splitlines()[0]
    assert f"breaks the limits: latency {predicted:,.6g} ms, +0.1 ms above the most that is allowed" in first
    assert "as predicted: off by 0.02 ms on average, and by at most 0.05 ms in 95% of cases" in first
    assert "One of these changes is enough: " in broken.reason
    assert off_limits(region, slowest, cost_within(region.limits, MACRO, slowest)) == broken.reason


def test_an_architecture_within_is_told_its_prediction():
    region = within(MACRO, 100.0)
    cost = check_architecture((0,) * 8, region, History.of([]))
    assert cost.named["latency"] == pytest.approx(cost_of(MACRO).amounts(MACRO, np.zeros((1, 8), np.int64))[0])
    assert cost.flops == MACRO.cost_of((0,) * 8).flops


def test_the_prompt_tells_what_each_option_adds():
    region, cost = within(MACRO, 5.5), cost_of(MACRO)
    table = look_up_table(region)
    assert table.startswith(
        "What each option adds to the network (latency (ms), as predicted); what no decision changes"
    )
    first = cost.terms[0][1]
    assert f"- layer 1: 0: {first[0]:.4g}, 1: {first[1]:.4g}, 2: {first[2]:.4g}" in table
    assert adds_up(region)
    assert "latency at most 5.5 ms" in limits_in_words(region, History.of([]), Prompts())


def test_of_pairs_the_prompt_tells_costs_around_a_network():
    region = within(MACRO, 6.5, cost_of(MACRO, pairs=[(0, 1), (2, 3)]))
    assert "with one decision changed" in look_up_table(region)
    assert not adds_up(region)


def test_no_network_is_built_for_a_predicted_limit():
    def build(architecture):
        raise AssertionError("built")

    decisions = tuple(Decision(f"d{at}", ("a", "b", "c", "d")) for at in range(9))
    space = SearchSpace("heavy", decisions, "", build, (1, 4, 4))
    region = within(space, 5.0)
    assert space.size > 20_000
    assert region.count().exact
    assert len(region.draw(np.random.default_rng(0), 10)) == 10


def test_a_space_in_disguise_has_the_costs_of_what_stands_behind():
    disguise, cost = draw_disguise(MACRO, 3), cost_of(MACRO, pairs=[(1, 2)])
    hidden, shown = cost.disguised(MACRO, disguise), disguise.of(MACRO)
    real = MACRO.draw(np.random.default_rng(0), 20)
    seen = np.array([disguise.conceal(tuple(row)) for row in real.tolist()])
    assert hidden.amounts(shown, seen) == pytest.approx(cost.amounts(MACRO, real))


def test_limits_on_flops_hold_beside_a_prediction():
    cost, rows = cost_of(MACRO), np.array(list(MACRO.architectures()))
    flops = MACRO.costs(rows)[:, 0]
    middle = float(np.median(flops))
    region = Region(MACRO, Limits((-np.inf, middle), others=(("latency", (-np.inf, 5.5)),), predicted=(cost,)))
    assert region.count().number == ((flops <= middle) & (cost.amounts(MACRO, rows) <= 5.5)).sum()
