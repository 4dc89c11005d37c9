"""What a prompt tells of limits, where costs are no sums: the truth on the table, what is left, and some that fit."""

import re
from math import inf

import numpy as np
import pytest
from genius import Candidate, Measurement
from genius.agents.reflector import write_prompt
from genius.spaces import get_space
from genius.spaces.region import Limits, Region

SPACE = get_space("channel-bench-resnet")
LIMIT = 3e8
REGION = Region(SPACE, Limits(flops=(-inf, LIMIT)))
BEST, SECOND = (2, 2, 1, 2, 1, 1, 4), (2, 1, 1, 2, 1, 1, 4)


def prompt(history=(), region=REGION):
    return write_prompt(region, history)[-1]["content"]


def measured(*architectures):
    return [
        Candidate(1, at, architecture=a, cost=SPACE.cost_of(a), measurement=Measurement(90.0 - at))
        for at, a in enumerate(architectures, start=1)
    ]


def named(text):
    """Return the untried architectures that a prompt names, with what it says they cost."""
    part = text.split("Untried architectures within the limit, ")[1].split("\n\n")[0]
    found = re.findall(r"^- \[([\d, ]+)\], ([\d.]+) M$", part, re.MULTILINE)
    return {tuple(map(int, numbers.split(", "))): float(cost) for numbers, cost in found}


def test_the_best_within_the_limit_has_its_headroom_and_untried_neighbours():
    text = prompt(measured(BEST, SECOND))
    left = (LIMIT - SPACE.cost_of(BEST).flops) / 1e6
    assert f"The best within the limit so far, {list(BEST)}, leaves {left:.2f} M FLOPs to the most" in text
    near = named(text)
    assert len(near) == 5
    assert SECOND not in near
    for architecture, cost in near.items():
        assert sum(a != b for a, b in zip(architecture, BEST, strict=True)) <= 2
        assert SPACE.cost_of(architecture).flops / 1e6 == pytest.approx(cost, abs=0.005)
        assert cost <= LIMIT / 1e6


def test_near_the_best_are_swaps_that_use_the_budget():
    near = named(prompt(measured(BEST)))
    swaps = [a for a in near if min(np.subtract(a, BEST)) < 0 < max(np.subtract(a, BEST))]
    assert len(swaps) >= 2
    assert max(near[a] for a in swaps) >= SPACE.cost_of(BEST).flops / 1e6


def test_what_breaks_the_limit_is_not_the_best_within_it():
    text = prompt(measured((4,) * 7, BEST))
    assert f"The best within the limit so far, {list(BEST)}, leaves" in text


def test_before_anything_is_measured_some_that_fit_are_named():
    near = named(prompt())
    assert 1 <= len(near) <= 5
    assert REGION.allows(list(near)).all()


def test_where_all_neighbours_were_tried_the_nearest_untried_is_named():
    swaps = REGION.swaps(BEST, REGION.off_by_one(BEST))
    tried = [BEST, *map(tuple, REGION.neighbours([BEST]).tolist()), *map(tuple, swaps.tolist())]
    (architecture,) = named(prompt(measured(*tried)))
    assert architecture not in tried
    assert REGION.allows([architecture]).all()


def test_a_sum_keeps_its_prompt_and_without_limits_nothing_is_said():
    text = prompt(region=Region(get_space("nas-bench-macro"), Limits(flops=(0.0, 9e7))))
    assert "Untried architectures" not in text
    assert "What do the table's costs of your architecture add up to?" in text
    assert "limit" not in prompt(measured(BEST), Region(SPACE))
