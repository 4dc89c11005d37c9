"""A process makes many searches, one after another or at once, in one event loop or in many, and nothing is left."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("many_searches.py")
EACH, TOGETHER, THREADS = "a loop each", "one loop", "threads"
MADE = [
    *(("openai", way) for way in (EACH, TOGETHER, THREADS)),
    *((model, EACH) for model in ("anthropic", "ollama", "objects", "bound")),
    *((model, THREADS) for model in ("one object", "no model")),
]
pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are counted in /proc/self/fd")


def search(model, way, folder):
    """Make the searches; returns what was open before and after, once nothing was complained of."""
    keys = {"OPENAI_API_KEY": "sk-of-nobody", "ANTHROPIC_API_KEY": "sk-of-nobody", "LANGSMITH_TRACING": "false"}
    command = [sys.executable, "-W", "always::ResourceWarning", str(SCRIPT), model, way, str(folder)]
    done = subprocess.run(command, env=os.environ | keys, capture_output=True, text=True, timeout=250, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    looks = json.loads(done.stdout)
    return looks["before"], looks["after"]


@pytest.mark.parametrize(("model", "way"), MADE)
def test_searches_leave_nothing_behind(model, way, tmp_path):
    before, after = search(model, way, tmp_path)
    # in one loop the threads that its executor keeps are counted too: it has as many as were needed at once
    assert after["files"] <= before["files"]
    assert way == TOGETHER or after["threads"] <= before["threads"]


def test_searches_that_train_leave_no_process_behind(tmp_path):
    before, after = search("training", EACH, tmp_path)
    assert after == before
