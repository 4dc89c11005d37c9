"""Decisions: options of any type that has a name, and ranges."""

import json
import math

import numpy as np
import pytest
from genius import Decision, GeniusError
from genius.spaces.decision import number_near
from hypothesis import given
from hypothesis import strategies as st

from .value_spaces import relu


def test_every_option_has_a_name():
    options = ("a text", 16, 0.5, 2.0, 1e-5, True, None, relu, dict, np.int64(7), np.float64(0.25))
    names = ("a text", "16", "0.5", "2", "1e-05", "True", "None", "relu", "dict", "7", "0.25")
    decision = Decision("any", options)
    assert decision.names == names
    assert json.loads(json.dumps([decision.plain_value(number) for number in decision.numbers])) == [
        *("a text", 16, 0.5, 2.0, 1e-5, True, None, "relu", "dict", 7, 0.25)
    ]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ((16, "16"), "'any' has the option '16' twice"),
        ((1, 1.0), "'any' has the option '1' twice"),
        ((relu, "relu"), "'any' has the option 'relu' twice"),
        (([1], [2]), r"'any' needs options that have a name, got \[1\]: take texts, numbers, True, False"),
        ((object(),), "'any' needs options that have a name, got <object"),
        ((math.inf,), "'any' has the option inf: numbers are finite"),
        ((math.nan,), "'any' has the option nan: numbers are finite"),
        ((10**400,), "'any' has the option 1000.*: numbers are finite"),
        (tuple(range(10_001)), "from 1 to 10,000"),
    ],
)
def test_options_that_cannot_be_told_apart_or_named_are_refused(options, error):
    with pytest.raises(GeniusError, match=error) as raised:
        Decision("any", options)
    assert "\n" not in str(raised.value)


def test_a_range_has_its_levels_in_order_and_its_ends_exactly():
    lr = Decision.range("lr", 1e-4, 1e-1, log=True, levels=31)
    assert (len(lr.options), lr.options[0], lr.options[-1]) == (31, 1e-4, 1e-1)
    assert lr.options[15] == 0.003162
    factors = [high / low for low, high in zip(lr.options, lr.options[1:], strict=False)]
    assert max(factors) / min(factors) < 1.001
    assert lr.values_in_words == "lr: 0.0001 to 0.1, logarithmic, 31 levels"
    assert len(Decision.range("lr", 1e-4, 1e-1).options) == 31


def test_a_range_between_whole_numbers_is_whole():
    assert Decision.range("layers", 1, 12).options == tuple(range(1, 13))
    assert Decision.range("layers", 0, 12, step=5).options == (0, 5, 10)
    assert Decision.range("momentum", 0, 0.5, step=0.25).options == (0.0, 0.25, 0.5)
    wide = Decision.range("units", 1, 1000, log=True).options
    assert all(type(units) is int for units in wide)
    assert (wide[0], wide[-1], len(wide)) == (1, 1000, len(set(wide)))
    assert len(Decision.range("units", 1, 1000).options) == 31
    assert isinstance(Decision.range("x", 1, 2.0).options[0], float)


@pytest.mark.parametrize(
    ("ends", "more", "error"),
    [
        ((1, 1), {}, "'x' goes from 1 to 1: its low end is to be below its high end"),
        ((2, 1), {}, "its low end is to be below its high end"),
        ((0, 1), {"log": True}, "a logarithmic range begins above 0"),
        ((0, math.inf), {}, "both ends are numbers, up to 1e100"),
        ((math.nan, 1), {}, "both ends are numbers"),
        (("a", 1), {}, "goes from 'a' to 1: both ends are numbers"),
        ((False, True), {}, "both ends are numbers"),
        ((0, 1), {"levels": 1}, "'x' has from 2 to 1,000 levels, got 1"),
        ((0, 1), {"levels": 2.5}, "'x' has from 2 to 1,000 levels, got 2.5"),
        ((0, 1), {"levels": 5, "step": 0.5}, "'x' has levels and a step: give one of them"),
        ((0, 1), {"step": 0}, "the step of the range 'x' is a number above 0, got 0"),
        ((0, 1), {"step": 1e-9}, "makes more than 1,000 levels"),
        ((0, 1.5), {"step": 2}, "leaves it one level: make it at most 1.5"),
        ((1, 8), {"step": 2, "log": True}, "the logarithmic range 'x' has no step"),
    ],
)
def test_a_range_that_is_none_is_refused(ends, more, error):
    with pytest.raises(GeniusError, match=error):
        Decision.range("x", *ends, **more)


@given(
    st.floats(-1e6, 1e6),
    st.floats(1e-6, 1e6),
    st.integers(2, 200),
)
def test_levels_differ_and_their_names_say_them_exactly(low, span, levels):
    decision = Decision.range("x", low, low + span, levels=levels)
    assert list(decision.options) == sorted(set(decision.options))
    assert [float(name) for name in decision.names] == list(decision.options)
    for number, option in zip(decision.numbers, decision.options, strict=True):
        assert number_near(option, decision) == (number, True)


def test_between_two_levels_the_nearer_one_is_taken_by_factors_where_the_range_is_logarithmic():
    lr = Decision.range("lr", 1.0, 100.0, log=True, levels=3)
    assert number_near(3.0, lr) == (0, False)
    assert number_near(3.3, lr) == (1, False)
    even = Decision.range("x", 0.0, 100.0, levels=3)
    assert number_near(24.0, even) == (0, False)
    assert number_near(26.0, even) == (1, False)
    assert number_near(100.1, even) is None
    assert number_near(math.nan, even) is None
    assert number_near(48, Decision("width", (32, 64))) is None
