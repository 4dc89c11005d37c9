"""Signals while something is busy that cannot be stopped: three end it, each kind has its code, nothing is left."""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress

import pytest

from .evaluators.stubs import lives, wait_until

PROGRAM = """
import os, signal, sys, time
def busy(*arguments, **options):
    open("busy", "w").close()
    while True:
        sum(range(1000))
def busy_in_c(*arguments, **options):
    import numpy
    open("busy", "w").close()
    while True:
        numpy.linalg.svd(numpy.random.rand(1500, 1500))
async def waiting(*arguments, **options):
    import asyncio
    open("busy", "w").close()
    await asyncio.sleep(600)
{patch}
import genius.cli
genius.cli.main()
"""
IGNORES = """
import genius.evaluators.process as process
code = "import os, signal, subprocess, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
code += "child = subprocess.Popen(['sleep', '600'], start_new_session=True);"
code += "open('pids.part', 'w').write(f'{os.getpid()} {child.pid}'); os.rename('pids.part', 'pids');"
code += "open('busy', 'w').close(); time.sleep(600)"
process.worker_command = lambda: (sys.executable, "-c", code)
"""
MACRO = ("search", "nas-bench-macro", "--run", "r", "--downloads", "TABLES")
BUSY = {
    "a model that is slow": ("import genius.agents.human as at; at.read_line = waiting", (*MACRO, "--llm", "human")),
    "a table": ("import genius.graph.setup as at; at.load_table = busy", (*MACRO, "--proposer", "random")),
    "a fit": ("import genius.guide.guide as at; at.fit = busy", (*MACRO, "--proposer", "guided")),
    "arithmetic": ("import genius.guide.guide as at; at.fit = busy_in_c", (*MACRO, "--proposer", "guided")),
    "a picture": ("import genius.record.search_picture as at; at.draw = busy", (*MACRO, "--proposer", "random")),
    "a training": (IGNORES, ("search", "digits", "--proposer", "random", "--run", "r")),
    "a download": (
        "import genius.tables.fetch as at; at._download = waiting",
        ("fetch", "nas-bench-macro", "--downloads", "d"),
    ),
    "a bench": (
        "import genius.bench.plan as at; at.append_records = busy",
        ("bench", "nas-bench-macro", "--out", "b", "--downloads", "TABLES"),
    ),
    "peers": ("import genius.bench.plan as at; at.append_records = busy", ("show", "m", "--downloads", "TABLES")),
    "a final training": (
        "import genius.training.learn as at; at.do_job = busy",
        ("train", "digits", "[0,0,0,0,0,0,0,0,0]"),
    ),
    "an export": (
        "import genius.graph.final as at; at.find_subject = busy",
        ("export", "digits", "[0,0,0,0,0,0,0,0,0]"),
    ),
}


@pytest.fixture
def busy(tmp_path, tables):
    """Return a function that starts a command, waits until it is busy, sends it signals, and returns what it said."""

    def run(what, *numbers):
        patch, arguments = BUSY[what]
        words = [sys.executable, "-c", PROGRAM.format(patch=patch)]
        words += [str(tables) if word == "TABLES" else word for word in arguments]
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        with subprocess.Popen(words, cwd=tmp_path, start_new_session=True, **streams) as running:
            wait_until((tmp_path / "busy").exists, 120)
            for number in numbers:
                os.killpg(running.pid, number) if running.poll() is None else None
                _wait_a_moment(running)
            out, said = running.communicate(timeout=60)
        assert out == ""
        assert "Traceback" not in said
        assert "resource_tracker" not in said
        return running.returncode, said.splitlines()

    return run


def _wait_a_moment(running):
    """Give a command some time between two signals, as a person's fingers do."""
    with suppress(subprocess.TimeoutExpired):
        running.wait(0.2)


@pytest.mark.parametrize("what", BUSY)
def test_three_quick_ones_end_whatever_is_busy(what, busy, tmp_path):
    if what == "peers":
        _run_of_a_model(tmp_path)
    code, said = busy(what, signal.SIGINT, signal.SIGINT, signal.SIGINT)
    assert code == 130
    assert len([line for line in said if "stopped: " in line]) == 1
    _nothing_is_left(tmp_path)


@pytest.mark.parametrize(
    ("what", "number", "code"),
    [
        ("a model that is slow", signal.SIGTERM, 143),
        ("a training", signal.SIGTERM, 143),
        ("a training", signal.SIGHUP, 129),
        ("a download", signal.SIGHUP, 129),
    ],
)
def test_one_of_another_kind_ends_in_order_and_says_how_to_go_on(what, number, code, busy, tmp_path):
    ended, said = busy(what, number)
    assert ended == code
    assert said[-1].endswith(("go on with `genius resume r`", "fetch it again to go on", "nothing was begun"))
    assert "stopped: " in said[-1]
    _nothing_is_left(tmp_path)


def _nothing_is_left(folder):
    pids = folder / "pids"
    left = [int(pid) for pid in pids.read_text().split()] if pids.exists() else []
    wait_until(lambda: not any(map(lives, left)))


def _run_of_a_model(folder):
    from genius.record.candidate import Candidate
    from genius.record.measurement import Measurement
    from genius.record.settings import LLMSettings, LoopSettings, Settings

    (folder / "m").mkdir()
    Settings(
        space="nas-bench-macro",
        proposer="model",
        llm=LLMSettings(models=("replay:x",)),
        loop=LoopSettings(iterations=1),
    ).save(folder / "m")
    line = Candidate(1, 1, architecture=(2,) * 8, measurement=Measurement(92.0)).to_json()
    (folder / "m" / "candidates.jsonl").write_text(json.dumps(line) + "\n")


def test_where_the_platform_lacks_signals_all_can_be_imported():
    code = "import signal, os; del signal.SIGHUP, signal.SIGKILL, os.killpg, os.pidfd_open\n"
    code += "import genius.cli.commands, genius.graph.search, genius.bench.bench\n"
    subprocess.run([sys.executable, "-c", code], check=True)
