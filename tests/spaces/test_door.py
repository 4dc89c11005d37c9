"""What a space must be is said in one sentence where it is made; what its parts must tell, where they are asked."""

from dataclasses import replace

import numpy as np
import pytest
from genius.errors import GeniusError
from genius.spaces import get_space
from genius.spaces.cost import Cost, Part
from genius.spaces.decision import Decision
from genius.spaces.region import Region
from genius.spaces.space import SearchSpace

from .rules import chain

DIGITS = get_space("digits")


@pytest.mark.parametrize(
    ("decision", "error"),
    [
        (("", ("a",)), "a decision is named by a text, got ''"),
        ((3, ("a",)), "a decision is named by a text, got 3"),
        (("width", ()), r"the decision 'width' needs .* from 1 to 10,000, got \(\)"),
        (("width", "8"), "the decision 'width' needs .* got '8'"),
        (("width", (8, [16])), r"the decision 'width' needs options that have a name, got \[16\]"),
        (("width", (8, 8.0)), "'width' has the option '8' twice"),
        (("width", ("8", float("nan"))), "the decision 'width' has the option nan: numbers are finite, up to 1e100"),
        (("width", ("8", " ")), "the decision 'width' needs"),
        (("width", ("8", "16", "8")), "'width' has the option '8' twice"),
        (("width", ("8", "16"), -1), "the option numbers of 'width' start at a whole number from 0 on, got -1"),
        (("width", ("8", "16"), 0.5), "the option numbers of 'width' start at a whole number from 0 on, got 0.5"),
    ],
)
def test_a_decision_that_is_none_is_refused(decision, error):
    with pytest.raises(GeniusError, match=error):
        Decision(*decision)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"decisions": ()}, "digits has no decisions: there is nothing to search"),
        ({"decisions": DIGITS.decisions[0]}, "the decisions of digits are a tuple of Decision objects, got"),
        ({"decisions": ("w1", "w2")}, "the decisions of digits are a tuple of Decision objects, got"),
        ({"decisions": DIGITS.decisions[:1] * 2}, "digits has two decisions named 'w1'"),
        ({"name": ""}, "a space is named by a text of at most 100 characters without slashes, got ''"),
        ({"name": "../up"}, "without slashes, got '../up'"),
        ({"name": "a\x1b[31m"}, r"without slashes, got 'a\\x1b\[31m'"),
        ({"name": "long" * 30}, "at most 100 characters"),
        ({"description": None}, "the description of digits is to be a text, got None"),
        (
            {"input_shape": ()},
            r"of digits is that of one input, as \(channels, height, width\), got \(\)",
        ),
        ({"input_shape": (1, 8, 0)}, r"the input_shape of digits .* got \(1, 8, 0\)"),
        ({"input_shape": 8}, "the input_shape of digits .* got 8"),
        ({"build": None}, "digits needs both a build and the input_shape of its networks, or neither"),
        ({"build": 5}, "the build of digits is to be a function, got 5"),
        ({"cost": len}, "digits has costs as parts and as a function: give one of them"),
        ({"valid": True}, "the valid of digits is to be a function, got True"),
        ({"features": [1]}, r"the features of digits is to be a function, got \[1\]"),
        ({"parts": (Part((9,), lambda o: Cost()),)}, r"the decisions \[9\]: they are numbered from 0 to 8"),
        ({"parts": (Part((-1,), lambda o: Cost()),)}, r"the decisions \[-1\]: they are numbered from 0 to 8"),
        ({"named": {"mine": (0, 1)}}, r"'mine' is no architecture of digits: expected 9 numbers, got 2: \[0, 1\]"),
        ({"named": {"mine": (3,) * 9}}, "'mine' is no architecture of digits: w1 takes a number from 0 to 2, got 3"),
    ],
)
def test_a_space_that_is_none_is_refused(changes, error):
    with pytest.raises(GeniusError, match=error) as raised:
        replace(DIGITS, **changes)
    assert "\n" not in str(raised.value)


def test_a_part_of_too_many_decisions_is_refused_before_it_fills_the_memory():
    space = chain(layers=20)
    with pytest.raises(GeniusError, match=r"depends on 20 decisions with 3\.49e\+09 combinations of options"):
        replace(space, parts=(Part(tuple(range(20)), lambda *options: Cost()),))


def test_lists_are_taken_for_tuples():
    parts = [Part((0,), lambda o: Cost(o))]
    space = SearchSpace("s", [Decision("a", ["x", "y"])], "A.", lambda a: None, (1, 8, 8), parts)
    assert space.decisions == (Decision("a", ("x", "y")),)
    assert hash(space.decisions[0].options)
    assert space.cost_of((1,)) == Cost(1)


def test_a_space_without_words_is_described_by_its_options():
    space = replace(chain(layers=2, first=1), description=" \n")
    assert space.description == (
        "The decisions and their options:\n- layer 0: 1 = a, 2 = b, 3 = c\n- layer 1: 1 = a, 2 = b, 3 = c\n\n"
        "An architecture is a list of 2 numbers, an option of each decision in this order."
    )


@pytest.mark.parametrize(
    ("cost", "error"),
    [
        (lambda o: Cost(-o), r"costs Cost\(flops=-1, params=0, norm_outputs=0, pooling=0\) for the options \[1\]"),
        (
            lambda o: Cost(0, o / 2),
            r"costs Cost\(flops=0, params=0.0, norm_outputs=0, pooling=0\) for the options \[0\]",
        ),
        (lambda o: Cost(10**30), r"costs Cost\(flops=10+, params=0, norm_outputs=0, pooling=0\) for the options \[0\]"),
        (lambda o: 5, r"costs 5 for the options \[0\]: return a Cost of whole numbers from 0 on"),
        (lambda o: 1 // o, r"has no cost for the options \[0\]: ZeroDivisionError: integer division or modulo by zero"),
        (lambda o, p: Cost(), r"has no cost for the options \[0\]: TypeError"),
    ],
)
def test_a_part_that_does_not_tell_its_cost_is_named(cost, error):
    space = replace(chain(), parts=(Part((2,), cost),))
    for use in (lambda: space.cost_of((0, 0, 0, 0)), lambda: space.costs(list(space.architectures()))):
        with pytest.raises(GeniusError, match=rf"the part of chain that depends on the decisions \[2\] {error}"):
            use()


def test_costs_of_numpy_are_whole_numbers_too():
    assert replace(chain(), parts=(Part((2,), lambda o: Cost(np.int64(o))),)).cost_of((0, 0, 2, 0)) == Cost(2)


@pytest.mark.parametrize("identity", [lambda a: list(a), lambda a: a[99], lambda a: np.array(a)])
def test_an_identity_that_is_none_is_told_before_the_first_call(identity):
    with pytest.raises(GeniusError, match=r"the identity of chain is to be a value that can be hashed; .*Error"):
        Region(replace(chain(), identity=identity)).check()
