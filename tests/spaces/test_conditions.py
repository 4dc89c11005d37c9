"""Decisions that count only under another's options."""

from collections import Counter
from itertools import product

import numpy as np
import pytest
from genius import Decision, GeniusError, Region, SearchSpace
from genius.graph.fits import fingerprint
from genius.spaces.cost import Cost, Part
from genius.spaces.disguise import draw_disguise

from .value_spaces import LARGE, SMALL, shallow, space

TREE = SearchSpace(
    "tree",
    (
        Decision("c", (1, 2), when=("b", ("x", "y"))),
        Decision("a", ("one", "two")),
        Decision("b", ("x", "y", "z"), when=("a", ("two",))),
        Decision("d", (1, 2, 3)),
    ),
)


def distinct(tree):
    """List the architectures of the space that differ, by its definition."""
    return {tuple(sorted(tree.values(a).items())) for a in product(*(d.numbers for d in tree.decisions))}


def test_the_architectures_that_differ_are_counted_listed_and_drawn_alike():
    listed = list(TREE.architectures())
    assert len(listed) == TREE.count == len(distinct(TREE)) == (1 + 2 + 2 + 1) * 3
    assert all(TREE.settled(a) == a for a in listed)
    assert TREE.allows(list(product(*(d.numbers for d in TREE.decisions)))).sum() == TREE.count
    drawn = Counter(map(tuple, TREE.draw(np.random.default_rng(0), 18_000).tolist()))
    assert set(drawn) == set(listed)
    assert 800 < min(drawn.values()) < max(drawn.values()) < 1_200


def test_in_a_large_space_draws_are_uniform_too_and_the_count_is_exact():
    large = space(LARGE)
    assert large.size > 1_000_000
    assert large.count == space().count * 31**5
    drawn = large.draw(np.random.default_rng(0), 4_000)
    assert (large.conditions.settled(drawn) == drawn).all()
    share = (drawn[:, 0] == 0).mean()
    listed = np.array(list(space().architectures()))
    assert share == pytest.approx((listed[:, 0] == 0).mean(), abs=0.03)


def test_a_hidden_decision_makes_no_difference_to_identity_costs_and_neighbours():
    own = Part((2,), lambda option: Cost(1 + option))
    costed = SearchSpace("costed", TREE.decisions, parts=(own, Part((3,), Cost)))
    assert TREE.identity((1, 0, 2, 0)) == TREE.identity((0, 0, 0, 0))
    assert costed.cost_of((0, 0, 0, 1)) == Cost(2)
    assert costed.costs([(1, 0, 2, 1), (0, 0, 0, 1)]).tolist() == [[2, 0, 0, 0]] * 2
    near = {tuple(row) for row in Region(TREE).neighbours((0, 0, 0, 0)).tolist()}
    assert near == {(0, 1, 0, 0), (0, 0, 0, 1), (0, 0, 0, 2)}
    assert TREE.values((1, 0, 2, 0)) == {"a": "one", "d": 1}
    assert TREE.written((1, 0, 2, 0)) == "[-, one, -, 1]"


def test_limits_count_and_draw_what_differs():
    costed = SearchSpace("costed", TREE.decisions, cost=lambda values: {"flops": values["d"], "seconds": 0.5})
    from genius.spaces.region import Limits

    region = Region(costed, Limits(flops=(2, 3)))
    assert region.count().number == 12
    assert {tuple(row) for row in region.draw(np.random.default_rng(0), 500).tolist()} == {
        a for a in costed.architectures() if a[3] > 0
    }
    assert costed.cost_of((0, 0, 0, 1)) == Cost(2, named={"seconds": 0.5})
    assert region.nearest((0, 0, 0, 0)) == (0, 0, 0, 2)


def test_a_rule_is_asked_for_values_of_what_differs():
    ruled = space(valid=shallow)
    assert "Wide networks are shallow" in ruled.rule
    free = list(space().architectures())
    assert list(ruled.architectures()) == [a for a in free if shallow(ruled.values(a))]
    drawn = space(LARGE, valid=shallow).draw(np.random.default_rng(0), 300)
    assert all(shallow(ruled.values(a[: len(SMALL)])) for a in map(tuple, drawn.tolist()))


@pytest.mark.parametrize(
    ("decisions", "error"),
    [
        ((Decision("a", (1, 2), when=("b", (1,))),), "'a' of s counts only under 'b', which is no decision of it"),
        (
            (Decision("a", (1, 2)), Decision("b", (1, 2), when=("a", ("1",)))),
            "'b' of s counts only under '1', no option of 'a'",
        ),
        (
            (Decision("a", (True, False)), Decision("b", (1, 2), when=("a", (1,)))),
            "'b' of s counts only under 1, no option of 'a'",
        ),
        ((Decision("a", (1, 2), when=("a", (1,))),), "the conditions of s form a cycle: a never count"),
        (
            (Decision("a", (1, 2), when=("b", (1,))), Decision("b", (1, 2), when=("a", (1,))), Decision("c", (1,))),
            "the conditions of s form a cycle: a, b never count",
        ),
    ],
)
def test_a_condition_on_nothing_and_a_cycle_are_refused(decisions, error):
    with pytest.raises(GeniusError, match=error):
        SearchSpace("s", decisions)


@pytest.mark.parametrize("when", ["a", ("a",), ("a", ()), (1, (2,)), ("a", (1,), 3)])
def test_a_condition_of_another_form_is_refused(when):
    with pytest.raises(GeniusError, match="the condition of 'b'"):
        Decision("b", (1, 2), when=when)


def test_the_fingerprint_covers_values_ranges_and_conditions():
    variants = [
        Decision("a", ("1", "2")),
        Decision("a", (1, 2)),
        Decision("a", (1, 2.0)),
        Decision.range("a", 1, 2),
        Decision.range("a", 1, 2, log=True),
        Decision("a", ("1", "2"), when=("b", ("x",))),
        Decision("a", ("1", "2"), when=("b", ("y",))),
    ]
    spaces = [SearchSpace("s", (variant, Decision("b", ("x", "y")))) for variant in variants]
    assert len({fingerprint(each) for each in spaces}) == len(variants)


def test_a_disguise_hides_values_and_the_order_of_levels_and_refuses_conditions():
    plain = SearchSpace("plain", (Decision.range("lr", 0.1, 1.0), Decision("width", (16, 32))))
    disguise = draw_disguise(plain, 1)
    hidden = disguise.of(plain)
    assert not hidden.by_value
    assert "0.1" not in hidden.words
    assert "lr" not in hidden.words
    levels = disguise.meanings[disguise.shown(0)]
    assert list(levels) != sorted(levels)
    with pytest.raises(GeniusError, match="mine has decisions that count only under others, and cannot be disguised"):
        draw_disguise(space(), 0)
