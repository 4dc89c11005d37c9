"""Spaces with rules, small and large, for tests."""

from dataclasses import replace

from genius.spaces import get_space
from genius.spaces.cost import Cost, Part
from genius.spaces.decision import Decision
from genius.spaces.space import SearchSpace

MOBILE = get_space("mobile-imagenet")


def deep_needs_wide(architecture):
    """A deep network needs a wide one.

    What follows is for people.
    """
    return architecture[1] <= architecture[0]


def chain(valid=None, layers=4, options=3, first=0):
    """Make a space whose costs are sums over its layers, all of them different."""
    decisions = tuple(Decision(f"layer {n}", tuple("abcdefg"[:options]), first) for n in range(layers))
    parts = tuple(Part((n,), lambda o, n=n: Cost(100 * o + 7 * n + 1, o * (n + 1))) for n in range(layers))
    return SearchSpace("chain", decisions, "A chain.", lambda a: None, (1, 8, 8), parts, valid=valid)


def few_of_many(architecture):
    """The first layers are as they should be: one in 933 of all"""
    return architecture[:3] == (1, 2, 3) and architecture[3] < 3 and architecture[4] != 0


FEW_OF_MANY = replace(MOBILE, name="few of many", valid=few_of_many)
