"""The command `genius latency`, and searches that hold a limit against the look-up that it wrote."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from genius.graph import sampling
from genius.record.measurement import Measurement
from genius.record.settings import MeasureSettings
from genius.spaces import get_space
from genius.spaces.objective import LATENCY
from genius.spaces.region import PredictedCost
from genius.tables.cost_table import read_cost_table, write_cost_table

HERE = Path(__file__).parent
MACRO = get_space("nas-bench-macro")


@pytest.fixture
def run(command_line, monkeypatch):
    """Return a function that runs the program in a folder of the test, where `measured` is found."""
    monkeypatch.syspath_prepend(HERE / "evaluators")
    monkeypatch.setenv("PYTHONPATH", str(HERE / "evaluators"), prepend=os.pathsep)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments, code=0):
        done = command_line(*arguments)
        assert done.returncode == code, done.stderr
        return done.stdout if code == 0 else done.stderr

    return run


def test_one_network_is_measured(run):
    found = json.loads(run("latency", "measured:PLAIN", "10", "--measure", "memory", "--json"))
    assert found["memory"] == pytest.approx(4e-6 * (52_000 + 16 + 4_000))
    assert "PyTorch, batches of 1" in found["conditions"]
    assert run("latency", "measured:PLAIN", "00", "--on-seconds", "0.2").startswith("latency ")


def test_a_network_that_cannot_be_measured_is_told_in_a_sentence(run):
    said = run("latency", "measured:FAILING", "00", code=1)
    assert said.strip() == "genius: [0, 0] cannot be measured: [0, 0] cannot be built: ValueError: no such layer"


def test_wrong_arguments_are_refused(run):
    assert "got --samples 3" in run("latency", "digits", "--samples", 3, code=2)
    assert "leave --runtime onnx" in run("latency", "digits", "--runtime", "onnx", "--on-device", "cuda", code=2)
    assert "there is no measure 'warmth'" in run("latency", "digits", "--measure", "warmth", code=2)


async def test_a_look_up_is_fitted_to_a_sample_by_the_tests_own_clock(tmp_path, monkeypatch):
    """No time is measured here: the clock is additive, and the fit finds it."""

    def clock(rows):
        return 3.0 + 0.5 * np.asarray(rows).sum(axis=-1)

    class Meter:
        async def __call__(self, architecture):
            if architecture == first[0]:
                return Measurement(error="it crashed")
            value = float(clock(architecture))
            return Measurement(value, metrics={"latency": value}, device="clock")

        def keep_in(self, folder):
            assert folder.is_dir()

    class Opened:
        def __init__(self, *arguments):
            self.meter = Meter()

        async def __aenter__(self):
            return self

        async def __aexit__(self, *_):
            return None

    first, seen = [], []
    first.append(tuple(sampling._distinct(MACRO, 40, 0)[0].tolist()))
    monkeypatch.setattr(sampling, "open_measures", Opened)
    made = await sampling.fit_look_up(
        "nas-bench-macro", "latency", 40, MeasureSettings(), told=lambda architecture, found: seen.append(found.error)
    )
    assert (made.samples, len(seen), seen.count("it crashed")) == (39, 40, 1)
    others = MACRO.draw(np.random.default_rng(5), 200)
    assert np.abs(made.cost.amounts(MACRO, others) - clock(others)).max() < 0.05
    assert made.cost.within < 0.05
    assert made.conditions == "clock, PyTorch, batches of 1"
    write_cost_table(tmp_path / "l.json", made.cost, made.space, made.conditions, made.samples)
    assert read_cost_table(tmp_path / "l.json", MACRO)[1].samples == 39


@pytest.fixture
def table(tmp_path):
    """Write a look-up by which every option of NAS-Bench-Macro adds a millisecond more than the one before."""
    terms = tuple(((at,), np.arange(3.0)) for at in range(8))
    cost = PredictedCost(LATENCY, 1.0, terms, 0.02, 0.05)
    write_cost_table(tmp_path / "l.json", cost, MACRO, "CPU (1 thread), PyTorch, batches of 1", 60)
    keys = {MACRO.key(architecture): 50.0 + sum(architecture) for architecture in MACRO.architectures()}
    (tmp_path / "accuracies.json").write_text(json.dumps(keys))
    return tmp_path / "l.json"


SEARCH = ("search", "nas-bench-macro", "--table", "accuracies.json", "--latency-table", "l.json", "--run", "run")


@pytest.mark.parametrize("proposer", ["random", "largest", "local-search", "evolution", "guided"])
def test_every_proposer_keeps_a_limit_on_a_predicted_latency(run, table, tmp_path, proposer):
    run(*SEARCH, "--limit", "latency", "-", 6, "--proposer", proposer, "--iterations", 6)
    lines = [json.loads(line) for line in (tmp_path / "run" / "candidates.jsonl").read_text().splitlines()]
    assert [line["cost"]["named"]["latency"] <= 6 for line in lines] == [True] * 6
    assert not any(line["refusals"] for line in lines)
    assert not (tmp_path / "run" / "measures.jsonl").exists()
    shown = run("show", "run")
    assert "latency at most 6, latency as " in shown


def test_a_look_up_that_was_changed_is_noticed(run, table):
    run(*SEARCH, "--limit", "latency", "-", 6, "--proposer", "random", "--iterations", 2)
    table.write_text(table.read_text().replace('"samples": 60', '"samples": 61'))
    assert "was changed since the run began" in run("resume", "run", "--iterations", 3, code=2)
    run("resume", "run", "--iterations", 3, "--latency-table", "l.json")


def test_a_limit_that_no_prediction_keeps_is_told_before_anything_is_written(run, table, tmp_path):
    said = run(*SEARCH, "--limit", "latency", "-", 0.5, "--proposer", "random", code=2)
    assert "no architecture of nas-bench-macro keeps the limits: latency at most 0.5 ms" in said
    assert "its latency goes from 1 to 17" in said
    assert not (tmp_path / "run").exists()
