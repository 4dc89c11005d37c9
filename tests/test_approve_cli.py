"""`--approve` at the terminal: what is shown, what may be typed, and what follows where nobody answers."""

import io
import json
import subprocess
import sys

import pytest
from genius.cli.asking import read_approval


@pytest.fixture
def genius(command_line, monkeypatch):
    def run(*arguments, typed=""):
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(typed.encode())))
            return command_line(*arguments)

    return run


def lines(tmp_path):
    return [json.loads(line) for line in (tmp_path / "run" / "candidates.jsonl").read_text().splitlines()]


def test_answers_are_typed(genius, tables, tmp_path):
    search = ("search", "nas-bench-macro", "--proposer", "random", "--downloads", tables, "--run", "run")
    typed = "yes\nno too small\nperhaps\n[2, 2, 2, 2, 2, 2, 2, 2]\n"
    done = genius(*search, "--iterations", 2, "--approve", typed=typed)
    assert done.returncode == 0, done.stderr
    assert "iteration 1 proposes [" in done.stderr
    assert "That is no answer: an answer is" in done.stderr
    first, second = lines(tmp_path)
    assert (first["repair"], first["refusals"]) == (None, [])
    assert (second["architecture"], second["repair"]["by"]) == ([2] * 8, "person")
    assert second["refusals"][0]["reason"].endswith(": too small")
    assert "(changed by a person from [" in " ".join(done.stdout.split())
    shown = " ".join(genius("show", "run", "--downloads", tables).stdout.split())
    assert "(changed by a person from [" in shown


def test_without_anybody_at_the_terminal_the_run_pauses(genius, tables, tmp_path):
    search = ("search", "nas-bench-macro", "--proposer", "random", "--downloads", tables, "--run", "run")
    done = genius(*search, "--iterations", 2, "--approve")
    assert (done.returncode, done.stdout) == (1, "")
    said = done.stderr.splitlines()[-1]
    assert said.startswith("genius: the run waits for an answer: Train [")
    assert "`genius resume run`" in said
    assert genius("resume", "run", "--downloads", tables, typed="y\n").returncode == 1
    assert len(lines(tmp_path)) == 1
    assert genius("resume", "run", "--downloads", tables, "--no-approve").returncode == 0
    assert len(lines(tmp_path)) == 2


def test_the_question_is_asked_again_after_a_kill(genius, tables, tmp_path):
    search = ("search", "nas-bench-macro", "--proposer", "random", "--iterations", "2", "--approve", "--run", "run")
    command = [sys.executable, "-m", "genius", *search, "--downloads", str(tables)]
    asked = subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with asked:
        while not (line := asked.stderr.readline()).startswith("iteration 1 proposes"):
            assert line
        asked.kill()
    done = genius("resume", "run", "--downloads", tables, typed="y\ny\n")
    assert (done.returncode, len(lines(tmp_path))) == (0, 2)
    assert line in done.stderr


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("yes\n", {"answer": "yes"}),
        (" Y \n", {"answer": "yes"}),
        ("no\n", {"answer": "no", "reason": ""}),
        ("No: it is too deep\n", {"answer": "no", "reason": "it is too deep"}),
        ("[0, 1]\n", {"answer": "edit", "architecture": [0, 1]}),
        ('{"answer": "yes"}\n', {"answer": "yes"}),
        ("yes please\n", "yes please"),
        ("\n", ""),
        ("[" * 100_000, "[" * 100_000),
    ],
)
def test_what_is_typed_is_read(line, answer):
    assert read_approval(line) == answer
