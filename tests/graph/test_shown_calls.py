"""The calls of tools and the forecasts of a proposer, as a result and `genius show` tell them."""

import json
from dataclasses import replace
from io import StringIO

import pytest
from genius.record.candidate import CANDIDATE, ToolUse
from genius.record.result import read
from genius.report.show import print_tables
from rich.console import Console

from ..conftest import says
from .test_tools import calls, proposes, search  # noqa: F401


def shown(result, **options):
    out = StringIO()
    print_tables(result, Console(file=out, width=300, markup=False), **options)
    return out.getvalue()


@pytest.fixture
async def run(openai_server, search, tmp_path):  # noqa: F811
    """A run of which the second proposal was made with tools and a forecast."""
    settled = says('{"rationale": "r", "architecture": [0, 0, 0, 0, 0, 0, 1, 2], "expected": 53.5, "expected_sd": 1.5}')
    predict = ("predict", {"architectures": [[1] * 8]})
    openai_server.script = [proposes(1), calls(predict, ("nothing", {})), calls(("history", {})), settled]
    await search()
    return tmp_path / "run"


async def test_calls_and_forecasts_are_shown(run):
    words = shown(read(run))
    head, first, second, *_ = words.splitlines()
    assert head.split()[:3] == ["iteration", "accuracy", "expected"]
    assert first.split()[:3] == ["1", "51.00", "-"]
    assert second.split()[:5] == ["2", "53.00", "53.50", "±", "1.50"]
    assert "calls of tools, by iteration:" in words
    assert '- 2: predict({"architectures": [[1, 1, 1, 1, 1, 1, 1, 1]]}): The best so far:' in words
    assert "- 2: nothing({}): There is no such tool" in words
    assert "- 2: history({}): 1 of 1 experiments" in words
    first, second = json.loads(json.dumps(read(run).to_json()))["iterations"]
    assert not {"tools", "rounds", "expected", "expected_sd"} & set(first)
    assert (second["expected"], second["expected_sd"], second["rounds"]) == (53.5, 1.5, 2)
    assert [(use["name"], use["attempt"]) for use in second["tools"]] == [
        ("predict", 1),
        ("nothing", 1),
        ("history", 2),
    ]
    assert second["tools"][0]["arguments"] == '{"architectures": [[1, 1, 1, 1, 1, 1, 1, 1]]}'
    assert "to improve" in second["tools"][0]["answer"]


async def test_what_a_stranger_wrote_there_is_bounded_and_harmless(run):
    path = run / "candidates.jsonl"
    first, second = (CANDIDATE.take(json.loads(line)) for line in path.read_text().splitlines())
    bad = ToolUse("\x1b[31m" + "n" * 5_000, "\x1b]0;x\x07" + "a" * 9_000, "\u202e[bold]\n" * 5_000, 1)
    second = replace(second, tools=(bad,) * 100, rounds=1, expected=1e99, expected_sd=1e99)
    path.write_text("".join(json.dumps(CANDIDATE.plain(each)) + "\n" for each in (first, second)))
    words = shown(read(run))
    assert words.replace("\n", "").isprintable()
    assert words.count("\n- 2: ") == 40
    assert "(40 of 100, the latest; all: --all)" in words
    assert len(words) < 40_000
    assert shown(read(run), everything=True).count("\n- 2: ") == 100
    told = read(run).to_json()["iterations"][1]
    assert len(told["tools"]) == 64
    assert len(json.dumps(told)) < 64 * 6_000
    assert all(text.replace("\n", "").isprintable() for use in told["tools"] for text in list(use.values())[:3])
