"""Ctrl-C at every moment of a command: one line, code 130, no traceback, no process left."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from .training.shapes import NAME as SHAPES
from .training.shapes import write_shapes

# only from here on it is ours: before, Python itself starts
PROGRAM = "import genius.cli; print('begun', flush=True); genius.cli.main()"
HANGING = """
import asyncio, genius.tables.fetch
async def hang(*_): await asyncio.sleep(600)
genius.tables.fetch._download = hang
"""
DELAYS = (0.05, 0.3, 0.7, 1.2, 2.0, 3.5)


@pytest.fixture
def interrupted(tmp_path):
    """Return a function that starts a command, sends it SIGINT after a delay, and returns what it said."""

    def run(*arguments, delay, before="", everybody=True):
        command = [sys.executable, "-c", before + PROGRAM, *map(str, arguments)]
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": tmp_path}
        options |= {"start_new_session": True, "preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
        running = subprocess.Popen(command, **options)
        assert running.stdout.readline() == "begun\n"
        time.sleep(delay)
        (os.killpg if everybody else os.kill)(running.pid, signal.SIGINT)
        out, said = running.communicate(timeout=60)
        assert (running.returncode, out) == (130, ""), said
        return [line for line in said.splitlines() if not line.endswith(" trials") and not line.startswith("epoch ")]

    return run


@pytest.mark.parametrize("everybody", [True, False], ids=["terminal", "one process"])
@pytest.mark.parametrize("delay", DELAYS)
def test_a_bench(delay, everybody, interrupted, tables):
    asked = (
        "bench",
        "nas-bench-macro",
        "nas-bench-201",
        "--proposers",
        "guided,evolution",
        "--out",
        "b",
        "--downloads",
        tables,
    )
    said = interrupted(*asked, delay=delay, everybody=everybody)
    assert said in (
        ["stopped: nothing was begun"],
        ["stopped: go on with the same command and `--out b`"],
    )


@pytest.mark.parametrize("delay", DELAYS[::2])
def test_a_training(delay, interrupted):
    said = interrupted("train", "digits", "[2, 2, 2, 2, 2, 2, 2, 2, 2]", "--set", "epochs=500", delay=delay)
    assert said in (["stopped: nothing was begun"], ["stopped: go on with the same command"])


@pytest.mark.parametrize("delay", DELAYS[::2])
def test_a_detector(delay, interrupted, tmp_path):
    pytest.importorskip("pycocotools")
    write_shapes(tmp_path / "shapes", train=40, validation=4)
    asked = ("detect", SHAPES, "[1]", "--scratch", "--data", "coco:shapes", "--set", "epochs=500")
    said = interrupted(*asked, delay=delay)
    assert said[-1:] in (["stopped: nothing was begun"], ["stopped: go on with the same command"])


@pytest.mark.parametrize("delay", DELAYS[1:4])
def test_a_baseline(delay, interrupted, tables):
    said = interrupted("baseline", "nas-bench-201", "--repetitions", 10_000_000, "--downloads", tables, delay=delay)
    assert said in (["stopped: nothing was begun"], ["stopped: a baseline is made anew each time"])


@pytest.mark.parametrize("delay", DELAYS[1:4])
def test_a_download(delay, interrupted, tmp_path):
    said = interrupted("fetch", "nas-bench-macro", "--downloads", tmp_path, delay=delay, before=HANGING)
    assert [line for line in said if "bytes" not in line] in (
        ["stopped: nothing was begun"],
        ["stopped: all that arrived is kept: fetch it again to go on"],
    )


@pytest.fixture
def run_of_a_model(tables, tmp_path):
    """Give the run of a recorded model: `show` makes its peers."""
    said = [{"role": "user", "content": "?"}, {"role": "assistant", "content": "[2,2,2,2,2,2,2,2]"}]
    (tmp_path / "said.json").write_text(json.dumps(said))
    asked = ("search", "nas-bench-macro", "--llm", "replay:said.json", "--iterations", "1", "--run", "r")
    command = [sys.executable, "-m", "genius", *asked, "--downloads", str(tables)]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    return "r"


@pytest.mark.parametrize("delay", DELAYS[1:5])
def test_a_look_at_a_run(delay, interrupted, run_of_a_model, tables):
    said = interrupted("show", run_of_a_model, "--downloads", tables, delay=delay)
    assert said in (
        ["stopped: nothing was begun"],
        ["stopped: finished trials of the peers are kept: show it again to go on"],
    )
