"""`make test` ends with a failure when a process of it dies or hangs, whenever that is."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DYING = {
    "in a test": "def test_dies(): os.abort()",
    "in a test, without a complaint": "def test_dies(): os._exit(0)",
    "in two tests": "def test_dies(): os.abort()\ndef test_dies_too(): os.abort()",
    "in a fixture": "@pytest.fixture(scope='module')\ndef broken(): os.abort()\ndef test_dies(broken): ...",
    "while one collects": "if os.environ['PYTEST_XDIST_WORKER'] == 'gw0': os.abort()\ndef test_passes(): ...",
    "at its end": "def test_leaves_a_mess(): atexit.register(os.abort)",
}
INTERRUPTS = """
def test_interrupts():
    code = "import time; print('ready', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=-1, stderr=-1, text=True) as child:
        assert child.stdout.readline() == "ready\\n"
        child.send_signal(signal.SIGINT)
        assert "KeyboardInterrupt" in child.communicate(timeout=30)[1]
"""


@pytest.fixture(scope="module")
def options():
    """Return the options that `make test` gives pytest."""
    if not shutil.which("make"):
        pytest.skip("make is not installed")
    told = subprocess.run(["make", "--dry-run", "test"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return shlex.split(told.replace("\\\n", " ").partition("-m pytest")[2].splitlines()[0])


@pytest.fixture
def run(options, tmp_path):
    """Give what runs two files of tests as `make test` runs ours: one that passes, and the one that is given."""

    def start(tests, *more, **popen):
        shutil.copy(ROOT / "pyproject.toml", tmp_path)
        (tmp_path / "tests").mkdir()
        shutil.copy(ROOT / "tests" / "conftest.py", tmp_path / "tests")
        (tmp_path / "tests" / "test_whole.py").write_text("def test_passes(): ...\n")
        imports = "import atexit, os, signal, subprocess, sys, threading\nimport pytest\n"
        (tmp_path / "tests" / "test_given.py").write_text(imports + tests)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # other plugins take most of the time of such short runs
        command = [sys.executable, "-m", "pytest", "-p", "xdist", "-p", "timeout", *options, *more]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=200, check=False, **popen
        )

    return start


@pytest.mark.parametrize("when", DYING)
def test_a_process_that_dies_ends_it_with_a_failure(run, when):
    done = run(DYING[when])
    assert done.returncode not in (0, None), done.stdout
    assert " in " in done.stdout.splitlines()[-1]  # pytest's own closing line
    assert "the process gw" in done.stdout


def test_what_hangs_ends_with_a_failure(run):
    done = run("threading.Event().wait()\ndef test_passes(): ...", "--within", "5")
    assert done.returncode == 1
    assert "Timeout (0:00:05)!" in done.stderr


def test_processes_can_be_interrupted_also_in_the_background_of_a_script(run):
    done = run(INTERRUPTS, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout.splitlines()[-1]
