"""`genius paper` and `genius principles`, as a user types them."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

MAIN = "from genius.cli import main; main()"


@pytest.fixture
def genius(command_line, in_this_process, monkeypatch):
    """Return a function that runs the command in an empty folder."""
    monkeypatch.setenv("COLUMNS", "100")
    return command_line


@pytest.fixture
def said(tmp_path):
    """Write a recording of four proposals, behind which nothing is left."""
    architectures = [[2] * 8, [1] * 8, [2, 1, 2, 1, 2, 1, 2, 2], [1, 2, 2, 2, 2, 2, 2, 2]]
    replies = [*(f"Architecture: {architecture}" for architecture in architectures), "-"]
    turns = [({"role": "user", "content": "?"}, {"role": "assistant", "content": reply}) for reply in replies]
    (tmp_path / "said.json").write_text(json.dumps([message for turn in turns for message in turn]))
    return "replay:said.json"


def test_the_paper_is_made_again_offline(genius, tables, tmp_path, said):
    asked = ("paper", "macro", "--llm", said, "--trials", "2", "--temperatures", "0", "--downloads", tables)
    asked += ("--iterations", "10", "--max-replies", "4")
    done = genius(*asked, "--out", "p")
    assert done.returncode == 0, done.stderr
    assert "the paper's GPT-4" in done.stdout
    assert "random, best of 10" in done.stdout
    assert "report: p/paper.md" in done.stdout
    assert done.stderr.splitlines()[-1] == "20/20 iterations"
    command = "genius paper macro --llm replay:said.json --trials 2 --temperatures 0 --iterations 10 --max-replies 4"
    assert f"# {command} --out p" in (tmp_path / "p" / "paper.md").read_text()
    again = genius(*asked, "--out", "p", "--json")
    found = json.loads(again.stdout)
    assert [len(arm["trials"]) for arm in found["arms"]] == [2]
    assert found["source"].endswith("arXiv:2304.10970v4")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("micro",), "No such command 'micro'. Did you mean 'macro'?"),
        (("macro", "--temperatures", "warm"), "temperatures are numbers with commas between, as in 0,1, got 'warm'"),
        (("macro", "--repeat", "3", "--trials", "2"), "--repeat makes one plain search several times at temperature 0"),
    ],
)
def test_wrong_arguments_get_one_line(genius, tables, tmp_path, said, arguments, error):
    done = genius("paper", *arguments, "--llm", said, "--downloads", tables, "--out", "p")
    assert done.returncode == 2
    assert error in done.stderr.splitlines()[-1]
    assert not (tmp_path / "p").exists()


def test_a_killed_reproduction_goes_on_by_the_same_command(genius, tables, tmp_path, openai_server):
    cells = [[a, b, c, *[2] * 5] for a in range(3) for b in range(3) for c in range(3)]

    def answer(call):
        used = sum(message["role"] == "assistant" for message in call["messages"])
        return openai_server.says(f"Architecture: {cells[used]}", delay=0.05)

    openai_server.answer = answer
    asked = ["paper", "macro", "--llm", "openai:gpt-4", "--base-url", openai_server.url, "--trials", "2"]
    asked += ["--temperatures", "0", "--out", "p", "--downloads", str(tables)]
    running = subprocess.Popen([sys.executable, "-c", MAIN, *asked], cwd=tmp_path, start_new_session=True)
    journal = tmp_path / "p" / "nas-bench-macro" / "temperature-0" / "trial-2" / "candidates.jsonl"
    deadline = time.monotonic() + 120
    while not (journal.is_file() and journal.read_text().count("\n") >= 3) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(running.pid, signal.SIGKILL)
    running.wait(timeout=30)
    done = genius(*asked, "--json")
    assert done.returncode == 0, done.stderr
    (arm,) = json.loads(done.stdout)["arms"]
    one, other = [trial["accuracies"] for trial in arm["trials"]]
    assert one == other
    assert None not in one
    assert len(openai_server.calls) <= 20 + 1


def test_principles_are_printed_beside_the_measurements(genius, tables, tmp_path, openai_server):
    asked = ("search", "nas-bench-macro", "--proposer", "random", "--iterations", "12", "--run", "r")
    assert genius(*asked, "--downloads", tables).returncode == 0
    options = [{"decision": "layer 3", "option": 0, "claim": "worse"}]
    said = {"principles": [{"principle": "Keep the third layer.", "options": options}]}
    openai_server.answer = lambda call: openai_server.says(json.dumps(said))
    asked = ("principles", "r", "--llm", "openai:gpt-4o", "--base-url", openai_server.url)
    done = genius(*asked)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "the design principles of openai:gpt-4o, after 12 measurements"
    assert lines[1] == "1. Keep the third layer."
    assert "said to be worse; layer 3 = identity: " in done.stdout
    assert " by the surrogate" in done.stdout
    assert "claims: agreement " in done.stdout
    (trial,) = json.loads(genius(*asked, "--json").stdout)["trials"]
    assert trial["principles"][0]["options"][0]["name"] == "layer 3 = identity"
    assert sum(trial["counts"].values()) == 1
    assert len(openai_server.calls) == 1


def test_principles_without_a_model_are_an_error(genius, tables):
    asked = ("search", "nas-bench-macro", "--proposer", "random", "--iterations", "2", "--run", "r")
    genius(*asked, "--downloads", tables)
    done = genius("principles", "r")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "genius: r was searched without a language model: name one with --llm"
