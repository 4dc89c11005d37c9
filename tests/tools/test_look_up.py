"""The costs of options, as a table in words: one that adds up does to the last digit, another says that it does not."""

import re
from dataclasses import replace

import numpy as np
import pytest
from genius import Decision, SearchSpace
from genius.spaces import SPACES, get_space
from genius.spaces.cost import Cost, Part
from genius.spaces.region import Limits, Region
from genius.tools.look_up import adds_up, look_up_table

MOBILE = get_space("mobile-imagenet")
WIDTHS = (2, 8, 16, 24, 32)


def tangled(parts, decisions, options=5):
    """Make a space of such parts, whose option numbers start at 1."""
    each = tuple(Decision(f"d{n}", tuple("abcde"[:options]), first=1) for n in range(decisions))
    return SearchSpace("tangled", each, "", lambda a: None, (1, 1, 1), parts=tuple(parts))


def conv(a, b):
    return Cost(9 * WIDTHS[a - 1] * WIDTHS[b - 1], WIDTHS[a - 1] * WIDTHS[b - 1])


def at_random(seed, count, decisions, options=5, together=2):
    rng = np.random.default_rng(seed)

    def part():
        chosen = sorted(rng.choice(decisions, together, replace=False).tolist())
        flops, params = rng.integers(1, 10**7, (2, *(options + 1,) * together))
        return Part(tuple(chosen), lambda *at: Cost(int(flops[at]), int(params[at])))

    return tangled([part() for _ in range(count)], decisions, options)


CHANNELS = tangled([Part((n, n + 1), conv) for n in range(49)], 50)


def added(table, space, architecture):
    """Add a table up, as it is read: what each option adds, alone, with another, and by the options of a part."""
    chosen = dict(zip((d.name for d in space.decisions), architecture, strict=True))
    names, total, block = list(chosen), 0.0, None
    for line in table.splitlines():
        if begun := re.search(r"to begin with, ([\d.]+)\.$|changes adds ([\d.]+) M:$", line):
            total += float(begun[1] or begun[2])
        elif every := re.fullmatch(r"each of (.+) to (.+) with the one after it:", line):
            first, last = names.index(every[1]), names.index(every[2])
            block = [(names[at], names[at + 1]) for at in range(first, last + 1)]
        elif by := re.fullmatch(r"by (.+):", line):
            block = [tuple(by[1].split(", "))]
        elif re.fullmatch(r"(.+ with .+)(; .+ with .+)*:", line):
            block = [tuple(pair.split(" with ")) for pair in line[:-1].split("; ")]
        elif line.startswith("- ") and block is None:
            of, costs = line[2:].split(": ", 1)
            ends = re.fullmatch(r"each of (.+) to (.+)", of)
            alike = names[names.index(ends[1]) : names.index(ends[2]) + 1] if ends else [of]
            amounts = dict(re.findall(r"(\d+): ([-\d.e+]+)", costs))
            total += sum(float(amounts[str(chosen[name])]) for name in alike)
        elif line.startswith("- "):
            options, with_ = line[2:].split(" with ") if " with " in line else ("", line[2:])
            amounts = dict(re.findall(r"(\d+): ([-\d.e+]+)", with_))
            for group in block:
                if ", ".join(str(chosen[name]) for name in group[:-1]) == options:
                    total += float(amounts.get(str(chosen[group[-1]]), 0))
    return total


@pytest.mark.parametrize(
    "space",
    [
        get_space("channel-bench-resnet"),
        get_space("channel-bench-mobilenet"),
        get_space("digits"),
        CHANNELS,
        at_random(0, 10, 8),
        at_random(1, 3, 6, 3, together=3),
    ],
    ids=["resnet", "mobilenet", "digits", "channels", "random pairs", "random triples"],
)
@pytest.mark.parametrize("quantity", ["flops", "params"])
def test_a_table_of_parts_adds_up_without_an_error(space, quantity):
    largest = float(space.costs(space.draw(np.random.default_rng(1), 100))[:, :2].max())
    region = Region(space, Limits(**{quantity: (0.0, largest)}))
    table = look_up_table(region)
    assert adds_up(region)
    assert "add up" in table
    assert len(table.splitlines()) <= 85
    assert ("FLOPs" in table, "parameters" in table) == (quantity == "flops", quantity == "params")
    for architecture in map(tuple, space.draw(np.random.default_rng(0), 100).tolist()):
        cost = getattr(space.cost_of(architecture), quantity)
        assert round(added(table, space, architecture) * 1e6) == cost


@pytest.mark.parametrize("convention", ["macs", "thop"])
def test_the_table_of_a_chain_adds_up_to_its_cost(convention):
    table = look_up_table(Region(MOBILE, Limits(convention=convention)))
    assert len(table.splitlines()) <= 31
    architecture = MOBILE.named["GENIUS-401"]
    ours = MOBILE.cost_of(architecture).counted(convention) / 1e6
    assert added(table, MOBILE, architecture) == pytest.approx(ours, abs=0.1)


def test_where_parts_are_too_many_the_table_says_that_it_does_not_add_up():
    space = at_random(2, 200, 50)
    region = Region(space, Limits(flops=(0.0, 9e8)))
    centre = region.sample(np.random.default_rng(0))
    table = look_up_table(region, centre)
    assert not adds_up(region)
    assert "changes of several decisions do not simply add up" in table
    assert f"the others at {list(centre)} (FLOPs" in table
    assert len(table.splitlines()) <= 61
    other = (centre[0] % 5 + 1, *centre[1:])
    row = re.search(r"^- d0: (.*)$", table, re.MULTILINE)[1]
    assert f"{other[0]}: {space.cost_of(other).flops / 1e6:.4g}" in row


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_any_space_gets_a_table(space):
    table = look_up_table(Region(space))
    assert space.decisions[0].name in table
    assert space.decisions[-1].name in table


def test_a_table_around_an_architecture_goes_by_one_that_keeps_the_rule_and_the_limits():
    space = replace(at_random(2, 200, 50), valid=lambda a: a[0] == 2 and a[8] != 3)
    region = Region(space, Limits(flops=(0.0, 9e8)))
    middle = re.search(r"the others at \[(.+?)\]", look_up_table(region))[1]
    assert region.allows([tuple(map(int, middle.split(", ")))]).all()


def test_both_quantities_have_a_table_where_both_are_limited():
    table = look_up_table(Region(MOBILE, Limits(flops=(0.0, 3e8), params=(0.0, 7e6))))
    assert "(FLOPs in millions, multiply-adds of one image)" in table
    assert "(parameters in millions)" in table
