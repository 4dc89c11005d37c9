"""Searches of spaces by value: dicts, files, ranges and conditions, without a network."""

import json
import math
import shutil

import genius
import pytest
from genius import Decision, GeniusError, SearchSpace
from genius.agents.reflector import write_prompt
from genius.record.candidate import Candidate, Measurement
from genius.spaces.region import NO_LIMITS, Limits, Region

from ..spaces.value_spaces import LARGE, SMALL, shallow, space

GIVEN = {"lr": (1e-4, 1e-1), "width": [16, 32, 64]}


def evaluate(values):
    """Score a dict of values, the ones that count alone."""
    assert isinstance(values, dict)
    assert ("momentum" in values) == (values.get("optimizer") == "sgd")
    return 80 - 10 * abs(math.log10(values["lr"]) + 2) + values.get("momentum", 0)


@pytest.mark.parametrize("proposer", ["random", "largest", "local-search", "evolution", "guided"])
@pytest.mark.parametrize("valid", [None, shallow])
@pytest.mark.parametrize("decisions", [SMALL, LARGE])
async def test_every_baseline_searches_ranges_conditions_and_no_network(tmp_path, decisions, valid, proposer):
    searched = space(decisions, valid)
    found = await genius.search(searched, proposer=proposer, evaluator=evaluate, iterations=7, run=tmp_path / "run")
    candidates = found.trials[0].candidates
    assert len({searched.identity(c.architecture) for c in candidates}) == 7
    for candidate in candidates:
        assert not candidate.refusals
        assert candidate.cost is None
        assert candidate.values == searched.plain_values(candidate.architecture)
        assert searched.settled(candidate.architecture) == candidate.architecture
        assert valid is None or shallow(candidate.values)


async def test_a_dict_is_a_space_and_a_model_reads_and_writes_values(tmp_path):
    prompts = []

    async def propose(prompt, history):
        prompts.append(prompt[-1]["content"])
        return f'Better.\nArchitecture: {{"lr": {0.003 * (len(history) + 1)}, "width": 16}}'

    run = tmp_path / "run"
    found = await genius.search(GIVEN, proposer=propose, evaluator=evaluate, iterations=2, run=run)
    assert [c.values["lr"] for c in found.trials[0].candidates] == [0.003162, 0.00631]
    assert "- lr: 0.0001 to 0.1, logarithmic, 31 levels\n- width: 16, 32, 64" in prompts[0]
    assert "- iteration 1: [0.003162, 16], 75.00; taken to the nearest level: lr 0.003 to 0.003162" in prompts[1]
    assert 'Architecture: {"lr": <lr>, "width": <width>}' in prompts[1]
    assert "neural" not in prompts[0]
    told = found.to_json()
    assert told["best"]["values"] == {"lr": 0.00631, "width": 16}
    assert not {"flops", "params"} & set(told["iterations"][0])
    more = await genius.resume(run, space=GIVEN, proposer=propose, evaluator=evaluate, iterations=3)
    assert len(more.trials[0].candidates) == 3
    changed = {**GIVEN, "lr": (1e-4, 1e-2)}
    with pytest.raises(GeniusError, match="has other decisions or options than when this run began"):
        await genius.resume(run, space=changed, proposer=propose, evaluator=evaluate, iterations=4)


async def test_a_file_is_found_again_where_a_run_goes_on_and_noticed_where_it_changed(tmp_path):
    file, run = tmp_path / "mine.yaml", tmp_path / "run"
    file.write_text(f"decisions: {json.dumps({'lr': {'range': [1e-4, 1e-1]}, 'width': [16, 32]})}")
    options = {"proposer": "guided", "evaluator": evaluate}
    await genius.search(str(file), **options, iterations=1, run=run)
    copy = shutil.copytree(run, tmp_path / "copy")
    with pytest.raises(GeniusError, match=r"names the file '.*mine.yaml'.*name the same in this call \(--space"):
        await genius.resume(copy, evaluator=evaluate, iterations=2)
    assert len((await genius.resume(run, evaluator=evaluate, iterations=2)).trials[0].candidates) == 2
    found = await genius.resume(copy, space=str(file), evaluator=evaluate, iterations=2)
    assert len(found.trials[0].candidates) == 2
    file.write_text("decisions: {lr: {range: [1e-4, 1e-1]}, width: [16, 64]}")
    with pytest.raises(GeniusError, match="has other decisions or options"):
        await genius.resume(run, space=str(file), evaluator=evaluate, iterations=3)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"flops": (None, "3M")}, "mine has no costs to limit: give it `cost`"),
        ({"disguise": True}, "mine has decisions that count only under others, and cannot be disguised"),
        ({"evaluator": None}, "'mine' is your own: pass an evaluator"),
    ],
)
async def test_what_needs_a_network_or_costs_says_that_there_are_none(tmp_path, options, error):
    with pytest.raises(GeniusError, match=error):
        await genius.search(space(), **{"evaluator": evaluate, "proposer": "random", "run": tmp_path / "r"} | options)
    with pytest.raises(GeniusError, match="mine has no network to train, export or count: give it `build`"):
        space().network((0,) * 7)


async def test_a_disguised_range_is_evaluated_by_its_real_values(tmp_path):
    plain = SearchSpace("plain", (Decision.range("lr", 1e-4, 1e-1, log=True), Decision("width", (16, 32))))
    found = await genius.search(
        plain, proposer="random", evaluator=evaluate, disguise=True, iterations=3, run=tmp_path / "r"
    )
    for candidate in found.trials[0].candidates:
        assert candidate.accuracy == evaluate(plain.values(candidate.architecture))


async def test_limits_hold_for_a_cost_of_ones_own(tmp_path):
    costed = space(cost=lambda values: {"flops": values["layers"], "seconds": values["lr"]})
    options = {"evaluator": evaluate, "iterations": 4, "flops": (2, 3)}
    for proposer in ("guided", "local-search"):
        found = await genius.search(costed, proposer=proposer, **options, run=tmp_path / proposer)
        for candidate in found.trials[0].candidates:
            assert candidate.cost.flops == candidate.values["layers"] in (2, 3)
            assert candidate.cost.named == {"seconds": candidate.values["lr"]}
    assert found.to_json()["iterations"][0]["costs"] == {"seconds": found.trials[0].candidates[0].values["lr"]}


@pytest.mark.parametrize("told", [-1, "many", {"flops": 0.5}, {"seconds": -1}, None, {1: 2}, math.nan])
def test_a_cost_that_is_none_is_refused(told):
    with pytest.raises(GeniusError, match=r"the cost of mine is .*: return a Cost, a whole number of FLOPs, or a dict"):
        space(cost=lambda values: told).cost_of((0,) * 7)


@pytest.mark.parametrize("limits", [NO_LIMITS, Limits(flops=(0, 50))])
def test_prompts_stay_bounded_for_many_decisions(limits):
    many = SearchSpace(
        "many",
        tuple(Decision.range(f"decision {at}", 0.0, 1.0) for at in range(200)),
        cost=None if limits is NO_LIMITS else lambda values: 5,
    )
    cost = many.cost_of((0,) * 200)
    history = [
        Candidate(1, at, architecture=(at % 31,) * 200, cost=cost, measurement=Measurement(float(at % 50)))
        for at in range(1, 100)
    ]
    assert len(write_prompt(Region(many, limits), history)[-1]["content"]) < 60_000
