"""Searches of spaces with a rule, to the very end: only what is allowed is evaluated, and all of it."""

import json
from dataclasses import replace

import genius
import pytest
from genius.spaces.cost import Cost, Part
from genius.spaces.digits import DIGITS
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage

from ..no_model import BASELINES


def wide_is_even(architecture):
    """Wide networks have an even number of layers in CIFAR"""
    return architecture[0] < 2 or architecture[1] != 1


SPACE = genius.SearchSpace(
    name="ruled",
    decisions=tuple(genius.Decision(name, ("small", "middle", "large")) for name in ("width", "depth")),
    description="Two decisions. An architecture is a list of 2 numbers.",
    build=lambda architecture: None,
    input_shape=(1, 8, 8),
    parts=tuple(Part((d,), lambda option, d=d: Cost(100 * option + d, option)) for d in range(2)),
    valid=wide_is_even,
)
VALID = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0), (2, 2)]
THREE = [(0,) * 9, (1, 2) * 4 + (0,), (2,) * 9]
EVERY_BASELINE = pytest.mark.parametrize("proposer", BASELINES)


class Evaluated:
    """An evaluator that knows what it was given."""

    def __init__(self):
        self.architectures = []

    async def __call__(self, architecture):
        self.architectures.append(architecture)
        return genius.Measurement(accuracy=70.0 + sum(architecture))


@EVERY_BASELINE
@pytest.mark.parametrize(
    "options",
    [{}, {"flops": (100.0, 300.0)}, {"repair": "nearest"}, {"disguise": True}, {"workers": 3}],
    ids=["plain", "limits", "nearest", "disguise", "workers"],
)
async def test_every_baseline_finds_all_that_is_allowed_and_nothing_else(proposer, options, tmp_path):
    low, high = options.get("flops", (0, 1e9))
    allowed = [a for a in VALID if low <= SPACE.cost_of(a).flops <= high]
    evaluated = Evaluated()
    asked = {"evaluator": evaluated, "iterations": 12, "run": tmp_path / "run", "when_done": "stop", "trace": False}
    result = await genius.search(SPACE, proposer=proposer, **asked, **options)
    assert sorted(evaluated.architectures) == allowed
    assert not [c for c in result.trials[0].candidates if c.refusals]
    assert result.trials[0].candidates[-1].error == "the proposer says that nothing better is left"


@EVERY_BASELINE
async def test_three_of_very_many_are_found(proposer, tmp_path):
    evaluated = Evaluated()
    space = replace(DIGITS, name="three", valid=lambda a: a in THREE or "only three are allowed")
    asked = {"evaluator": evaluated, "iterations": 5, "run": tmp_path / "run", "when_done": "stop", "trace": False}
    await genius.search(space, proposer=proposer, **asked)
    assert sorted(evaluated.architectures) == THREE


def model_saying(*replies):
    return GenericFakeChatModel(messages=iter([AIMessage(reply) for reply in replies]))


async def test_a_model_is_told_the_rule_that_it_broke(tmp_path):
    model, evaluated = model_saying("Architecture: [2, 1]", "Architecture: [2, 2]"), Evaluated()
    result = await genius.search(
        SPACE, llm=model, proposer="model", evaluator=evaluated, iterations=1, run=tmp_path / "run"
    )
    told = "[2, 1] breaks the space's rule: Wide networks have an even number of layers in CIFAR"
    assert [r.reason for r in result.trials[0].candidates[0].refusals] == [told]
    assert evaluated.architectures == [(2, 2)]
    calls = [json.loads(line) for line in (tmp_path / "run" / "calls.jsonl").read_text().splitlines()]
    assert calls[1]["prompt"][-1]["content"] == f"This cannot be used: {told}. Please answer again."


async def test_in_disguise_a_model_is_told_that_there_is_a_rule_and_no_more(tmp_path):
    replies, evaluated = [f"Architecture: [{a}, {b}]" for a in range(3) for b in range(3)], Evaluated()
    options = {"evaluator": evaluated, "iterations": 8, "run": tmp_path / "run", "disguise": True}
    await genius.search(SPACE, proposer="model", llm=model_saying(*replies), **options)
    assert sorted(evaluated.architectures) == VALID
    text = "".join(path.read_text() for path in (tmp_path / "run").glob("c*.jsonl"))
    assert "breaks the space's rule. Please" in text
    assert "Wide" not in text
    assert "CIFAR" not in text


async def test_advice_is_never_what_the_rule_forbids(tmp_path):
    evaluated = Evaluated()
    replies = [f"Architecture: {list(a)}" for a in VALID[:4]]
    options = {"evaluator": evaluated, "iterations": 4, "run": tmp_path / "run", "advice": True}
    result = await genius.search(SPACE, proposer="model", llm=model_saying(*replies), **options)
    shortlists = [{s.architecture for s in c.shortlist} for c in result.trials[0].candidates]
    assert all(shortlist <= set(VALID) and len(shortlist) >= 4 for shortlist in shortlists)


@pytest.mark.parametrize(
    ("valid", "error"),
    [
        (lambda a: False, "the rule of ruled forbids each of its 9 architectures"),
        (lambda a: a[5] > 0, r"the rule of ruled failed on \[0, 0\]: IndexError: tuple index out of range"),
    ],
    ids=["nothing is allowed", "it fails"],
)
async def test_a_rule_that_cannot_work_is_told_before_the_first_call(valid, error, tmp_path):
    space, run = replace(SPACE, valid=valid), tmp_path / "run"
    with pytest.raises(genius.GeniusError, match=error):
        await genius.search(space, llm=model_saying(), evaluator=Evaluated(), iterations=1, run=run)
    assert not run.exists()


async def test_a_rule_that_fails_later_ends_the_search_in_a_sentence_and_the_run_goes_on(tmp_path):
    answers = iter([True] * 15)

    def moody(architecture):
        return next(answers)

    options = {"proposer": "random", "evaluator": Evaluated()}
    space = replace(SPACE, valid=moody)
    with pytest.raises(genius.GeniusError, match=r"the rule of ruled \(moody\) failed on .*: StopIteration"):
        await genius.search(space, **options, iterations=9, run=tmp_path / "run")
    result = await genius.resume(tmp_path / "run", space=SPACE, evaluator=options["evaluator"])
    assert result.finished
