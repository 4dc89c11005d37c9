"""Regions of spaces whose costs are no sums over their decisions: what is exact is, and what is looked for is found."""

import time
from collections import Counter
from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest
from genius import Decision, GeniusError, SearchSpace
from genius.spaces.cost import Cost, Part
from genius.spaces.region import NO_LIMITS, Limits, Region, region
from torch import nn

WIDTHS = (2, 8, 16, 24, 32, 48, 64, 96)


def space(parts, decisions=50, options=8, **more):
    """Make a space of such parts."""
    each = tuple(Decision(f"d{n}", tuple("abcdefgh"[:options])) for n in range(decisions))
    return SearchSpace("tangled", each, "", lambda a: None, (1, 1, 1), parts=tuple(parts), **more)


def channels(decisions=50, options=8):
    """Make a space of convolutions between neighbouring widths: its cheapest architecture has 1,764 FLOPs."""
    parts = (
        Part((n, n + 1), lambda a, b: Cost(9 * WIDTHS[a] * WIDTHS[b], WIDTHS[a] * WIDTHS[b]))
        for n in range(decisions - 1)
    )
    return space(parts, decisions, options)


def at_random(seed, decisions=50, options=8, parts=100, together=2):
    """Make a space of parts that depend on any decisions, with costs drawn at random."""
    rng = np.random.default_rng(seed)

    def part():
        chosen = sorted(rng.choice(decisions, together, replace=False).tolist())
        flops, params = rng.integers(1, 5_000, (2, *(options,) * together))
        return Part(tuple(chosen), lambda *at: Cost(int(flops[at]), int(params[at])))

    return space([part() for _ in range(parts)], decisions, options)


CHANNELS, RANDOM = channels(), at_random(0)


@pytest.fixture
def large(monkeypatch):
    """Treat every space as too large to list."""
    monkeypatch.setattr(region, "ENUMERABLE", 0)


@pytest.mark.parametrize(
    ("tangled", "high"),
    [(CHANNELS, 1_764), (CHANNELS, 3_728), (CHANNELS, 20_000), (RANDOM, 120_000), (at_random(1, together=3), 120_000)],
    ids=["cheapest", "tight", "wide", "pairs", "triples"],
)
def test_what_few_of_very_many_keep_is_found(tangled, high):
    started, found = time.process_time(), Region(tangled, Limits(flops=(-np.inf, float(high))))
    found.check()
    rng = np.random.default_rng(0)
    drawn = found.draw(rng, 64)
    assert len(np.unique(drawn, axis=0)) > (1 if high > 1_764 else 0)
    proposed = tangled.sample(rng)
    for architecture in (*map(tuple, drawn), found.sample(rng), found.largest(), found.smallest()):
        assert tangled.cost(architecture).flops <= high
    nearest = found.nearest(proposed)
    assert tangled.cost(nearest).flops <= high
    again = found.nearest(proposed, {nearest}) if high > 1_764 else None
    assert again is None or (again != nearest and tangled.cost(again).flops <= high)
    assert time.process_time() - started < 60


def test_a_range_that_was_not_found_is_told_with_what_there_is():
    with pytest.raises(
        GeniusError, match=r"was found that keeps the limits: at most 1\.763 K FLOPs .* from 1\.764 K to"
    ):
        Region(CHANNELS, Limits(flops=(-np.inf, 1_763.0))).check()


@pytest.mark.parametrize("tangled", [channels(5, 4), at_random(3, 5, 4, 6), at_random(4, 5, 4, 4, 3)])
def test_the_largest_the_smallest_the_nearest_and_the_extremes_are_those_of_all(tangled, large):
    every = list(product(range(4), repeat=5))
    costs = dict(zip(every, tangled.costs(every)[:, 0].tolist(), strict=True))
    params = tangled.costs(every)[:, 1]
    whole = Region(tangled)
    assert whole.extremes() == ((min(costs.values()), max(costs.values())), (params.min(), params.max()))
    low, high = np.quantile(list(costs.values()), [0.2, 0.25]).tolist()
    found = Region(tangled, Limits(flops=(low, high)))
    inside = [a for a in every if low <= costs[a] <= high]
    assert costs[found.largest()] == max(costs[a] for a in inside)
    assert costs[found.smallest()] == min(costs[a] for a in inside)
    for start in every[::100]:
        changes = {a: sum(x != y for x, y in zip(a, start, strict=True)) for a in inside}
        best = min(changes.values())
        if best <= 2:
            nearest = found.nearest(start)
            assert changes[nearest] == best
            assert costs[nearest] == max(costs[a] for a in inside if changes[a] == best)


