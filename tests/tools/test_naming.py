"""Architectures by numbers, digits and names: what the rule forbids is refused by the rule, however it is named."""

from dataclasses import replace

import pytest
from genius.spaces import get_space
from genius.spaces.space import BadArchitecture
from genius.tools.naming import read_architecture

CELLS, MOBILE = get_space("nas-bench-201"), get_space("mobile-imagenet")
ZEROS = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"


def connected(architecture):
    """Something must reach the cell's output"""
    return any(architecture)


@pytest.mark.parametrize("text", ["000000", "[0, 0, 0, 0, 0, 0]", ZEROS])
def test_what_is_forbidden_has_no_name(text):
    assert read_architecture(text, CELLS) == (0,) * 6
    with pytest.raises(BadArchitecture, match="breaks the space's rule: Something must reach the cell's output"):
        read_architecture(text, replace(CELLS, valid=connected))


def test_a_named_architecture_may_be_forbidden_and_is_refused_where_it_is_asked_for():
    space = replace(MOBILE, valid=lambda a: a[0] == 6)
    with pytest.raises(BadArchitecture, match=r"^\[1, 2, .*\] breaks the space's rule"):
        read_architecture("GENIUS-329", replace(space, named={"GENIUS-329": (1, 2) * 15}))
    assert read_architecture("GENIUS-329", MOBILE) == MOBILE.named["GENIUS-329"]
