"""`genius bench`, and what `genius show` says of a model, as a user types them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

MAIN = "from genius.cli import main; main()"


@pytest.fixture
def genius(command_line, in_this_process, monkeypatch):
    """Return a function that runs the command in an empty folder."""
    monkeypatch.setenv("COLUMNS", "80")
    return command_line


def test_a_bench_prints_tables_and_writes_a_report(genius, tables, tmp_path):
    asked = ("bench", "nas-bench-macro", "--proposers", "guided,random", "--seeds", "2", "--iterations", "2,3")
    done = genius(*asked, "--flops-cap", "50%", "--out", "b", "--downloads", tables)
    assert done.returncode == 0, done.stderr
    assert "nas-bench-macro ≤50% FLOPs" in done.stdout
    assert "rank − guided" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert done.stderr.splitlines()[-1] == "8/8 trials"
    assert (tmp_path / "b" / "regret.png").read_bytes().startswith(b"\x89PNG")
    again = genius(*asked, "--flops-cap", "50%", "--out", "b", "--downloads", tables, "--json")
    found = json.loads(again.stdout)
    assert len(found["results"]) == 2 * 2 * 2
    assert again.stderr.splitlines()[0] == "8/8 trials"  # nothing was made again


def test_on_a_narrow_terminal_no_number_of_a_bench_is_cut(genius, tables):
    asked = ("bench", "nas-bench-macro", "--proposers", "guided,random", "--seeds", "3", "--downloads", tables)
    done = genius(*asked, COLUMNS="50")
    assert done.returncode == 0, done.stderr
    table = done.stdout.split("3 seeds;")[0]
    assert "random" in table
    assert "±" in table
    assert "…" not in table
    assert max(map(len, table.splitlines())) <= 50


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("nowhere",), "there is no space 'nowhere'"),
        (("digits",), "digits has no table; the spaces with tables are: nas-bench-macro, "),
        (("nas-bench-macro", "--proposers", "gpt"), "there is no proposer 'gpt'"),
        (("nas-bench-macro", "--proposers", "llm:gpt"), "'gpt' names no language model"),
        (("nas-bench-macro", "--iterations", "ten"), "whole numbers with commas between, as in 10,20,50, got 'ten'"),
        (("nas-bench-macro", "--flops-cap", "half"), "a FLOPs cap is a percentage, as in 50%, got 'half'"),
        (("nas-bench-macro", "--table", "file.json"), "a table is named as SPACE=FILE, got 'file.json'"),
        (("nas-bench-macro", "--taus", "much"), "TAU is a number from -1 to 1, as in -0.5,0,0.3,0.6,0.9, got 'much'"),
        (("nas-bench-macro", "--taus", "-3,0"), "TAU is a number from -1 to 1, as in simulated:0.6, got '-3'"),
        (("nas-bench-macro", "--proposers", "guided+starts:none.json"), "the file of starts none.json is not there"),
    ],
)
def test_wrong_arguments_get_one_line_and_make_nothing(genius, tables, tmp_path, arguments, error):
    done = genius("bench", *arguments, "--seeds", "1", "--downloads", tables, "--out", "b")
    assert done.returncode == 2
    assert error in done.stderr.splitlines()[-1]
    assert done.stdout == ""
    assert not (tmp_path / "b" / "bench.md").exists()


def test_without_tables_it_says_where_they_come_from(genius, tmp_path):
    done = genius("bench", "nas-bench-macro", "--downloads", tmp_path)
    assert done.returncode == 2
    assert "get it with `genius fetch nas-bench-macro --downloads" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_bench_that_is_cut_off_goes_on_and_leaves_no_process(genius, tables, tmp_path, number):
    asked = ["bench", "nas-bench-macro", "--proposers", "guided,evolution", "--seeds", "4", "--out", "b"]
    command = [sys.executable, "-c", MAIN, *asked, "--downloads", str(tables)]
    options = {"stderr": subprocess.PIPE, "text": True, "start_new_session": True, "preexec_fn": _heed_interrupts}
    running = subprocess.Popen(command, cwd=tmp_path, **options)
    trials = tmp_path / "b" / "trials.jsonl"
    deadline = time.monotonic() + 60
    while not (trials.is_file() and trials.read_text().count("\n") >= 2) and time.monotonic() < deadline:
        time.sleep(0.05)
    # as a terminal does, to every process; a kill hits one
    (os.killpg if number == signal.SIGINT else os.kill)(running.pid, number)
    said = running.communicate(timeout=30)[1]
    told = [line for line in said.splitlines() if not line.endswith(" trials")]
    assert number == signal.SIGKILL or told == ["stopped: go on with the same command and `--out b`"]
    made = trials.read_text().count("\n")
    deadline = time.monotonic() + 30
    while _of_session(running.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not _of_session(running.pid)
    done = genius(*asked, "--downloads", tables)
    assert done.returncode == 0, done.stderr
    assert trials.read_text().count("\n") == 8
    assert made >= 2


def _heed_interrupts():
    """Undo what a process in the background inherits: it ignores SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _of_session(session):
    """Return the processes that are left of a session."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(stat.parent.name)
    return found


def _say(path, *architectures):
    turns = [({"role": "user", "content": "?"}, {"role": "assistant", "content": str(a)}) for a in architectures]
    path.write_text(json.dumps([message for turn in turns for message in turn]))


def test_show_says_where_a_models_run_stands(genius, tables, tmp_path):
    _say(tmp_path / "said.json", [2] * 8)
    asked = ("search", "nas-bench-macro", "--llm", "replay:said.json", "--iterations", "1", "--run", "r")
    done = genius(*asked, "--downloads", tables)
    assert done.returncode == 0, done.stderr
    shown = genius("show", "r", "--downloads", tables)
    assert shown.returncode == 0, shown.stderr
    assert "was the model worth it?" in shown.stdout
    assert "has test rank 21 among the 6,561 architectures" in " ".join(shown.stdout.split())
    found = json.loads(genius("show", "r", "--downloads", tables, "--json").stdout)
    assert found["worth"]["rank"] == 21
    assert {s["proposer"] for s in found["worth"]["standings"]} >= {"random", "guided"}


def test_advice_and_disguise_are_options_of_a_search(genius, tables, tmp_path):
    _say(tmp_path / "said.json", [2] * 8, [1] * 8)
    asked = ("search", "nas-bench-macro", "--llm", "replay:said.json", "--advice", "--disguise", "--iterations", "2")
    done = genius(*asked, "--run", "r", "--downloads", tables)
    assert done.returncode == 0, done.stderr
    settings = json.loads((tmp_path / "r" / "search.json").read_text())
    assert (settings["loop"]["advice"], settings["loop"]["disguise"], len(settings["run"]["meanings"])) == (
        True,
        True,
        8,
    )
    held = settings["run"]
    behind = zip(held["places"], held["meanings"], strict=True)
    real = [option for _, option in sorted((decision, options[2]) for decision, options in behind)]
    assert real != [2] * 8
    assert str(real) in done.stdout
