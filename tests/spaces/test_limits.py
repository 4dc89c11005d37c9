"""Limits: read from words, kept, and counted exactly."""

import math
import time
from collections import Counter

import numpy as np
import pytest
from genius import GeniusError, get_space
from genius.spaces.cost import Cost, Part
from genius.spaces.region import OPEN, Limits, Region, parse_range
from genius.spaces.region.additive import Additive
from genius.spaces.region.steps import steps_through
from genius.spaces.space import Decision, SearchSpace

MACRO, MOBILE = get_space("nas-bench-macro"), get_space("mobile-imagenet")


def chain(layers):
    """Make a space whose FLOPs are the sum of one value for each layer; parameters are the option numbers' sum."""
    parts = tuple(Part((at,), lambda o, values=values: Cost(values[o], o)) for at, values in enumerate(layers))
    decisions = tuple(Decision(f"layer {at}", tuple(map(str, values))) for at, values in enumerate(layers))
    return SearchSpace("chain", decisions, "", lambda architecture: None, (1, 1, 1), parts)


def test_ranges_are_read_with_units_and_open_ends():
    assert parse_range("270M", "330m") == (270e6, 330e6)
    assert parse_range("-", "1.5G") == (-math.inf, 1.5e9)
    assert parse_range("5000", "-") == (5000, math.inf)
    assert parse_range("-", "-") == OPEN


@pytest.mark.parametrize("ends", [("330M", "270M"), ("x", "1"), ("1", "1T"), ("-1", "2"), ("", "1"), ("nan", "1")])
def test_what_is_no_range_is_refused(ends):
    with pytest.raises(GeniusError, match=r"is empty: its low end|expected a number such as 330M"):
        parse_range(*ends)


def test_limits_hold_both_costs_by_a_convention():
    cost = Cost(flops=100, params=7, norm_outputs=5)
    assert Limits(flops=(100, 100), params=(7, 7)).allow(cost)
    assert not Limits(flops=(101, 200)).allow(cost)
    assert not Limits(params=(-math.inf, 6)).allow(cost)
    assert Limits(flops=(120, 120), convention="thop").allow(cost)


@pytest.mark.parametrize("convention", ["macs", "thop"])
@pytest.mark.parametrize("quantity", ["flops", "params"])
def test_adding_layer_by_layer_counts_what_listing_counts(convention, quantity):
    by_listing = Region(MACRO, Limits(convention=convention)).extremes()
    low, high = by_listing[quantity == "params"]
    ranges = [
        (low + (high - low) * a // 10, low + (high - low) * b // 10) for a, b in ((0, 10), (2, 5), (5, 5), (9, 10))
    ]
    asked = [
        Limits(**{quantity: ends}, convention=convention) for ends in (*ranges, (high, high), (high + 1, math.inf))
    ]
    listed = [Region(MACRO, one).count().number for one in asked]
    assert listed[0] == MACRO.size
    assert listed[-2:] == [1, 0]
    added = [Additive(Region(MACRO, one), steps_through(MACRO, convention)) for one in asked]
    assert [each.count(quick=False) for each in added] == listed
    assert added[0].extremes() == by_listing


def test_counts_beyond_64_bits_are_exact():
    layer = list(range(20))
    assert Region(chain([layer] * 26), Limits(flops=(0, math.inf))).count() == (20**26, 0.0)
    inside = sum(ways for total, ways in _sums([layer] * 28).items() if 100 <= total <= 200)
    assert inside > 2**64
    assert Region(chain([layer] * 28), Limits(flops=(100, 200))).count(exact=True) == (inside, 0.0)
    assert Region(chain([layer] * 40), Limits(flops=(100, 200))).count(exact=True) is None  # 20^40 is above 2^122


def _sums(layers):
    """Count the ways to each sum in Python's own integers."""
    found = Counter({0: 1})
    for layer in layers:
        longer = Counter()
        for total, ways in found.items():
            for value in layer:
                longer[total + value] += ways
        found = longer
    return found


def test_the_papers_range_holds_as_many_as_sampling_says():
    """A share of about one in a hundred thousand, too small for sampling; so a wide range is compared."""
    ends = (450e6, 520e6)
    rng = np.random.default_rng(0)
    flops = MOBILE.costs(rng.integers(0, 7, (200_000, 30)))[:, 0]
    share = ((ends[0] <= flops) & (flops <= ends[1])).mean()
    error = 4 * math.sqrt(share * (1 - share) / 200_000)
    counted = Region(MOBILE, Limits(flops=ends)).count(exact=True)
    assert counted.exact
    assert counted.number / MOBILE.size == pytest.approx(share, abs=error)


def test_what_cannot_be_counted_is_said():
    both = Region(MOBILE, Limits(flops=(0, 3e8), params=(0, 5e6)))
    assert both.count(exact=True) is None
    assert Region(MOBILE).count() == (MOBILE.size, 0.0)
    assert both.count().sd > 0


def test_where_counting_takes_long_an_estimate_is_given_and_says_so():
    """The exact counts were made once: they take some seconds."""
    for ends, exact in (((270e6, 330e6), 1_384_672_997_487_392_851_292), ((300e6, 300.1e6), None)):
        region = Region(MOBILE, Limits(flops=ends))
        started = time.process_time()
        found = region.count()
        assert time.process_time() - started < 5
        assert not found.exact
        assert found.sd < found.number / 10
        assert exact is None or abs(found.number - exact) < 5 * found.sd
        assert region.count() == found
