"""The first architecture of a search: feasible, balanced, deep, near the limits, whatever the space."""

from dataclasses import replace
from math import inf

import numpy as np
import pytest
from genius import Candidate, Measurement, get_space
from genius.guide.choices import gather
from genius.guide.features import encoder
from genius.guide.guide import GUIDE, suggest
from genius.guide.starting import ascent, balance
from genius.record.goal import Goal
from genius.spaces.cost import Cost, Part
from genius.spaces.decision import Decision
from genius.spaces.objective import LATENCY
from genius.spaces.region import Limits, Region
from genius.spaces.space import SearchSpace

MACRO, CELLS, MOBILE = map(get_space, ("nas-bench-macro", "nas-bench-201-cifar10", "mobile-imagenet"))


def simulated(decisions, options, seed=0, spread=100):
    """A space whose decisions cost different sums, each option as much more than the one before."""
    prices = np.random.default_rng(seed).integers(1, spread + 1, decisions)
    parts = tuple(
        Part((at,), lambda option, price=int(price): Cost(1_000 * price * option, 10 * option))
        for at, price in enumerate(prices)
    )
    names = tuple(f"option {option}" for option in range(options))
    return SearchSpace("simulated", tuple(Decision(f"d{at}", names) for at in range(decisions)), parts=parts)


def within(space, share):
    most = sum(int(table[..., 0].max()) for _, table in space.part_costs)
    return Region(space, Limits(flops=(-inf, share * most)))


def first(region, seed=0, guide=GUIDE, history=()):
    return suggest(region, history, np.random.default_rng(seed), guide)[0].architecture


def balance_of(space, architecture):
    return float(balance(space)(encoder(space).encode([architecture]))[0])


