"""On simulated spaces unlike the published ones the guide is never significantly worse than random draws."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

_FILE = Path(__file__).parents[2] / "benchmarks" / "simulated_spaces.py"
_SPEC = importlib.util.spec_from_file_location("simulated_spaces", _FILE)
worlds = importlib.util.module_from_spec(_SPEC)
sys.modules["simulated_spaces"] = worlds
_SPEC.loader.exec_module(worlds)

SMALL = [name for name in worlds.WORLDS if name not in worlds.LARGE]
FAST, WHOLE = 10, 40  # seeds


@pytest.mark.parametrize("name", SMALL)
def test_a_few_searches_are_not_significantly_worse_than_random_draws(name):
    _, _, gained = worlds.compare(name, FAST, 10)
    assert gained.high > 0


def test_where_options_act_alike_everywhere_that_is_learnt():
    guided, drawn, _ = worlds.compare("alike", FAST, 10)
    assert guided.mean < drawn.mean / 3


def test_a_world_is_drawn_anew_by_each_seed_and_the_same_by_the_same():
    world = worlds.WORLDS["together"]
    numbers = world.space.draw(np.random.default_rng(0), 50)
    first, again, other = (world.drawn(np.random.default_rng(seed))(numbers) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_a_rule_forbids_a_third_of_the_combinations():
    space = worlds.WORLDS["ruled"].space
    assert space.count == pytest.approx(space.size * 2 / 3, rel=0.01)


@pytest.mark.heavy
@pytest.mark.parametrize("evaluations", [10])
@pytest.mark.parametrize("name", worlds.WORLDS)
def test_many_searches_are_not_significantly_worse_than_random_draws(name, evaluations):
    _, _, gained = worlds.compare(name, 20 if name in worlds.LARGE else WHOLE, evaluations, processes=2)
    assert gained.high > 0
