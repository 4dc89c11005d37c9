"""The README's Python examples, run as they stand."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
ANSWERS = [f"[2,2,2,2,2,2,{last // 3},{last % 3}]" for last in range(9)] + ["[2,2,2,1,2,2,2,2]"]


def run(example, folder, **environment):
    clean = {name: value for name, value in os.environ.items() if name != "OPENAI_API_KEY"}
    command = [sys.executable, "-c", example]
    return subprocess.run(
        command, cwd=folder, env=clean | environment, capture_output=True, text=True, check=False, timeout=120
    )


SCRIPT = next(example for example in EXAMPLES if "def train(" in example)
OTHERS = [example for example in EXAMPLES if "openai" not in example and example != SCRIPT]


@pytest.mark.parametrize("example", OTHERS, ids=["dict", "own space", "own backend", "graph"])
def test_an_example_runs(example, tmp_path):
    done = run(example, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def test_the_first_example_runs_against_a_server(openai_server, tables, tmp_path):
    openai_server.script = [openai_server.says(answer) for answer in ANSWERS]
    done = run(
        next(example for example in EXAMPLES if "openai" in example),
        tmp_path,
        OPENAI_BASE_URL=openai_server.url,
        OPENAI_API_KEY="sk-of-the-test",
        GENIUS_DATA=str(tables),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("(2, 2, 2, 2, 2, 2,")


def test_the_script_is_searched(tmp_path):
    (tmp_path / "train.py").write_text(SCRIPT)
    words = "search train.py --objective accuracy --proposer random --iterations 2 --workers 2 --json"
    command = [sys.executable, "-m", "genius", *words.split()]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["best"]["accuracy"] > 50  # chance is 10


def test_examples_are_short():
    assert len(EXAMPLES) == 6
    assert all(example.count("\n") <= 26 for example in EXAMPLES)
