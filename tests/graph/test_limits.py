"""Searches within limits: what is refused, what is repaired, what is told, and that it is never silent."""

import json

import genius
import pytest
from genius.agents.reflector import write_prompt
from genius.record.settings import OPTIONS, Options, Settings
from genius.spaces.cost import Cost, Part
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage

from ..no_model import BASELINES

# FLOPs are 100 for each step of a number, and 3 outside
SPACE = genius.SearchSpace(
    name="tiny",
    decisions=tuple(genius.Decision(name, ("small", "middle", "large")) for name in ("a", "b", "c")),
    description="Three decisions. An architecture is a list of 3 numbers.",
    build=lambda architecture: None,
    input_shape=(1, 8, 8),
    parts=(
        Part((), lambda: Cost(3, 5)),
        *(Part((d,), lambda option: Cost(100 * option, option, 25 * option)) for d in range(3)),
    ),
)


async def evaluate(architecture):
    return genius.Measurement(accuracy=70.0 + sum(architecture) / 10)


def model_saying(*replies):
    return GenericFakeChatModel(messages=iter([AIMessage(reply) for reply in replies]))


async def search(tmp_path, *replies, **options):
    model = {"llm": model_saying(*replies), "proposer": "model"} if replies else {}
    return await genius.search(SPACE, **model, evaluator=evaluate, run=tmp_path / "run", **options)


async def test_a_reply_off_limits_goes_back_with_the_gap_and_the_changes(tmp_path):
    replies = ("[2, 2, 2]", "[2, 1, 0]")
    result = await search(tmp_path, *replies, iterations=1, flops=("200", 303))
    (candidate,) = result.trials[0].candidates
    assert candidate.architecture == (2, 1, 0)
    (refusal,) = candidate.refusals
    assert "603 FLOPs (macs), +0.0003 M above" in refusal.reason
    calls = [json.loads(line) for line in (tmp_path / "run" / "calls.jsonl").read_text().splitlines()]
    assert refusal.reason in calls[1]["prompt"][-1]["content"]
    assert "No single change is enough" in calls[1]["prompt"][-1]["content"]


async def test_repair_takes_the_nearest_and_is_never_silent(tmp_path):
    result = await search(tmp_path, "[2, 2, 2]", "[0, 0, 0]", iterations=2, flops=("200", "303"), repair="nearest")
    first, second = result.trials[0].candidates
    assert first.architecture in {(2, 1, 0), (2, 0, 1), (1, 2, 0), (0, 2, 1), (1, 0, 2), (0, 1, 2)} | {(1, 1, 1)}
    assert sum(a != 2 for a in first.architecture) == 2
    assert first.repair.proposed == (2, 2, 2)
    assert (second.repair.proposed, SPACE.cost_of(second.architecture).flops) == ((0, 0, 0), 203)
    lines = [json.loads(line) for line in (tmp_path / "run" / "candidates.jsonl").read_text().splitlines()]
    assert [line["repair"]["proposed"] for line in lines] == [[2, 2, 2], [0, 0, 0]]
    assert [i["proposed"] for i in result.to_json()["iterations"]] == [[2, 2, 2], [0, 0, 0]]
    calls = [json.loads(line) for line in (tmp_path / "run" / "calls.jsonl").read_text().splitlines()]
    told = calls[1]["prompt"][-1]["content"]
    assert "your proposal [2, 2, 2] has 0.0006 M FLOPs" in told
    assert "off the limits; changed " in told
    assert genius.read(tmp_path / "run").to_json() == result.to_json()


async def test_the_prompt_states_limits_prices_and_questions(tmp_path):
    await search(tmp_path, "[1, 0, 0]", iterations=1, flops=(None, "303"), flops_convention="thop", params=(0, "1K"))
    call = json.loads((tmp_path / "run" / "calls.jsonl").read_text().splitlines()[0])
    text = call["prompt"][-1]["content"]
    for said in (
        "hard limit: at most 303 FLOPs (as thop counts",
        "1 K",
        "- each of a to c: 0: 0, 1: 0.0002",
        "step by",
    ):
        assert said in text, said
    assert "limit" not in write_prompt(genius.Region(SPACE))[-1]["content"]


async def test_an_empty_range_is_told_before_anything_is_written(tmp_path):
    with pytest.raises(genius.GeniusError, match="603"):
        await search(tmp_path, "[1, 1, 1]", flops=("700", "800"))
    with pytest.raises(genius.GeniusError, match="203"):
        await search(tmp_path, "[1, 1, 1]", flops=("210", "290"))
    with pytest.raises(genius.GeniusError, match="low end is above"):
        await search(tmp_path, "[1, 1, 1]", flops=("300", "200"))
    with pytest.raises(genius.GeniusError, match="repair must be 'ask' or 'nearest'"):
        await search(tmp_path, "[1, 1, 1]", repair="guess")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("proposer", BASELINES)
async def test_baselines_stay_inside_and_end_when_everything_was_tried(tmp_path, proposer):
    result = await search(tmp_path, proposer=proposer, iterations=10, flops=("500", "-"))
    found = [c.architecture for c in result.trials[0].candidates if c.architecture]
    assert sorted(found) == [(1, 2, 2), (2, 1, 2), (2, 2, 1), (2, 2, 2)]
    assert not any(c.refusals for c in result.trials[0].candidates)
    assert result.finished


@pytest.mark.parametrize("proposer", BASELINES)
async def test_baselines_stay_inside_among_very_many(tmp_path, proposer):
    options = {"flops": ("300M", "301M"), "flops_convention": "thop", "iterations": 8, "run": tmp_path / "run"}
    result = await genius.search("mobile-imagenet", proposer=proposer, evaluator=evaluate, **options)
    space = genius.get_space("mobile-imagenet")
    candidates = result.trials[0].candidates
    assert len({c.architecture for c in candidates}) == 8
    assert all(300e6 <= space.cost_of(c.architecture).counted("thop") <= 301e6 for c in candidates)
    assert not any(c.refusals for c in candidates)


async def test_limits_are_kept_in_the_run_and_can_differ_in_a_fork(tmp_path):
    await search(tmp_path, proposer="largest", iterations=2, flops=("-", "303"))
    assert Settings.load(tmp_path / "run").limits.flops == ("-", "303")
    resumed = await genius.resume(tmp_path / "run", space=SPACE, evaluator=evaluate, iterations=3)
    assert all(SPACE.cost_of(c.architecture).flops <= 303 for c in resumed.trials[0].candidates)
    options = {"space": SPACE, "evaluator": evaluate, "flops": ("-", "403"), "to": tmp_path / "fork"}
    forked = await genius.fork(tmp_path / "run", 2, **options)
    assert SPACE.cost_of(forked.trials[0].candidates[2].architecture).flops == 403


def test_every_option_is_a_setting():
    assert set(Options.__annotations__) == {
        o.name for o in OPTIONS.values() if (o.group or o.path == "command") and o.name != "llm" and not o.about.hidden
    }
