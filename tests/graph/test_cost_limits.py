"""Limits on costs that a space's own function tells by name: kept before anything is evaluated."""

import io
import json
from collections import Counter
from dataclasses import replace

import genius
import numpy as np
import pytest
from genius.agents.reflector import write_prompt
from genius.cli.options import named_limits
from genius.record.settings import Settings
from genius.report.show import print_tables
from genius.spaces.region import Limits, Region
from genius.spaces.region import region as of_region
from genius.spaces.region.listed import Listed
from genius.spaces.region.walked import Walked
from rich.console import Console

from ..no_model import BASELINES
from ..spaces.value_spaces import LARGE, SMALL, space

SPACES = {"listed": SMALL, "large": LARGE}


def memory(values):
    """Cost more than the sum of the options: 16 to 1,600, half of it with one layer."""
    return float(values["layers"] ** 2 * 50 * values["width"] / 16) + values["lr"]


def costed(decisions, asked=None):
    def cost(values):
        if asked is not None:
            asked[json.dumps(values, default=str)] += 1
        return {"memory_mb": memory(values)}

    return space(decisions, cost=cost)


def shown(result):
    text = io.StringIO()
    print_tables(result, Console(file=text, width=200, markup=False, highlight=False))
    return text.getvalue()


def evaluate(values):
    return float(values["layers"] + values["width"] / 32)


def within(high, low=0.0):
    return Limits(others=(("memory_mb", (low, high)),))


@pytest.mark.parametrize(("decisions", "way"), [(SMALL, Listed), (LARGE, Walked)], ids=SPACES)
def test_a_region_goes_by_a_cost_of_ones_own(decisions, way):
    mine, rng = costed(decisions), np.random.default_rng(0)
    region = Region(mine, within(201.0, 100.0))
    assert type(of_region._feasible(region)) is way
    region.check()
    drawn = region.draw(rng, 20)
    assert len(drawn) == 20
    found = [tuple(row) for row in drawn.tolist()] + [region.nearest(mine.sample(rng)), region.largest()]
    assert all(100 <= memory(mine.values(a)) <= 201 for a in [*found, region.smallest()])
    assert region.counted([region.largest()])[0, 2] == pytest.approx(200, abs=0.2)
    assert region.extremes()[2] == pytest.approx((50 * 0.5 / 16, 1600), abs=0.2)


def test_a_cost_function_of_a_region_is_asked_once_for_each_architecture():
    asked = Counter()
    mine = costed(SMALL, asked)
    for limits in (within(200.0), within(400.0)):
        region = Region(mine, limits)
        region.draw(np.random.default_rng(0), 50)
        assert region.neighbours(region.largest()).size
        region.extremes()
    assert set(asked.values()) == {1}


def test_an_empty_range_tells_the_costs_there_are():
    with pytest.raises(genius.GeniusError) as raised:
        Region(costed(SMALL), within(1e6, 2e3)).check()
    assert "keeps the limits: memory_mb from 2000 to 1000000; its memory_mb goes from 1.56" in str(raised.value)
    assert "the memory_mb nearest to the range are 1600.1" in str(raised.value)


def all_inside(result, count):
    candidates = result.trials[0].candidates
    assert len(candidates) == count
    assert not any(candidate.refusals for candidate in candidates)
    return all(30 <= candidate.cost.named["memory_mb"] <= 250 for candidate in candidates)


@pytest.mark.parametrize("decisions", SPACES.values(), ids=SPACES)
@pytest.mark.parametrize("proposer", BASELINES)
async def test_every_baseline_stays_inside(tmp_path, decisions, proposer):
    options = {"evaluator": evaluate, "proposer": proposer, "iterations": 3, "run": tmp_path / "run"}
    assert all_inside(await genius.search(costed(decisions), **options, limits={"memory_mb": (30, 250)}), 3)


@pytest.mark.parametrize("disguise", [False, True])
async def test_a_run_that_goes_on_and_a_fork_stay_inside(tmp_path, disguise):
    plain = tuple(replace(decision, when=None) for decision in SMALL)
    mine, run = costed(plain if disguise else SMALL), tmp_path / "run"
    options = {"evaluator": evaluate, "proposer": "random", "disguise": disguise}
    await genius.search(mine, **options, iterations=4, limits={"memory_mb": (30, 250)}, run=run)
    settings = Settings.load(run)
    assert settings.limits.others == {"memory_mb": (30.0, 250.0)}
    assert settings.limits.ranges == within(250.0, 30.0)
    assert not settings.goal.limits
    assert all_inside(await genius.resume(run, space=mine, evaluator=evaluate, iterations=30), 30)
    again = {"space": mine, "evaluator": evaluate, "iterations": 25}
    assert all_inside(await genius.fork(run, 3, **again, to=tmp_path / "fork"), 25)
    tighter = await genius.fork(run, 0, **again, set=['limits.others={"memory_mb": [40, 60]}'], to=tmp_path / "other")
    assert all(40 <= candidate.cost.named["memory_mb"] <= 60 for candidate in tighter.trials[0].candidates)


HEAVY = {"optimizer": "adam", "lr": 0.01, "width": 32, "activation": "relu", "layers": 4}
LIGHT = {**HEAVY, "layers": 1}