@pytest.mark.parametrize("share", [0.02, 0.1, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("space", [simulated(6, 4), simulated(30, 5), simulated(200, 6), MACRO, CELLS, MOBILE])
def test_it_keeps_the_limits_and_comes_near_them(space, share):
    region = within(space, max(share, 0.15) if space in (MACRO, CELLS, MOBILE) else share)
    found = first(region)
    assert region.allows([found]).all()
    flops = region.counted([found])[0, 0]
    more = region.neighbours(found)
    larger = more[balance(space)(encoder(space).encode(more)) > balance_of(space, found) + 1e-9]
    assert not len(larger), "one step up of one decision would fit"
    assert flops > 0.6 * region.limits.flops[1]


@pytest.mark.parametrize("share", [0.2, 0.4, 0.6, 0.8])
def test_among_equal_decisions_nothing_is_at_its_lowest_while_something_is_two_steps_higher(share):
    for decisions in (5, 40, 200):
        space = simulated(decisions, 5, spread=1)
        found = first(within(space, share))
        assert max(found) - min(found) <= 1


def test_a_dear_decision_gets_less_than_a_cheap_one():
    prices = [50] * 3 + [1] * 5
    parts = tuple(Part((at,), lambda o, p=p: Cost(p * o, o)) for at, p in enumerate(prices))
    space = SearchSpace("dear", tuple(Decision(f"d{at}", tuple("abcd")) for at in range(8)), parts=parts)
    found = first(within(space, 0.5))
    assert max(found[:3]) < min(found[3:]) == 3
    assert min(found[:3]) > 0


def test_it_is_never_less_balanced_within_a_wider_limit():
    for space in (MACRO, CELLS, simulated(7, 4, seed=3)):
        found = [balance_of(space, first(within(space, share))) for share in (0.15, 0.25, 0.4, 0.6, 0.8, 1.0)]
        assert found == sorted(found)


def test_seeds_differ_among_equals_alone_and_one_seed_does_not():
    region = within(CELLS, 0.5)
    found = [first(region, seed) for seed in range(8)]
    assert found == [first(region, seed) for seed in range(8)]
    assert len(set(found)) > 1
    assert len({round(balance_of(CELLS, architecture), 6) for architecture in found}) == 1


@pytest.mark.parametrize("share", [0.3, 0.5])
def test_of_cells_it_is_a_deep_one_with_a_shortcut(share):
    found = np.array([first(within(CELLS, share), seed) for seed in range(8)])
    assert (CELLS.depth(found) == 3).all()
    assert (CELLS.shortest(found) == 0).all()


def test_a_shortcut_is_none_where_the_path_has_a_pooling_or_is_cut():
    cells = [(3, 3, 3, 1, 3, 3), (3, 3, 3, 4, 3, 3), (3, 3, 3, 0, 3, 3), (1, 0, 1, 0, 0, 1), (0, 0, 0, 0, 0, 0)]
    assert CELLS.shortest(np.array(cells)).tolist() == [0, 1, 2, 0, 6]


def test_options_of_equal_costs_stand_on_one_level():
    assert [ladder.height.tolist() for ladder in balance(CELLS).ladders] == [[0, 0, 0.5, 1, 0]] * 6
    large = simulated(40, 3)
    twice = replace(large, parts=tuple(Part(p.decisions, lambda o, p=p: p.cost(min(o, 1))) for p in large.parts))
    assert {tuple(ladder.height.tolist()) for ladder in balance(twice).ladders} == {(0, 1, 1)}


@pytest.mark.parametrize("share", [0.35, 0.5])
def test_where_the_first_step_costs_the_most_nothing_is_left_out_for_the_finish_of_others(share):
    """As a layer that is skipped or not, in one of six sizes that hardly differ."""
    parts = tuple(Part((at,), lambda option: Cost(1_000 * option and 6_000 + 500 * option)) for at in range(30))
    space = SearchSpace("skips", tuple(Decision(f"d{at}", tuple("012345")) for at in range(30)), parts=parts)
    found = first(within(space, share))
    assert np.count_nonzero(found) > 1.1 * share * 30
    assert np.count_nonzero(first(within(MOBILE, 0.4))) >= 20


def test_without_limits_it_is_the_largest():
    for space in (MACRO, MOBILE, simulated(200, 6)):
        assert first(Region(space)) == tuple(decision.numbers[-1] for decision in space.decisions)


def test_a_reversed_prior_and_an_objective_that_grows_with_size_start_with_the_smallest():
    assert first(within(MACRO, 0.5), guide=replace(GUIDE, prior=-1.0)) == (0,) * 8
    assert first(within(MACRO, 0.5), guide=GUIDE.of(Goal((LATENCY,)))) == (0,) * 8


def test_two_limits_hold_and_a_narrow_range_too():
    both = Region(MOBILE, Limits(flops=(-inf, 3.3e8), params=(-inf, 4.5e6)))
    assert both.allows([first(both)]).all()
    space = simulated(60, 4)
    top = within(space, 0.4).limits.flops[1]
    narrow = Region(space, Limits(flops=(top - 2_000, top)))
    assert narrow.allows([first(narrow)]).all()
    at_least = Region(space, Limits(flops=(2 * top, inf)))
    assert at_least.allows([first(at_least)]).all()


def test_a_rule_holds_and_the_start_is_balanced_within_it():
    space = replace(simulated(60, 4), valid=lambda a: a.count(3) <= 10 or "too many")
    region = within(space, 0.7)
    found = first(region)
    assert region.allows([found]).all()
    assert (
        balance_of(space, found)
        > balance(space)(encoder(space).encode(region.draw(np.random.default_rng(0), 500))).max()
    )


def test_what_a_hidden_decision_would_cost_counts_for_nothing():
    decisions = (
        Decision("block", ("none", "small", "large")),
        Decision("kernel", (3, 5, 7), when=("block", ("small", "large"))),
        Decision("width", (8, 16, 32)),
    )
    space = SearchSpace(
        "conditions",
        decisions,
        cost=lambda v: {"none": 1, "small": 10, "large": 100}[v["block"]] * v.get("kernel", 1) * v["width"],
    )
    region = Region(space, Limits(flops=(-inf, 2_000)))
    found = first(region)
    assert region.allows([found]).all()
    assert space.values(found)["block"] != "none"


def test_a_space_without_costs_starts_anywhere():
    space = SearchSpace("free", tuple(Decision(f"d{at}", ("a", "b", "c")) for at in range(6)))
    assert len({first(Region(space), seed) for seed in range(6)}) == 6
    assert not len(ascent(Region(space)))
    assert balance(space)(encoder(space).encode([(0,) * 6, (2,) * 6])).tolist() == [0, 0]


@pytest.mark.parametrize("share", [0.05, 0.3, 0.6])
def test_an_ascent_goes_up_to_the_limit_and_is_feasible(share):
    for space in (simulated(8, 4), simulated(200, 6), MOBILE):
        region = within(space, max(share, 0.2) if space is MOBILE else share)
        rows = ascent(region)
        assert region.allows(rows).all()
        flops = region.counted(rows)[:, 0]
        assert flops.max() > 0.7 * region.limits.flops[1]
        assert flops.min() == Region(space).counted([region.smallest()])[0, 0]


def concave(space, seed):
    """Accuracies that each decision raises by ever smaller steps, and some noise of the options' own."""
    rng = np.random.default_rng(seed)
    gains = np.sort(rng.exponential(size=(len(space.decisions), 3)), axis=1)[:, ::-1]
    worth = np.concatenate([np.zeros((len(gains), 1)), gains.cumsum(axis=1)], axis=1)
    worth += rng.normal(0, 0.1, worth.shape)
    return lambda rows: worth[np.arange(len(space.decisions)), rows].sum(axis=-1)


def test_where_returns_diminish_it_ranks_far_before_the_one_of_the_most_flops():
    ranks, of_largest = [], []
    for seed in range(20):
        space = simulated(7, 4, seed)
        region, accuracy = within(space, 0.4), concave(space, seed)
        everything = accuracy(region.listed())
        ranks.append((everything > accuracy(np.array(first(region)))).mean())
        of_largest.append((everything > accuracy(np.array(region.largest()))).mean())
    assert np.mean(ranks) < 0.5 * np.mean(of_largest)
    assert np.mean(ranks) < 0.03


def test_of_200_decisions_few_architectures_are_looked_at():
    """And of so many observations no more than a share is fitted: see `test_guide.py`."""
    region, looked = within(simulated(200, 6), 0.4), []

    def score(architectures):
        looked.append(len(architectures))
        return balance(region.space)(architectures)

    found = gather(region, [], score, np.random.default_rng(0))
    assert sum(looked) < 16_000
    assert region.allows(found.architectures).all()


def test_uphill_many_decisions_change_at_once():
    """From draws of 150 decisions to the best of an additive score, in far fewer steps than decisions."""
    space = replace(simulated(150, 4), parts=())
    worth = np.random.default_rng(1).normal(size=(150, 4))

    def score(architectures):
        return worth[np.arange(150), architectures.options].sum(axis=1)

    found = gather(Region(space), [], score, np.random.default_rng(0))
    best, typical = worth.max(axis=1).sum(), worth.mean()
    assert score(found.encoded).max() - typical > 0.9 * (best - typical)


def test_a_search_within_limits_goes_on_from_the_balanced_one():
    region, history = within(MACRO, 0.5), []
    for at in range(4):
        architecture = first(region, at, history=history)
        history.append(
            Candidate(1, at + 1, architecture=architecture, measurement=Measurement(90.0 + sum(architecture)))
        )
    assert region.allows([c.architecture for c in history]).all()
    assert len({c.architecture for c in history}) == 4
