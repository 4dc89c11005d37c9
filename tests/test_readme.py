"""The README's Python examples, run as they stand."""

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


OTHERS = [example for example in EXAMPLES if "openai" not in example]


@pytest.mark.parametrize("example", OTHERS, ids=["dict", "own space", "own backend", "graph"])
def test_an_example_runs(example, tmp_path):
    done = run(example, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def test_the_first_example_runs_against_a_server(openai_server, tables, tmp_path):
    openai_server.script = [openai_server.says(answer) for answer in ANSWERS]
    done = run(
        next(example for example in EXAMPLES if example not in OTHERS),
        tmp_path,
        OPENAI_BASE_URL=openai_server.url,
        OPENAI_API_KEY="sk-of-the-test",
        GENIUS_DATA=str(tables),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("(2, 2, 2, 2, 2, 2,")


def test_examples_are_short():
    assert len(EXAMPLES) == 5
    assert all(example.count("\n") <= 26 for example in EXAMPLES)
