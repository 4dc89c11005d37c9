"""Architectures within limits: the nearest, the largest and uniform draws, against going through all of them."""

import time
from collections import Counter
from itertools import product

import numpy as np
import pytest
from genius.errors import GeniusError
from genius.spaces import get_space
from genius.spaces.cost import Cost, Part
from genius.spaces.region import OPEN, Limits, Region, parse_range, region
from genius.spaces.region.listed import Listed
from genius.spaces.space import Decision, SearchSpace

MOBILE = get_space("mobile-imagenet")


def chain(seed, layers=5, options=4):
    """Make a space whose costs are sums over its layers, drawn at random."""
    rng = np.random.default_rng(seed)
    flops, params = rng.integers(1, 40, (2, layers, options))

    def part(layer):
        return Part(
            (layer,), lambda option: Cost(int(flops[layer, option]) * 8, int(params[layer, option]) * 4, option)
        )

    decisions = tuple(Decision(f"layer {n}", tuple("abcd"[:options])) for n in range(layers))
    return SearchSpace(f"chain-{seed}", decisions, "", lambda a: None, (1, 1, 1), parts=tuple(map(part, range(layers))))


@pytest.fixture
def by_layers(monkeypatch):
    """Treat every space as too large to list."""
    monkeypatch.setattr(region, "ENUMERABLE", 0)


def ranges(space, rng):
    """Draw limits of all kinds: on FLOPs, on parameters, on both, with open ends, and narrow ones."""
    costs = space.costs(list(space.architectures()))[:, :2]
    low, high = np.sort(costs[rng.integers(len(costs), size=2)], axis=0).astype(float)
    at = costs[rng.integers(len(costs))].astype(float)
    yield Limits(flops=(low[0], high[0]))
    yield Limits(flops=(-np.inf, float(at[0])))
    yield Limits(flops=(float(at[0]), float(at[0])), convention="thop")
    yield Limits(params=(low[1], np.inf))
    yield Limits(flops=(low[0], high[0]), params=(-np.inf, float(at[1])))
    yield Limits(flops=(low[0] + 1, low[0] + 2))


def order(space, limits, architecture, start):
    """What `nearest` orders by: changes, then FLOPs or, where these alone are limited, parameters, downwards."""
    cost = space.cost(architecture)
    main = cost.params if limits.flops == OPEN else cost.counted(limits.convention)
    return sum(a != b for a, b in zip(architecture, start, strict=True)), -main


@pytest.mark.parametrize("seed", range(6))
def test_the_nearest_is_that_of_all(seed, by_layers):
    space, rng = chain(seed), np.random.default_rng(seed)
    every = list(product(range(4), repeat=5))
    for limits in ranges(space, rng):
        allowed = [a for a in every if limits.allow(space.cost(a))]
        for start in (space.sample(rng) for _ in range(6)):
            tried = set()
            for _ in range(3):
                found = Region(space, limits).nearest(start, tried)
                left = [a for a in allowed if a not in tried]
                if not left:
                    assert found is None
                    break
                assert found in left
                best = min(order(space, limits, a, start) for a in left)
                assert order(space, limits, found, start) == best
                tried.add(found)


@pytest.mark.parametrize("name", ["nas-bench-macro", "nas-bench-201", "channel-bench-resnet"])
def test_the_nearest_of_a_published_space(name):
    space, rng = get_space(name), np.random.default_rng(0)
    architectures = [tuple(a) for a in space.architectures()]
    costs = space.costs(architectures)[:, 0]
    limits = Limits(flops=(float(np.quantile(costs, 0.2)), float(np.quantile(costs, 0.3))))
    allowed = [a for a, flops in zip(architectures, costs, strict=True) if limits.flops[0] <= flops <= limits.flops[1]]
    for _ in range(3):
        start = space.sample(rng)
        found = Region(space, limits).nearest(start)
        assert order(space, limits, found, start) == min(order(space, limits, a, start) for a in allowed)


