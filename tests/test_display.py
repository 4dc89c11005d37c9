"""The display of a search while it runs."""

import asyncio
import io
from pathlib import Path

import genius
import pytest
from genius.graph.progress import Progress
from genius.record.candidate import Candidate
from genius.record.goal import GOAL, Goal
from genius.record.measurement import Measurement
from genius.report.display import Display, _epoch, _left
from genius.spaces.objective import Objective
from genius.training.job import Epoch
from rich.console import Console

LATENCY = Goal((Objective("latency", "ms", "lower", 0),))


@pytest.mark.parametrize(
    ("epoch", "goal", "words"),
    [
        (Epoch(3, 10, 91.25, 0.5, 1234.0), GOAL, "epoch 3/10: loss 0.500, 91.25%, 1,234 images/s"),
        (Epoch(3, 10, None, 0.5, 1234.0), GOAL, "epoch 3/10: loss 0.500, 1,234 images/s"),
        (Epoch(0, value=1.5, metrics={"loss": 0.25, "b": 2, "c": 3}), LATENCY, "epoch 0: 1.500 ms, loss 0.25, b 2"),
        (Epoch(7), LATENCY, "epoch 7"),
    ],
)
def test_an_epoch_is_told_by_what_is_known_of_it(epoch, goal, words):
    assert _epoch(epoch, goal) == words


@pytest.mark.parametrize(
    ("epoch", "words"),
    [
        (Epoch(1, 5, seconds=10.0), "40 s left"),
        (Epoch(2, 40, seconds=60.0), "19 min left"),
        (Epoch(5, 5, seconds=10.0), ""),
        (Epoch(3, seconds=10.0), ""),
        (Epoch(0, 5, seconds=10.0), ""),
    ],
)
def test_the_time_that_an_evaluation_needs_is_told_where_it_can_be(epoch, words):
    assert _left(epoch) == words


def lines_of(steps, *, live=False, width=100, **options):
    """Return what a display shows of steps: the lines that it printed, or the last view of a live one."""
    console = Console(file=io.StringIO(), width=width, force_terminal=live, color_system=None)
    with Display(console, 2, live=live, **options) as display:
        for step in steps:
            display(step)
        shown = display._view() if live else None
    if live:
        console = Console(file=io.StringIO(), width=width)
        console.print(shown)
    return console.file.getvalue().splitlines()


def step(stage, iteration=1, *, arm="model", value=None, tokens=0, **fields):
    measured = None if value is None else Measurement(value)
    given = {"rationale": "Deep [bold]networks[/bold]\nlearn \x1b[31mmore.", "arm": arm, "architecture": (1, iteration)}
    return Progress(stage, Candidate(1, iteration, **given, measurement=measured), tokens, run=Path("r"), **fields)


SEARCH = [
    step("proposing"),
    step("training", tokens=5),
    step("finished", value=90.0, tokens=5),
    step("finished", 2, value=80.0, arm="guided", tokens=5),
]


def test_lines_tell_what_is_waited_for_and_why_a_model_proposed_what_it_did():
    told = lines_of(SEARCH, model="openai:m")
    assert told[0] == "waiting for the first reply of openai:m"
    assert told[1].startswith("trial 1, iteration 1/2: [1, 1] 90.00% by model")
    assert told[2] == "- because: Deep [bold]networks[/bold] learn \\x1b[31mmore."
    assert len(told) == 4  # the guide's reason is its own


@pytest.mark.parametrize("options", [{"model": "openai:m", "quiet": True}, {}])
def test_a_quiet_search_and_one_without_a_model_tell_no_reasons(options):
    assert not any("because" in line for line in lines_of(SEARCH, **options))
    assert not any("because" in line for line in lines_of(SEARCH, live=True, **options))


def test_each_evaluation_in_flight_has_a_line_of_a_live_display():
    running = [step("epoch", at, epoch=Epoch(2, 6, 80.0 + at, 0.5, 1000.0, seconds=4.0)) for at in range(1, 19)]
    told = lines_of([step("proposing"), *running], live=True, model="openai:m")
    assert any("waiting for the first reply of openai:m" in line for line in told)
    assert [line.split("  ", 1)[1].strip() for line in told if "[1, 3]" in line] == [
        "epoch 2/6: loss 0.500, 83.00%, 1,000 images/s  8 s left"
    ]
    assert told[-1].strip() == "and 2 more"
    replied = lines_of([*SEARCH, *running], live=True, model="openai:m")
    assert not any("waiting" in line for line in replied)
    assert any("because: Deep" in line for line in lines_of(SEARCH[:3], live=True, model="openai:m"))


def test_a_live_display_fits_a_narrow_terminal():
    running = [step("epoch", epoch=Epoch(2, 6, 80.0, 0.5, 1000.0, seconds=4.0))]
    assert all(len(line) <= 40 for line in lines_of([*SEARCH, *running], live=True, width=40, model="openai:m"))


def test_each_step_of_a_search_names_one_run_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    seen = set()
    options = {"proposer": "random", "iterations": 1, "set": ("epochs=1",), "run": "r"}
    asyncio.run(genius.search("digits", progress=lambda step: seen.add((step.stage, step.run)), **options))
    assert ("epoch", Path("r")) in seen
    assert {run for _, run in seen} == {Path("r")}
