"""The feedback on an architecture off the limits."""

import re
from dataclasses import replace

import pytest
from genius import Decision, SearchSpace
from genius.spaces import SPACES, get_space
from genius.spaces.cost import Cost, Part
from genius.spaces.region import Limits, Region, parse_range
from genius.tools.prices import differences, off_limits

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
    found = re.findall(r"stage (\d) layer (\d) from (\d) to (\d)(?: \(or of [^)]*\))? gives ([\d.]+) M FLOPs", text)
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
def test_any_space_gets_a_message(space):
    largest = tuple(decision.numbers[-1] for decision in space.decisions)
    text = message(largest, Limits(flops=(0, 1000)), space)
    assert text.splitlines()[0].startswith(f"{space.written(largest)} breaks the limits: ")


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


def own(options=("skip", "small", "large"), count=4):
    """Make a space whose layers all cost alike: 0, 100 and 300 FLOPs, and 1, 5 and 2 parameters."""
    parts = tuple(Part((at,), lambda o: Cost((0, 100, 300)[o], (1, 5, 2)[o])) for at in range(count))
    decisions = tuple(Decision(f"layer {at}", options) for at in range(count))
    return SearchSpace("own", decisions, "", lambda a: None, (1, 1, 1), parts=parts)


def hint(space, start, limits, tried=()):
    return off_limits(Region(space, limits), start, space.cost_of(start), tried).splitlines()[-1]


def test_equal_changes_of_other_decisions_are_named_together():
    text = hint(own(), (2, 2, 2, 1), Limits(flops=(0, 800)))
    assert "layer 0 from 2 to 1 (or of layer 1, layer 2) gives 0.0008 M FLOPs" in text
    many = hint(own(count=12), (2,) * 12, Limits(flops=(0, 3_400)))
    assert "layer 0 from 2 to 1 (or of layer 1, layer 2, layer 3, layer 4, …) gives" in many


def test_what_was_tried_is_not_proposed():
    limits = Limits(flops=(0, 800))
    text = hint(own(), (2, 2, 2, 1), limits, {(1, 2, 2, 1), (2, 2, 1, 1)})
    assert "layer 1 from 2 to 1 gives" in text
    assert "layer 0 from 2 to 1" not in text
    everything = {(*(2, 2, 2)[:at], option, *(2, 2, 2, 1)[at + 1 :]) for at in range(4) for option in range(3)}
    assert hint(own(), (2, 2, 2, 1), limits, everything) == "No single change is allowed."


@pytest.mark.parametrize("off", ["skip", "none", "Zero", "skip connection", "no layer", "identity"])
def test_a_layer_is_switched_off_last(off):
    text = hint(own((off, "small", "large")), (2, 2, 2, 1), Limits(flops=(0, 850)))
    assert text.index("from 2 to 1") < text.index("from 1 to 0") if "from 1 to 0" in text else "from 2 to 1" in text
    alone = hint(own((off, "small", "large")), (1, 1, 1, 1), Limits(flops=(0, 350)))
    assert "from 1 to 0" in alone  # where nothing else is enough


@pytest.mark.parametrize(
    ("limits", "told", "not_told"),
    [
        (Limits(flops=(0, 800)), "FLOPs", "parameters"),
        (Limits(params=(0, 9)), "parameters", "FLOPs"),
        (Limits(flops=(0, 800), params=(0, 50)), "FLOPs, ", ""),
    ],
)
def test_only_the_costs_that_are_limited_are_told(limits, told, not_told):
    start = (2, 2, 2, 1)
    text = off_limits(Region(own(), limits), start, own().cost_of(start))
    assert told in text
    assert not not_told or not_told not in text