@pytest.mark.parametrize("seed", range(4))
def test_the_largest_come_in_order_and_searchable_is_known(seed, by_layers):
    space, rng = chain(seed), np.random.default_rng(seed)
    for limits in ranges(space, rng):
        allowed = [a for a in product(range(4), repeat=5) if limits.allow(space.cost(a))]
        found = list(Region(space, limits).largest_first())
        assert sorted(found) == sorted(allowed)
        main = [-order(space, limits, a, a)[1] for a in found]
        assert main == sorted(main, reverse=True)
        if allowed:
            Region(space, limits).check()
        else:
            with pytest.raises(GeniusError, match="no architecture of chain"):
                Region(space, limits).check()


def test_an_empty_range_is_told_with_what_there_is():
    with pytest.raises(GeniusError) as raised:
        Region(MOBILE, Limits(parse_range("300000001", "300000002"))).check()
    assert "go from 20.129536 M to 831.876992 M (multiply-adds" in str(raised.value)
    assert "nearest to the range are 300 M and 300.000064 M" in str(raised.value)
    with pytest.raises(GeniusError, match=r"parameters nearest to the range are 11\.380728 M"):
        Region(MOBILE, Limits(params=parse_range("12M", "-"))).check()
    Region(MOBILE).check()


@pytest.mark.parametrize("listed", [True, False], ids=["listed", "by layers"])
def test_draws_are_uniform_within_the_limits(listed, request):
    space, rng = chain(1, layers=4), np.random.default_rng(0)
    flops = np.sort([space.cost(a).flops for a in space.architectures()])
    limits = Limits(flops=(float(flops[40]), float(flops[60])))
    allowed = [a for a in space.architectures() if limits.allow(space.cost(a))]
    if not listed:
        request.getfixturevalue("by_layers")
    drawn = Counter(Region(space, limits).sample(rng) for _ in range(100 * len(allowed)))
    assert set(drawn) == set(allowed)
    # chi-squared, with so many degrees of freedom nearly normal: 4 standard deviations
    excess = sum((count - 100) ** 2 / 100 for count in drawn.values()) - (len(allowed) - 1)
    assert abs(excess) < 4 * np.sqrt(2 * len(allowed))


def test_draws_without_limits_are_those_of_the_space():
    for space in (MOBILE, get_space("digits")):
        assert Region(space).sample(np.random.default_rng(3)) == space.sample(np.random.default_rng(3))


@pytest.mark.parametrize("ends", [("300M", "300.0001M"), ("20129536", "20129536"), ("831M", "-"), ("-", "21M")])
def test_draws_from_a_narrow_range_of_very_many_do_not_hang(ends):
    limits, rng = Limits(parse_range(*ends)), np.random.default_rng(0)
    started = time.perf_counter()
    assert all(limits.allow(MOBILE.cost(Region(MOBILE, limits).sample(rng))) for _ in range(5))
    assert time.perf_counter() - started < 30


def test_the_nearest_of_very_many_is_found_fast():
    limits, rng = Limits(parse_range("270M", "330M"), convention="thop"), np.random.default_rng(0)
    Region(MOBILE, limits).nearest(MOBILE.sample(rng))
    started = time.process_time()
    for _ in range(20):
        start = MOBILE.sample(rng)
        assert limits.allow(MOBILE.cost(Region(MOBILE, limits).nearest(start)))
    assert (time.process_time() - started) / 20 < 0.5  # ten times what is aimed at


def test_thop_is_held_against_whole_millions_as_in_the_paper():
    limits = Limits(parse_range("270M", "330M"), convention="thop")
    first = Cost(flops=330_224_000)
    assert limits.accept(first)
    assert not limits.allow(first)
    assert not limits.accept(Cost(flops=330_536_832))
    assert not Limits(parse_range("270M", "330M")).accept(first)


def test_the_largest_are_computed_once_and_a_failure_stays_one(monkeypatch):
    begun = []

    def order(self):
        begun.append(self)
        yield from ((1,), (0,))
        raise GeniusError("no further")

    monkeypatch.setattr(Listed, "largest_first", order)
    found = Region(chain(0))
    for _ in range(3):
        largest = found.largest_first()
        assert [next(largest), next(largest)] == [(1,), (0,)]
    assert len(begun) == 1
    for _ in range(2):
        with pytest.raises(GeniusError, match="no further"):
            list(found.largest_first())