def replies(*given):
    left = list(given)

    async def propose(prompt, history):
        prompts.append(prompt[-1]["content"])
        return f"Better.\nArchitecture: {json.dumps(left.pop(0))}"

    prompts: list[str] = []
    return propose, prompts


async def test_a_reply_off_the_limit_is_refused_with_the_distance_and_the_changes(tmp_path):
    propose, prompts = replies(HEAVY, LIGHT)
    limits = named_limits(["memory_mb - 500"])
    options = {"proposer": propose, "evaluator": evaluate, "iterations": 1, "limits": limits, "run": tmp_path / "run"}
    result = await genius.search(costed(SMALL), **options)
    (candidate,) = result.trials[0].candidates
    assert candidate.values == LIGHT
    (refusal,) = candidate.refusals
    assert "breaks the limits: memory_mb 1,600.01, +1,100.01 above the most that is allowed" in refusal.reason
    assert "allowed: memory_mb at most 500" in refusal.reason
    assert "One of these changes is enough: layers from 4 to 2 gives memory_mb 400.01; width" in refusal.reason
    assert "FLOPs" not in refusal.reason
    assert "keep a hard limit: memory_mb at most 500." in prompts[0]
    assert "(memory_mb)" in prompts[0]
    assert "FLOPs" not in prompts[0]
    assert "limits: memory_mb at most 500; 1 replies refused" in shown(result)


async def test_a_reply_off_the_limit_is_repaired(tmp_path):
    for name, decisions in SPACES.items():
        heavy = HEAVY | ({f"x{at}": 0.0 for at in range(5)} if name == "large" else {})
        propose, _ = replies(heavy)
        options = {"proposer": propose, "evaluator": evaluate, "iterations": 1, "repair": "nearest"}
        result = await genius.search(
            costed(decisions), **options, limits={"memory_mb": (None, 500)}, run=tmp_path / name
        )
        (candidate,) = result.trials[0].candidates
        assert candidate.cost.named["memory_mb"] <= 500
        assert "has memory_mb 1,600.01, off the limits; changed" in candidate.repair.reason


def test_a_prompt_tells_headroom_and_untried_architectures_in_the_costs_own_unit():
    mine = costed(LARGE)
    region = Region(mine, within(250.0))
    best = region.nearest(mine.sample(np.random.default_rng(1)))
    measurement = genius.Measurement(1.0)
    history = [genius.Candidate(1, 1, architecture=best, cost=mine.cost_of(best), measurement=measurement)]
    text = write_prompt(region, history)[-1]["content"]
    assert f"leaves memory_mb {250 - memory(mine.values(best)):,.6g} to the most that is allowed" in text
    assert "near the best, with their memory_mb:" in text


async def test_what_the_cost_does_not_tell_stays_measured(tmp_path):
    def measure(values):
        return genius.Measurement(evaluate(values), metrics={"latency_ms": float(values["layers"])})

    limits = {"memory_mb": (None, 900), "latency_ms": (None, 2)}
    options = {"proposer": "random", "evaluator": measure, "iterations": 8, "limits": limits, "run": tmp_path / "run"}
    result = await genius.search(costed(SMALL), **options)
    assert result.goal.limits == {"latency_ms": (None, 2.0)}
    assert result.settings.limits.ranges.words() == "memory_mb at most 900"
    assert result.best.measurement.metrics["latency_ms"] <= 2


async def test_a_limit_in_a_settings_file_is_told_apart_too(tmp_path):
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({"limits": {"others": {"memory_mb": [None, 60]}}}))
    options = {"proposer": "random", "evaluator": evaluate, "iterations": 3, "run": tmp_path / "run"}
    result = await genius.search(costed(SMALL), settings=file, **options)
    assert all(c.cost.named["memory_mb"] <= 60 for c in result.trials[0].candidates)


@pytest.mark.parametrize("decisions", SPACES.values(), ids=SPACES)
async def test_a_limited_cost_that_is_missing_of_some_is_an_error(tmp_path, decisions):
    def cost(values):
        return {"memory_mb": 3.0} if values["layers"] != 4 else {"flops": 7}

    mine, first = space(decisions, cost=cost), space(decisions, cost=lambda values: {"memory_mb": 3.0})
    options = {"proposer": "random", "evaluator": evaluate, "run": tmp_path / "run"}
    await genius.search(first, **options, iterations=1, limits={"memory_mb": (None, 5)})
    with pytest.raises(genius.GeniusError, match=r"tells no memory_mb of some architecture, and it is limited: return"):
        await genius.resume(tmp_path / "run", space=mine, evaluator=evaluate, iterations=2)


async def test_a_range_by_name_that_is_none_is_refused(tmp_path):
    options = {"proposer": "random", "evaluator": evaluate, "run": tmp_path / "run"}
    with pytest.raises(genius.GeniusError, match="the limits of memory_mb from 5 to 3 hold nothing"):
        await genius.search(costed(SMALL), **options, limits={"memory_mb": (5, 3)})
    with pytest.raises(genius.GeniusError, match=r"goal\.limits"):
        await genius.search(costed(SMALL), **options, limits={"memory_mb": (3, 5), "x" * 100: (3, 5)})
    assert not (tmp_path / "run").exists()
