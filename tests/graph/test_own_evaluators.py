"""Searches with functions of a user's own: in worker processes by their names, and in this process as objects."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import genius
import pytest

SPACE = {"width": [8, 16, 32, 64], "lr": (1e-4, 1e-1)}
SCRIPT = '''
import os, pathlib, random, sys, threading, time

import genius

SPACE = {"width": [8, 16, 32, 64], "lr": (1e-4, 1e-1)}


def counted(config, trial):
    """Wait until another evaluation runs beside this one: alone it would wait for ever."""
    place = pathlib.Path(trial.folder).parents[1]
    (trial.folder / "here").touch()
    end = time.monotonic() + 60
    while len(list(place.glob("*/files/here"))) < 2:
        assert time.monotonic() < end
        time.sleep(0.02)
    return config["width"]


def train(config, trial):
    """Train in 20 epochs, on from the last one that was saved."""
    saved = trial.folder / "epoch"
    done = int(saved.read_text()) if saved.exists() else 0
    value = sum(random.Random(epoch).random() for epoch in range(done))
    for epoch in range(done, 20):
        time.sleep(0.02)
        value += random.Random(epoch).random()
        trial.report(epoch + 1, value * config["width"] * config["lr"], epochs=20)
        (trial.folder / "partial").write_text(str(epoch + 1))
        (trial.folder / "partial").replace(saved)


def hostile(config, trial):
    """Do each time something else that is bad, by the number of evaluations before."""
    at = len(list(pathlib.Path(trial.folder).parents[1].iterdir())) - 1
    ways = [
        lambda: os._exit(3),
        lambda: os.kill(os.getpid(), 11),
        lambda: sys.exit("left"),
        lambda: float("nan"),
        lambda: {}["missing"],
        lambda: time.sleep(3000),
        lambda: [print("x" * 1_000_000) for _ in range(1_000)] and time.sleep(3000),
        lambda: bytearray(b"x" * 2_000_000_000) and time.sleep(3000),
    ]
    return ways[at]() if at < len(ways) else config["width"]
'''


@pytest.fixture
def script(tmp_path, monkeypatch):
    """Write the functions into a folder where workers find them, and go there."""
    (tmp_path / "own_script_of_tests.py").write_text(SCRIPT)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("GENIUS_STATE", str(tmp_path / "state"))
    return tmp_path


def candidates(result):
    return result.trials[0].candidates


async def searched(evaluator, space=SPACE, **options):
    asked = {"proposer": "random", "seed": 0, "iterations": 3, "trace": False, **options}
    return await genius.search(space, evaluator=evaluator, **asked)


# --- in worker processes


async def test_as_many_evaluations_as_workers_run_at_once_in_processes_of_their_own(script):
    result = await searched("own_script_of_tests:counted", workers=2, iterations=2, run="run")
    assert [candidate.error for candidate in candidates(result)] == [None, None]
    assert "torch" not in (script / "run" / "candidates.jsonl").read_text()


@pytest.mark.timeout(600)
async def test_each_hostile_evaluation_is_a_failed_candidate_and_the_search_goes_on(script):
    asked = {"iterations": 9, "deadline": 6.0, "worker_memory": "1G", "run": "run"}
    result = await searched("own_script_of_tests:hostile", **asked)
    measured = [candidate.measurement for candidate in candidates(result)]
    assert [one.failure for one in measured] == [
        "crashed",
        "crashed",
        "raised",
        "diverged",
        "raised",
        "timed out",
        "too much output",
        "out of memory",
        None,
    ]
    assert all(one.error for one in measured[:-1])
    assert result.best.value == measured[-1].value


SEARCH = """
import asyncio, sys
import genius
asked = {"proposer": "random", "seed": 0, "iterations": 4, "workers": 2, "trace": False}
asyncio.run(genius.search("own_script_of_tests:SPACE", evaluator="own_script_of_tests:train", run=sys.argv[1], **asked))
"""
RESUME = "import asyncio, sys, genius; asyncio.run(genius.resume(sys.argv[1], trust=True))"


def started(run):
    code = RESUME if (run / "search.json").exists() else SEARCH
    return subprocess.Popen([sys.executable, "-c", code, str(run)])


def workers_of(parent):
    listed = subprocess.run(["ps", "-ww", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in listed.splitlines()]
    family = {parent}
    for _ in range(4):
        family |= {int(row[0]) for row in rows if int(row[1]) in family}
    return [int(row[0]) for row in rows if int(row[0]) in family and "genius.evaluators.worker" in row[2]]


def kill(search, rng, kind):
    """Kill the search, one of its workers, or both."""
    victims = workers_of(search.pid)
    if kind != "search" and victims:
        os.kill(rng.choice(victims), signal.SIGKILL)
    if kind != "worker":
        search.kill()
        search.wait()


@pytest.mark.timeout(900)
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_kills_of_workers_and_searches_end_with_the_values_of_an_undisturbed_run(script):
    rng, run = random.Random(5), script / "run"
    kinds = ["worker", "search", "both", "worker"] * 3
    search = started(run)
    for kind in kinds:
        time.sleep(rng.uniform(0.3, 1.2))
        if search.poll() is not None:
            assert search.returncode == 0 or not (run / "search.json").exists()
            search = started(run)
        kill(search, rng, kind)
        if kind != "worker":
            search = started(run)
    search.wait(300)
    subprocess.run([sys.executable, "-c", RESUME, str(run)], check=True)
    whole = started(script / "whole")
    assert whole.wait(300) == 0
    found, expected = (
        [(c["architecture"], c["measurement"]["value"], c["measurement"]["curve"], c["error"]) for c in lines(folder)]
        for folder in (run, script / "whole")
    )
    assert sorted(found) == sorted(expected)


def lines(run):
    return [json.loads(line) for line in (run / "candidates.jsonl").read_text().splitlines()]


# --- in this process


async def test_a_blocking_function_runs_in_as_many_threads_as_there_are_workers(tmp_path):
    meeting = threading.Barrier(3)

    def evaluate(config):
        meeting.wait(60)  # alone it would wait for ever
        return config["width"]

    result = await searched(evaluate, workers=3, run=tmp_path / "run")
    assert [candidate.error for candidate in candidates(result)] == [None] * 3


async def test_an_object_gets_a_trial_reports_and_keeps_its_files(tmp_path):
    told, held = [], object()

    def evaluate(config, trial):
        assert held is not None
        (trial.folder / "kept").write_text("x")
        for epoch in range(3):
            trial.report(epoch, config["width"] + epoch, loss=0.5)

    def progress(step):
        told.append(step.epoch)

    result = await searched(evaluate, iterations=1, run=tmp_path / "run", progress=progress)
    (candidate,) = candidates(result)
    width = candidate.values["width"]
    assert (candidate.value, candidate.measurement.curve) == (width + 2, (width, width + 1, width + 2))
    assert candidate.measurement.metrics == {"loss": 0.5}
    assert [epoch.epoch for epoch in told if epoch] == [0, 1, 2]
    assert len(list((tmp_path / "run").glob("evaluations/trial-1/*/files/kept"))) == 1


async def generating(config):
    for epoch in range(3):
        await asyncio.sleep(0)
        yield {"score": config["width"] + epoch}


def generated(config):
    for epoch in range(3):
        yield {"score": config["width"] + epoch}


async def awaited(config):
    return {"score": config["width"] + 2}


@pytest.mark.parametrize("evaluate", [generating, generated, awaited])
async def test_coroutines_and_generators_run_here_too(tmp_path, evaluate):
    result = await searched(evaluate, iterations=1, run=tmp_path / "run")
    (candidate,) = candidates(result)
    assert candidate.value == candidate.values["width"] + 2


def leaves(config):
    sys.exit("left")


async def leaves_later(config):
    sys.exit("left")


def is_nan(config):
    yield {"score": float("nan")}


def sleeps(config):
    time.sleep(30)


async def sleeps_later(config):
    await asyncio.sleep(30)


@pytest.mark.parametrize(
    ("evaluate", "failure", "error"),
    [
        (leaves, "raised", "SystemExit: left (test_own_evaluators.py:"),
        (leaves_later, "raised", "SystemExit: left (test_own_evaluators.py:"),
        (is_nan, "diverged", "the evaluation diverged: score is nan in epoch 1"),
        (
            sleeps,
            "timed out",
            "evaluation took longer than 0.5 s (no epoch ended); a thread cannot be ended: it runs on",
        ),
        (sleeps_later, "timed out", "evaluation took longer than 0.5 s (no epoch ended)"),
    ],
)
async def test_failures_here_are_those_of_a_worker(tmp_path, evaluate, failure, error):
    result = await searched(evaluate, iterations=1, deadline=0.5, run=tmp_path / "run")
    (candidate,) = candidates(result)
    assert (candidate.measurement.failure, candidate.error[: len(error)]) == (failure, error)


async def test_a_named_function_runs_here_where_that_is_asked_for(script):
    (script / "here_of_tests.py").write_text("import os\ndef pid(config): return os.getpid()")
    here = await searched("here_of_tests:pid", iterations=1, in_process=True, run="here")
    there = await searched("here_of_tests:pid", iterations=1, run="there")
    assert candidates(here)[0].value == os.getpid() != candidates(there)[0].value
    assert here.settings.run.custom == []
    with pytest.raises(genius.GeniusError, match="in_process runs a function of your own in this process"):
        await searched(None, iterations=1, command="true", in_process=True, run="none")


async def test_options_that_are_objects_reach_a_function(script):
    (script / "objects_of_tests.py").write_text(
        "import genius\n"
        "SPACE = genius.SearchSpace('objects', (genius.Decision('kind', (int, float)),))\n"
        "def evaluate(config): return float(config['kind'] in (int, float))\n"
    )
    named = await searched("objects_of_tests:evaluate", "objects_of_tests:SPACE", iterations=2, run="named")
    assert [candidate.value for candidate in candidates(named)] == [1.0, 1.0]
    space = genius.SearchSpace("mine", (genius.Decision("kind", (int, float)),))
    with pytest.raises(genius.GeniusError, match="name the space as MODULE:NAME, or run the function here"):
        await searched("objects_of_tests:evaluate", space, run="object")


@pytest.mark.parametrize("code", ["def f(): pass", "def f(a, b, c): pass", "f = 3", "def f(a, b, trial): pass"])
async def test_what_cannot_be_called_as_an_evaluator_is_refused(script, code):
    (script / "bad.py").write_text(code)
    with pytest.raises(
        genius.GeniusError,
        match=r"of a configuration, and perhaps of a trial|takes a configuration, and perhaps the trial",
    ):
        await searched(f"{script / 'bad.py'}:f", run="run")


def test_run_folders_may_hold_links_among_a_user_s_own_files(script):
    kept = script / "run" / "evaluations" / "trial-1" / "00-seed0" / "files"
    kept.mkdir(parents=True)
    (kept / "latest").symlink_to("nothing")
    from genius.graph.run_folder import _OWN
    from genius.record.files import NotPlain, check_folder

    check_folder(script / "run", _OWN)
    (kept.parent / "link").symlink_to("nothing")
    with pytest.raises(NotPlain):
        check_folder(Path("run"), _OWN)
