"""The examples, run as their docstrings say, in a folder of a user's."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SRUN = '#!/bin/sh\nwhile [ "${1#--}" != "$1" ]; do echo "$1" >> srun.txt; shift; done\nexec "$@"\n'
MINE = "def evaluate(architecture): return 50.0"


@pytest.fixture
def run(tmp_path):
    """Run Python in a folder that sees the examples as the root of the repository does; return its output."""

    def run(*arguments, **environment):
        paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        inherited = {name: value for name, value in os.environ.items() if name != "OPENAI_API_KEY"}
        inherited |= {"PYTHONPATH": os.pathsep.join(paths)} | environment
        command = [sys.executable, *map(str, arguments)]
        done = subprocess.run(
            command, cwd=tmp_path, env=inherited, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def best_of(output):
    return json.loads(output)["best"]


def test_a_space_brings_its_data_set_and_its_recipe(run):
    search = ("search", "examples.own_space:SPACE", "--proposer", "largest", "--iterations", 1, "--json")
    best = best_of(run("-m", "genius", *search))
    assert best["accuracy"] > 50
    assert best["test_accuracy"] > 50


def test_values_are_tuned_within_a_measured_limit(run):
    assert "% of errors, {'vectors': " in run(ROOT / "examples" / "tune.py")


def test_accuracy_and_latency_are_searched_together(run, tmp_path):
    objectives = ("--objective", "accuracy", "--objective", "examples.latency:LATENCY", "--pareto")
    search = ("search", "digits", "--evaluator", "examples.latency:evaluate", *objectives, "--proposer", "guided")
    run("-m", "genius", *search, "--limit", "latency", "-", 1000, "--iterations", 2, "--run", "run")
    lines = [json.loads(line) for line in (tmp_path / "run" / "candidates.jsonl").read_text().splitlines()]
    assert all(line["measurement"]["metrics"]["latency"] > 0 for line in lines)


@pytest.mark.skipif(sys.platform == "win32", reason="Slurm runs on Linux alone")
def test_trainings_are_run_by_srun(run, tmp_path):
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "srun").write_text(SRUN)
    (programs / "srun").chmod(0o755)
    search = ("search", "digits", "--proposer", "random", "--iterations", 1, "--set", "epochs=1", "--json")
    path = os.pathsep.join([str(programs), os.environ["PATH"]])
    best = best_of(run("-m", "genius", *search, "--on", "examples.slurm:SlurmWithGpu", PATH=path))
    assert best["accuracy"] is not None
    assert (tmp_path / "srun.txt").read_text().split() == [
        "--ntasks=1",
        "--quit-on-interrupt",
        "--gpus=1",
        "--cpus-per-task=8",
    ]


def test_traces_go_to_a_file_of_one_s_own(run, tmp_path):
    run(ROOT / "examples" / "trace_sink.py")
    lines = [json.loads(line) for line in (tmp_path / "traces.jsonl").read_text().splitlines()]
    assert [line["name"] for line in lines if line["depth"] == 0] == [f"space iteration {at}" for at in (1, 2, 3)]
    assert [line["name"] for line in lines[1:5]] == ["reflector", "proposer", "validator", "trainer"]


@pytest.mark.parametrize("command", ["search", "resume", "fork"])
def test_a_sink_is_named_on_the_command_line(run, tmp_path, command):
    search = ("search", "digits", "--evaluator", "mine:evaluate", "--proposer", "random", "--iterations", 2)
    (tmp_path / "mine.py").write_text(MINE)
    if command != "search":
        run("-m", "genius", *search, "--run", "run")
    go_on = {"search": search, "resume": ("resume", "run", "--iterations", 3), "fork": ("fork", "run", "--at", 1)}
    again = () if command == "search" else ("--evaluator", "mine:evaluate")
    run("-m", "genius", *go_on[command], *again, "--callback", "examples.trace_sink:SINK")
    names = [json.loads(line)["name"] for line in (tmp_path / "traces.jsonl").read_text().splitlines()]
    assert [name for name in names if "iteration" in name][-1] == f"digits iteration {3 if command == 'resume' else 2}"


def test_a_network_is_a_space_by_its_name_and_as_an_edited_file(run, tmp_path):
    limits = ("--recipe", "digits", "--set", "epochs=1", "--proposer", "random", "--iterations", 1, "--json")
    search = ("--data", "digits", "--flops", "-", "6M", *limits)
    assert best_of(run("-m", "genius", "search", "examples.from_network:SPACE", *search))["accuracy"] is not None
    text = run("-m", "genius", "spaces", "--of", "examples.from_network:network", "--input", 1, 8, 8)
    edited = [line for line in text.splitlines() if "width" in line or not line.startswith("  ")]
    (tmp_path / "space.yaml").write_text("\n".join(edited))
    found = best_of(run("-m", "genius", "search", "space.yaml", *search))
    assert found["accuracy"] is not None
    assert all(name.endswith("width") for name in found["values"])
