"""Replies, errors and parts that would poison a run: they stay bounded, harmless and told apart."""

import json
from dataclasses import replace
from typing import Any

import genius
import pytest
from genius.errors import GeniusWarning

from ..conftest import fails, says

SPACE = genius.get_space("nas-bench-macro")
GOOD = "Architecture: [0, 1, 2, 0, 1, 2, 0, 1]"


async def evaluate(architecture: genius.Architecture) -> genius.Measurement:
    return genius.Measurement(50.0 + sum(architecture))


@pytest.fixture
def run(tmp_path):
    return tmp_path / "run"


@pytest.fixture
def search(openai_server, run, monkeypatch):

    async def start(**options: Any) -> genius.SearchResult:
        asked = {"llm": "openai:m", "proposer": "model", "base_url": openai_server.url, "tries": 1}
        asked |= {"iterations": 1, "run": run}
        return await genius.search(SPACE, evaluator=evaluate, **{**asked, **options})

    return start


async def test_a_huge_refused_reply_makes_nothing_else_huge(openai_server, search, run):
    openai_server.script = [says("I wonder. " * 140_000)] * 9
    openai_server.answer = lambda call: says(GOOD)
    result = await search()
    assert result.best.iteration == 1
    assert len(result.trials[0].candidates[0].refusals) == 9
    assert max(len(json.dumps(call)) for call in openai_server.calls) < 50_000
    sizes = {path.name: path.stat().st_size for path in run.iterdir()}
    assert sizes["calls.jsonl"] < 2_000_000
    assert sizes["trace.jsonl"] < 5_000_000
    assert sizes["candidates.jsonl"] < 50_000
    assert sizes["checkpoints.sqlite"] < 500_000


HOSTILE = ["\ud800 half", "\x1b]52;c;cm0gLXJm\x07", "\x00\x1b[2J", "[/bold] [red]x", "\u202egnirts", "\r\n\u2028"]


@pytest.mark.parametrize("text", HOSTILE)
async def test_a_hostile_reply_is_kept_and_sent_back_harmlessly(openai_server, search, run, text):
    openai_server.script = [says(text)] * 2 + [fails(500, text)]
    openai_server.answer = lambda call: says(f"{text} and so\n{GOOD}")
    with pytest.raises(genius.RunFailed) as failure:
        await search()
    assert "\n" not in str(failure.value)
    result = await genius.resume(run, trust=True, evaluator=evaluate)
    (found,) = result.trials[0].candidates
    assert found.architecture == (0, 1, 2, 0, 1, 2, 0, 1)
    assert len(found.refusals) == 2
    for name in ("calls.jsonl", "candidates.jsonl", "trace.jsonl"):
        for line in (run / name).read_bytes().splitlines():
            json.loads(line)


async def test_a_run_goes_on_with_its_own_space_alone(openai_server, search, run):
    openai_server.answer = lambda call: says(GOOD)
    await search()
    with pytest.raises(genius.GeniusError, match=r"searches nas-bench-macro, and digits is another space"):
        await genius.resume(run, space=genius.get_space("digits"), evaluator=evaluate, iterations=2)


def _own(options: int) -> genius.SearchSpace:
    decisions = tuple(genius.Decision(f"d{at}", tuple(map(str, range(options)))) for at in range(3))
    return replace(SPACE, name="own", decisions=decisions, description="Three decisions.", parts=(), depth=None)


async def test_a_space_of_the_same_name_with_other_options_is_refused(run, tmp_path):
    options = {"proposer": "random", "evaluator": evaluate}
    own = replace(_own(3), build=build)
    await genius.search(own, iterations=2, run=run, **options)
    assert (await genius.resume(run, space=own, iterations=3, evaluator=evaluate)).finished
    for call in (genius.resume(run, space=replace(_own(4), build=build), iterations=4, evaluator=evaluate),):
        with pytest.raises(genius.GeniusError, match="other decisions or options"):
            await call
    with pytest.raises(genius.GeniusError, match="other decisions or options"):
        await genius.fork(run, 1, space=replace(_own(4), build=build), evaluator=evaluate, to=tmp_path / "fork")


def build(architecture: genius.Architecture) -> Any:
    from torch import nn

    return nn.Sequential(nn.Conv2d(3, 4 + sum(architecture), 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())


async def test_another_model_is_warned_of(openai_server, search, run):
    openai_server.answer = lambda call: says(GOOD)
    await search()
    openai_server.answer = lambda call: says("Architecture: [1, 1, 1, 1, 1, 1, 1, 1]")
    with pytest.warns(GeniusWarning, match=r"openai:m made this run; from now on openai:other proposes"):
        await genius.resume(run, llm="openai:other", evaluator=evaluate, iterations=2, trust=True)
    assert openai_server.calls[-1]["model"] == "other"


async def test_a_search_that_stops_says_how_many_evaluations_were_left(openai_server, search):
    openai_server.script = [says(GOOD)]
    openai_server.answer = lambda call: says("-")
    result = await search(iterations=4, when_done="stop")
    assert result.stopped == "the proposer says that nothing better is left; 2 of 4 evaluations were not made"


async def test_the_offer_to_stop_stands_late_and_only_where_it_is_taken(openai_server, search, tmp_path):
    numbers = iter(range(100))
    openai_server.answer = lambda call: says(f"Architecture: {[0] * 6 + list(divmod(next(numbers) % 9, 3))}")
    await search(iterations=8, when_done="stop")
    offered = ["answer with - alone" in call["messages"][-1]["content"] for call in openai_server.calls]
    assert offered == [False] * 6 + [True] * 2
    openai_server.calls.clear()
    await search(iterations=4, run=tmp_path / "other")
    assert not any("answer with - alone" in call["messages"][-1]["content"] for call in openai_server.calls)


@pytest.mark.parametrize("answer", [None, 7, b"Architecture: [0]", ["Architecture: [0]"]])
async def test_a_proposer_that_answers_nonsense_is_named(run, answer):
    async def propose(prompt, history):
        return answer

    with pytest.raises(genius.RunFailed, match=r"a proposer returns text or a genius\.Reply, got \w+"):
        await genius.search(SPACE, proposer=propose, evaluator=evaluate, iterations=1, run=run)


async def test_a_model_that_only_repeats_ends_where_everything_was_tried(openai_server, run, tmp_path):
    numbers = iter(range(1000))
    small = replace(_own(2), build=build)
    openai_server.answer = lambda call: says(f"Architecture: {list(map(int, f'{next(numbers) % 8:03b}'))}")
    asked = {"llm": "openai:m", "proposer": "model", "base_url": openai_server.url, "iterations": 20}
    asked |= {"evaluator": evaluate, "run": run}
    result = await genius.search(small, **asked)
    found = [c.architecture for c in result.trials[0].candidates if c.architecture]
    assert len(set(found)) == 8
    assert "every architecture that is allowed was tried; 11 of 20" in (result.stopped or "")
    assert result.finished
