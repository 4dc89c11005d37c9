"""Standard output and standard error as shells hand them over: closed, full, cut off, or of few characters."""

import json
import os
import re
import subprocess
import sys

import pytest

COMMAND = f"{sys.executable} -m genius"


@pytest.fixture
def shell(tmp_path):
    """Return a function that runs a shell's line in an empty folder."""

    def run(line, **environment):
        words = ["bash", "-o", "pipefail", "-c", line.replace("genius ", f"{COMMAND} ")]
        return subprocess.run(
            words, cwd=tmp_path, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=120
        )

    return run


@pytest.mark.parametrize("line", ["genius spaces mobile-imagenet | true", "genius recipes | true"])
def test_a_reader_that_goes_away_gets_no_traceback(shell, line):
    done = shell(line)
    assert done.returncode in (0, 141)  # 0 where the reader was the slower one
    assert done.stderr == ""


def test_a_result_that_nobody_reads_ends_with_the_code_of_its_signal(shell, tables):
    asked = f"search nas-bench-macro --proposer random --iterations 2 --downloads {tables} --run r"
    assert shell(f"genius {asked} 2>/dev/null > >(true)").returncode == 141


def test_progress_that_nobody_reads_any_more_gets_no_traceback(shell, tables):
    asked = f"search nas-bench-macro --proposer random --iterations 200 --downloads {tables} --run r"
    done = shell(f"genius {asked} 2>&1 >/dev/null | head -1")
    assert done.stdout.startswith("trial 1, iteration 1/200: [")
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


def test_a_full_disk_behind_standard_output_is_said(shell):
    for line in ("genius spaces > /dev/full", "genius spaces mobile-imagenet > /dev/full"):
        done = shell(line)
        assert done.returncode == 1
        assert done.stderr == "genius: cannot print the result: No space left on device\n"


def test_a_standard_error_that_cannot_be_written_ends_no_search(shell, tables):
    asked = f"genius search nas-bench-macro --proposer random --iterations 5 --downloads {tables}"
    for line in (f"{asked} --run full --json 2> /dev/full", f"{asked} --run unread --json 2> >(true)"):
        done = shell(line)
        assert done.returncode == 0
        assert len(json.loads(done.stdout)["iterations"]) == 5


def test_closed_streams_stop_nothing_and_take_no_file_for_a_stream(shell, tables, tmp_path):
    done = shell(
        f"genius search nas-bench-macro --proposer random --iterations 3 --downloads {tables} --run r <&- >&- 2>&-"
    )
    assert done.returncode == 0
    shown = shell(f"genius show r --json --downloads {tables} 2>&-")
    assert len(json.loads(shown.stdout)["iterations"]) == 3
    assert shell("genius show nowhere 2>&-").returncode == 2
    assert (tmp_path / "r" / "checkpoints.sqlite").read_bytes().startswith(b"SQLite format 3")


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "ascii:strict", "TERM": "dumb"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=lambda environment: next(iter(environment)),
)
def test_a_terminal_of_few_characters_gets_escapes(environment, shell, tables):
    done = shell(f"genius baseline nas-bench-macro --repetitions 10 --downloads {tables}", **environment)
    assert done.returncode == 0, done.stderr
    assert r"mean \xb1 std over 10 repetitions" in done.stdout
    again = shell("genius show $'\\xff\\e]52;c;x\\a' && true", **environment)
    assert again.returncode == 2
    assert r"\x1b]52;c;x\x07" in again.stderr


def test_an_answer_of_a_person_may_be_any_bytes(shell, tables):
    asked = f"search nas-bench-macro --llm human --iterations 1 --run r --downloads {tables}"
    done = shell(f"printf '\\xff\\n[2,2,2,2,2,2,2,2]\\n' | genius {asked}")
    assert done.returncode == 0, done.stderr
    assert "accuracy 92.9" in done.stdout


@pytest.fixture
def on_a_terminal(tables, tmp_path):
    """Return a function that searches on a terminal, and returns what it showed."""
    import pty

    def search(**environment):
        read, write = pty.openpty()
        asked = f"search nas-bench-macro --proposer random --iterations 2 --downloads {tables} --run r"
        options = {"cwd": tmp_path, "env": os.environ | environment, "stdout": write, "stderr": write}
        running = subprocess.Popen([*COMMAND.split(), *asked.split()], **options)
        os.close(write)
        shown = b""
        while chunk := _read(read):
            shown += chunk
        os.close(read)
        assert running.wait(60) == 0, shown.decode()
        return shown.decode()

    return search


def test_a_terminal_without_a_cursor_gets_plain_lines(on_a_terminal):
    shown = on_a_terminal(TERM="dumb")
    assert "iteration 2/2: [" in shown
    assert "\x1b" not in shown


def test_no_color_is_kept(on_a_terminal):
    shown = on_a_terminal(TERM="xterm-256color", NO_COLOR="1")
    assert "2/2" in shown
    assert not re.search(r"\x1b\[[34]\d", shown)


def test_on_a_narrow_terminal_progress_can_be_read(on_a_terminal):
    shown = on_a_terminal(TERM="xterm", COLUMNS="20")
    assert re.search(r"2/2 +\d\d\.\d\d", shown)
    assert "…" not in shown


def _read(terminal):
    """Read what is there, nothing where the other end is closed."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def test_without_arguments_the_commands_are_listed(shell):
    done = shell("genius ")
    assert done.returncode == 0
    assert "\n  search " in done.stdout.replace("│", " ")
    assert done.stderr == ""