@pytest.mark.parametrize("tangled", [channels(5, 4), at_random(3, 5, 4, 6)], ids=["channels", "any"])
def test_draws_from_sums_that_need_little_memory_are_uniform(tangled, large):
    flops = np.sort(tangled.costs(list(product(range(4), repeat=5)))[:, 0])
    found = Region(tangled, Limits(flops=(float(flops[40]), float(flops[80]))))
    allowed = [a for a in product(range(4), repeat=5) if found.limits.allow(tangled.cost(a))]
    drawn = Counter(map(tuple, found.draw(np.random.default_rng(0), 100 * len(allowed)).tolist()))
    assert set(drawn) == set(allowed)
    excess = sum((count - 100) ** 2 / 100 for count in drawn.values()) - (len(allowed) - 1)
    assert abs(excess) < 4 * np.sqrt(2 * len(allowed))


def test_a_decision_on_which_all_parts_depend_is_remembered_wherever_it_stands():
    parts = [Part((n, n + 1, 49), lambda a, b, c: Cost((a + 1) * (b + 1) * (c + 1))) for n in range(48)]
    assert Region(space(parts)).extremes()[0] == (48, 48 * 8**3)
    found = Region(space(parts), Limits(flops=(-np.inf, 60.0)))
    assert (found.draw(np.random.default_rng(0), 20).sum(axis=1) <= 8).all()


def test_an_estimate_is_right_within_its_error():
    tangled = channels(7, 7)
    for high in (20_000.0, 100_000.0):
        exact = Region(tangled, Limits(flops=(-np.inf, high))).count()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(region, "ENUMERABLE", 0)
            estimate = Region(replace(tangled), Limits(flops=(-np.inf, high))).count()
        assert exact.exact
        assert abs(estimate.number - exact.number) <= 5 * estimate.sd + 1


def test_two_limits_and_a_rule_are_kept_at_once():
    ruled = replace(RANDOM, valid=lambda a: all(x != y for x, y in pairwise(a[:6])))
    found = Region(ruled, Limits(flops=(120_000.0, 130_000.0), params=(-np.inf, 220_000.0)))
    found.check()
    nearest = found.nearest((0,) * 50)
    for architecture in (*map(tuple, found.draw(np.random.default_rng(0), 20)), found.largest(), nearest):
        assert ruled.forbids(architecture) is None
        assert found.limits.allow(ruled.cost(architecture))


def test_of_many_networks_some_are_built_not_all():
    built = []

    def build(architecture):
        built.append(architecture)
        return nn.Sequential(nn.Flatten(), *(nn.Linear(1, 1) for _ in range(sum(architecture))), nn.Linear(1, 1))

    decisions = tuple(Decision(f"d{n}", ("a", "b", "c")) for n in range(12))
    found = Region(SearchSpace("networks", decisions, "", build, (1, 1, 1)), Limits(flops=(-np.inf, 6.0)))
    found.check()
    assert sum(found.sample(np.random.default_rng(0))) <= 5
    assert sum(found.nearest((2, 1) * 6)) <= 5
    assert len(built) < 12_000  # of 531,441


def test_costs_too_large_to_tell_all_sums_apart_are_looked_for():
    rng = np.random.default_rng(1)
    costs = rng.integers(1, 10**9, (50, 8))
    found = Region(
        space([Part((n,), lambda a, n=n: Cost(int(costs[n, a]))) for n in range(50)]),
        Limits(flops=(-np.inf, float(costs.min(axis=1).sum()) * 1.1)),
    )
    assert not found.exact
    assert found.extremes()[0] == (costs.min(axis=1).sum(), costs.max(axis=1).sum())
    assert found.allows([found.largest(), found.nearest((0,) * 50), *found.draw(rng, 9)]).all()


def test_without_limits_the_largest_is_there_too():
    assert Region(CHANNELS, NO_LIMITS).largest() == (7,) * 50
