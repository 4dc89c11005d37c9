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
    done = genius(*asked, "--out", "p")
    assert done.returncode == 0, done.stderr
    assert "the paper's GPT-4" in done.stdout
    assert "random, best of 10" in done.stdout
    assert "report: p/paper.md" in done.stdout
    assert done.stderr.splitlines()[-1] == "20/20 iterations"
    assert (
        "# genius paper macro --llm replay:said.json --trials 2 --temperatures 0 --out p"
        in (tmp_path / "p" / "paper.md").read_text()
    )
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
