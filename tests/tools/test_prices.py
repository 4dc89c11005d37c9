"""What options cost, in words: the look-up table, and the feedback on an architecture off the limits."""

import re
from dataclasses import replace

import pytest
from genius.spaces import SPACES, get_space
from genius.spaces.region import Limits, Region, parse_range
from genius.tools.prices import differences, look_up_table, off_limits

MOBILE = get_space("mobile-imagenet")
LIMITS = Limits(parse_range("270M", "330M"), convention="thop")
LARGEST, SMALLEST = (6,) * 30, (0,) * 30


def message(architecture, limits=LIMITS, space=MOBILE):
    return off_limits(Region(space, limits), architecture, space.cost_of(architecture))


def test_the_message_gives_the_exact_total_the_signed_gap_and_the_stages():
    text = message(LARGEST)
    flops = MOBILE.cost_of(LARGEST).counted("thop")
    assert f"{flops:,} FLOPs (thop), +{(flops - 330e6) / 1e6:.2f} M above the most that is allowed" in text
    stages = {name: float(value) for name, value in re.findall(r"(stage \d|outside the stages) ([\d.]+) M", text)}
    assert len(stages) == 6
    assert sum(stages.values()) == pytest.approx(flops / 1e6, abs=0.05)
    below = message(SMALLEST)
    assert f"-{(270e6 - MOBILE.cost_of(SMALLEST).counted('thop')) / 1e6:.2f} M below the least that is allowed" in below


def test_changes_that_are_enough_are_true_and_closest_to_the_upper_end_first():
    # GENIUS-329 with one layer made larger is just above the range
    start = list(MOBILE.named["GENIUS-329"])
    start[0] = 6
    text = message(tuple(start))
    assert "One of these changes is enough" in text
    found = re.findall(r"stage (\d) layer (\d) from (\d) to (\d) gives ([\d.]+) M FLOPs", text)
    assert len(found) >= 3
    totals = []
    for stage, layer, before, after, total in found:
        at = 6 * (int(stage) - 1) + int(layer) - 1
        assert start[at] == int(before)
        changed = MOBILE.cost_of((*start[:at], int(after), *start[at + 1 :]))
        assert LIMITS.allow(changed)
        assert changed.counted("thop") / 1e6 == pytest.approx(float(total), abs=0.005)
        totals.append(changed.counted("thop"))
    assert totals == sorted(totals, reverse=True)
    assert "No single change is enough" in message(LARGEST)


def test_both_limits_are_told():
    limits = Limits(parse_range("-", "300M"), parse_range("-", "5M"))
    text = message(LARGEST, limits)
    assert "; allowed: at most 300 M FLOPs" in text
    assert f"{MOBILE.cost_of(LARGEST).params:,} parameters, +" in text


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_any_space_gets_a_message_and_a_table(space):
    largest = tuple(decision.numbers[-1] for decision in space.decisions)
    text = message(largest, Limits(flops=(0, 1000)), space)
    assert text.splitlines()[0].startswith(f"{list(largest)} breaks the limits: ")
    table = look_up_table(Region(space))
    names = " ".join(line for line in table.splitlines() if line.startswith("- "))
    assert space.decisions[0].name in names
    assert space.decisions[-1].name in names


@pytest.mark.parametrize("convention", ["macs", "thop"])
def test_the_table_of_a_chain_adds_up_to_its_cost(convention):
    table = look_up_table(Region(MOBILE, Limits(convention=convention)))
    fixed = float(re.search(r"what no decision changes adds ([\d.]+) M", table)[1])
    rows = {}
    for line in table.splitlines()[1:]:
        stages = re.findall(r"stage (\d) layer (\d)", line)
        first, last = stages[0], stages[-1]
        costs = {int(o): float(c) for o, c in re.findall(r"(\d): ([\d.e+-]+)", line.split(": ", 1)[1])}
        for layer in range(int(first[1]), int(last[1]) + 1):
            rows[int(first[0]), layer] = costs
    assert len(rows) == 30
    architecture = MOBILE.named["GENIUS-401"]
    total = fixed + sum(rows[1 + at // 6, 1 + at % 6][option] for at, option in enumerate(architecture))
    assert total == pytest.approx(MOBILE.cost_of(architecture).counted(convention) / 1e6, abs=0.1)


def test_changes_are_named():
    assert differences(get_space("digits"), (0,) * 9, (0, 1, 0, 0, 0, 0, 0, 0, 2)) == "k1 from 0 to 1, d3 from 0 to 2"


def deep_is_wide(architecture):
    return architecture[0] >= architecture[1]


def test_a_suggested_change_keeps_the_rule():
    space = replace(get_space("nas-bench-macro"), valid=deep_is_wide)
    limits = Limits(flops=(0.0, 9e7))
    text = off_limits(Region(space, limits), (2, 2, 2, 2, 2, 2, 2, 2), space.cost_of((2,) * 8))
    found = re.findall(r"layer (\d) from 2 to (\d) gives", text)
    assert found
    assert not [1 for layer, _ in found if layer == "1"]  # from [1, 2, …] on the rule is broken
    assert "layer 1 from 2" in off_limits(Region(space.without_rule, limits), (2,) * 8, space.cost_of((2,) * 8))
    alone = replace(space, valid=lambda a: a == (2,) * 8)
    assert off_limits(Region(alone, limits), (2,) * 8, space.cost_of((2,) * 8)).endswith("No single change is allowed.")


def test_the_table_of_a_space_goes_by_an_architecture_that_the_rule_allows():
    space = replace(get_space("digits"), valid=lambda a: a[0] == 2 and a[8] != 1)
    middle = re.search(r"the others at \[(.+?)\]", look_up_table(Region(space)))[1]
    architecture = tuple(map(int, middle.split(", ")))
    assert space.check(architecture) == architecture
    assert sum(a != 1 for a in architecture) <= 4
