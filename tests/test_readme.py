"""The README's Python examples, run as they stand."""

import json
import os
import re
import subprocess
import sys
from itertools import cycle
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
ANSWERS = [f"[2,2,2,2,2,2,{last // 3},{last % 3}]" for last in range(9)] + ["[2,2,2,1,2,2,2,2]"]
BELIEFS = f"start: {ANSWERS[4]}\noption: layer 8 = 1: +1 because it is late"


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
    answers = cycle(ANSWERS)

    def answer(call):
        begins = "about to begin" in call["messages"][-1]["content"]
        return openai_server.says(BELIEFS if begins else next(answers))

    openai_server.answer = answer
    done = run(
        next(example for example in EXAMPLES if "openai" in example),
        tmp_path,
        OPENAI_BASE_URL=openai_server.url,
        OPENAI_API_KEY="sk-of-the-test",
        GENIUS_DATA=str(tables),
    )
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"\((\d, ){7}\d\) 9\d\.\d+\n", done.stdout)
    (run_folder,) = (tmp_path / "runs").iterdir()
    assert run_folder.name.startswith("nas-bench-macro-hybrid-")
    arms = [json.loads(line)["arm"] for line in (run_folder / "candidates.jsonl").read_text().splitlines()]
    assert len(arms) == 10
    assert arms[:2] == ["guided-without-beliefs", "start"]


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
