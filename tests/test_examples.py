"""The examples, run as their docstrings say, in a folder of a user's."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import genius as genius_package
import pytest
from genius.plugins import import_object

ROOT = Path(__file__).parents[1]
CONSTANT = "def evaluate(architecture): return 50.0"


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


@pytest.fixture
def genius(command_line, monkeypatch):
    """Run a command in this process, in a folder that sees the examples as above; return its output."""
    monkeypatch.syspath_prepend(ROOT)
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)

    def genius(*words):
        done = command_line(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return genius


def best_of(output):
    return json.loads(output)["best"]


def test_a_space_brings_its_data_set_and_its_recipe(genius):
    search = ("search", "examples.own_space:SPACE", "--proposer", "largest", "--iterations", 1, "--json")
    best = best_of(genius(*search))
    assert best["accuracy"] > 50
    assert best["test_accuracy"] > 50


def test_values_are_tuned_within_a_measured_limit(run):
    assert "% of errors, {'vectors': " in run(ROOT / "examples" / "tune.py")


def test_a_search_is_asked_and_told_and_goes_on_where_it_was_stopped(run, tmp_path):
    first = run(ROOT / "examples" / "ask_and_tell.py").splitlines()
    assert sorted(int(line.partition(":")[0]) for line in first[:-1]) == list(range(1, 13))
    journal = tmp_path / "runs" / "neighbours" / "candidates.jsonl"
    values = [json.loads(line)["measurement"]["value"] for line in journal.read_text().splitlines()]
    assert first[-1].startswith(f"best: {max(values):.2f}% with ")
    assert run(ROOT / "examples" / "ask_and_tell.py").splitlines() == first[-1:]


def test_accuracy_and_latency_are_searched_together_without_code(genius, tmp_path):
    objectives = ("--objective", "accuracy", "--objective", "latency", "--on-device", "cpu", "--pareto")
    search = ("search", "digits", *objectives, "--proposer", "guided", "--set", "epochs=1", "--on-seconds", 1)
    shown = genius(*search, "--limit", "latency", "-", 1000, "--iterations", 1, "--run", "run")
    assert "measured limits: latency at most 1000 ms; 0 of 1 measured are not feasible" in " ".join(shown.split())
    lines = [json.loads(line) for line in (tmp_path / "run" / "candidates.jsonl").read_text().splitlines()]
    metrics = [line["measurement"]["metrics"] for line in lines]
    assert all(each["latency"] > 0 and each["latency sd"] >= 0 for each in metrics)


async def test_the_front_of_accuracy_and_latency_is_printed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(genius_package, "search", partial(genius_package.search, set=("epochs=1",), on_seconds=1))
    await import_object(f"{ROOT / 'examples' / 'latency.py'}:front", "example")(1000, 1)
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 1
    assert "%, " in printed[0]
    assert printed[0].endswith(" ms")


def test_traces_go_to_a_file_of_one_s_own(run, tmp_path):
    run(ROOT / "examples" / "trace_sink.py")
    lines = [json.loads(line) for line in (tmp_path / "traces.jsonl").read_text().splitlines()]
    assert [line["name"] for line in lines if line["depth"] == 0] == [f"space iteration {at}" for at in (1, 2, 3)]
    assert [line["name"] for line in lines[1:5]] == ["reflector", "proposer", "validator", "trainer"]


@pytest.mark.parametrize("command", ["search", "resume", "fork"])
def test_a_sink_is_named_on_the_command_line(genius, tmp_path, command):
    search = ("search", "digits", "--evaluator", "constant:evaluate", "--proposer", "random", "--iterations", 2)
    (tmp_path / "constant.py").write_text(CONSTANT)
    if command != "search":
        genius(*search, "--run", "run")
    go_on = {"search": search, "resume": ("resume", "run", "--iterations", 3), "fork": ("fork", "run", "--at", 1)}
    again = () if command == "search" else ("--evaluator", "constant:evaluate")
    genius(*go_on[command], *again, "--callback", "examples.trace_sink:SINK")
    names = [json.loads(line)["name"] for line in (tmp_path / "traces.jsonl").read_text().splitlines()]
    assert [name for name in names if "iteration" in name][-1] == f"digits iteration {3 if command == 'resume' else 2}"


def test_a_network_is_a_space_by_its_name_and_as_an_edited_file(genius, tmp_path):
    limits = ("--recipe", "digits", "--set", "epochs=1", "--proposer", "random", "--iterations", 1, "--json")
    search = ("--data", "digits", "--flops", "-", "6M", *limits)
    assert best_of(genius("search", "examples.from_network:SPACE", *search))["accuracy"] is not None
    text = genius("spaces", "--of", "examples.from_network:network", "--input", 1, 8, 8)
    edited = [line for line in text.splitlines() if "width" in line or not line.startswith("  ")]
    (tmp_path / "space.yaml").write_text("\n".join(edited))
    found = best_of(genius("search", "space.yaml", *search))
    assert found["accuracy"] is not None
    assert all(name.endswith("width") for name in found["values"])


def test_a_script_is_a_space_and_a_generator_that_goes_on_from_its_checkpoint(genius, tmp_path):
    search = ("search", ROOT / "examples" / "own_script.py", "--proposer", "random", "--iterations", 1, "--json")
    assert best_of(genius(*search, "--run", "run"))["value"] > 20
    lines = [json.loads(line) for line in (tmp_path / "run" / "candidates.jsonl").read_text().splitlines()]
    assert [len(line["measurement"]["curve"]) for line in lines] == [5]
    assert len(list((tmp_path / "run").glob("evaluations/*/*/files/checkpoint.pt"))) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no shell scripts")
def test_a_shell_script_and_a_space_in_a_file_are_enough(genius, tmp_path):
    shutil.copytree(ROOT / "examples" / "own_command", tmp_path, dirs_exist_ok=True)
    command = ("--command", "./train.sh {depth} --rate {rate} --decay {decay}", "--objective", "error:lower")
    search = ("search", "space.yaml", *command, "--proposer", "largest", "--iterations", 3, "--run", "run", "--json")
    best = best_of(genius(*search))
    assert best["value"] > 0
    lines = [json.loads(line) for line in (tmp_path / "run" / "candidates.jsonl").read_text().splitlines()]
    assert [line["error"] for line in lines] == [None] * 3
    assert [len(line["measurement"]["curve"]) for line in lines] == [3] * 3


def test_gradient_boosting_is_tuned_over_logarithms_whole_numbers_and_a_condition(genius, tmp_path):
    search = ("search", ROOT / "examples" / "boosting.py", "--objective", "log_loss:lower", "--proposer", "guided")
    best = best_of(genius(*search, "--iterations", 3, "--threads", 1, "--run", "run", "--json"))
    assert 0 < best["value"] < 0.7
    lines = [json.loads(line) for line in (tmp_path / "run" / "candidates.jsonl").read_text().splitlines()]
    assert all(50 < line["measurement"]["metrics"]["accuracy"] <= 100 for line in lines)


def test_the_side_by_side_of_mixed_spaces_prints_a_table(run):
    pytest.importorskip("optuna")
    printed = run(ROOT / "benchmarks" / "mixed_space.py", "drawn", 2).splitlines()
    assert printed[0] == "| drawn, 2 seeds | best of 5 | best of 10 | best of 15 |"
    assert [line.split(" | ")[0] for line in printed[2:7]] == [
        "| guided",
        "| TPE",
        "| random",
        "| TPE minus guided",
        "| random minus guided",
    ]


def test_the_page_on_data_is_true(run, tmp_path):
    code, search = re.findall(r"```(?:python)?\n(.*?)```", (ROOT / "docs" / "data.md").read_text(), re.DOTALL)[:2]
    (tmp_path / "mine.py").write_text(code)
    words = shlex.split(search.replace("--iterations 4", "--iterations 1 --json --run run"))
    assert words[0] == "genius"
    assert best_of(run("-m", *words))["accuracy"] > 50
    (job, *_) = (tmp_path / "run").glob("evaluations/*/*/job.json")
    assert json.loads(job.read_text())["found"]["train"] == 162


def test_the_docs_show_the_code_of_the_examples():
    shown = (ROOT / "docs" / "own-script.md").read_text()
    for file, begin in (
        ("own_script.py", "from collections"),
        ("own_command/space.yaml", "words:"),
        ("own_command/train.sh", "#!"),
    ):
        text = (ROOT / "examples" / file).read_text()
        assert text[text.index(begin) :].rstrip() in shown
