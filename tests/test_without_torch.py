"""Everything but training runs without PyTorch: in processes that cannot import torch or torchvision."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
REFUSING = """\
import sys
class Refusing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "torchvision"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Refusing())
"""
SCRIPT = """\
space = {"width": [1, 2, 4], "depth": [1, 2, 3]}
def train(config, trial):
    for epoch in (1, 2):
        yield {"epoch": epoch, "score": 10.0 * config["width"] * epoch + config["depth"]}
"""
NETWORK = """\
import genius
def build(architecture):
    from torch import nn
    return nn.Linear(4, 2)
decision = genius.Decision("a", ("x", "y"))
space = genius.SearchSpace("own", (decision,), "A space.", build=build, input_shape=(4,))
"""
MACRO = ("search", "nas-bench-macro", "--iterations", 3)
CALLS = """
import contextlib, io, json, sys
from genius.cli.commands import run_command
found = []
for words in json.loads(sys.argv[1]):
    sys.argv = ["genius", *words]
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        code = run_command()
    found.append((code, out.getvalue(), err.getvalue()))
assert not {"torch", "torchvision"} & set(sys.modules)
print(json.dumps(found))
"""
"""Makes calls of the program one after another in one process, as the test of its help does."""


@pytest.fixture
def lean(tmp_path, tables):
    """Return a function that makes calls where neither it nor its workers can import torch or torchvision."""
    hook = tmp_path / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(REFUSING)
    (tmp_path / "train.py").write_text(SCRIPT)
    (tmp_path / "net.py").write_text(NETWORK)
    path = os.pathsep.join(filter(None, [str(hook), os.environ.get("PYTHONPATH")]))
    told = os.environ | {"PYTHONPATH": path, "GENIUS_DATA": str(tables), "COLUMNS": "100"}
    told.pop("OPENAI_API_KEY", None)

    def run(*calls):
        words = json.dumps([[str(word) for word in call] for call in calls])
        done = subprocess.run(
            [sys.executable, "-c", CALLS, words], cwd=tmp_path, env=told, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


RUNS = [
    ("spaces",),
    *(("spaces", name) for name in ("digits", "nas-bench-macro", "nas-bench-201-cifar10", "vit-cifar", "gpt-tiny")),
    ("spaces", "mobile-imagenet", "--flops", "270M", "330M"),
    ("cost", "digits", "222222222"),
    ("cost", "mobile-imagenet", "GENIUS-329", "--flops-convention", "thop"),
    ("cost", "vit-cifar", "[0,0,0,0,0,0,0,0,0,0,0,0,0]"),
    ("recipes",),
    ("recipes", "digits"),
    ("prompts",),
    ("baseline", "nas-bench-macro", "--repetitions", 50),
    (*MACRO, "--proposer", "guided", "--run", "guided", "--flops", "10M", "60M"),
    ("show", "guided"),
    ("resume", "guided", "--iterations", 4),
    ("fork", "guided", "--at", 2, "--run", "forked"),
    (*MACRO, "--proposer", "optuna-tpe"),
    ("search", "train.py", "--objective", "score", "--proposer", "local-search", "--iterations", 3, "--run", "own"),
    ("show", "own", "--json"),
    ("search", "train.py", "--command", "echo {width}", "--objective", "score", "--proposer", "random"),
    ("open", "train.py", "--objective", "score", "--proposer", "random", "--run", "told"),
    ("ask", "told"),
    ("tell", "told", 1, 2.5),
    ("bench", "nas-bench-macro", "--proposers", "random", "--seeds", 2, "--iterations", 3, "--out", "bench"),
    ("mcp", "--help"),
]


def test_all_but_training_runs(lean):
    for words, (code, _, errors) in zip(RUNS, lean(*RUNS), strict=True):
        assert code == 0, (words, errors)
        assert "torch" not in errors


def test_a_model_searches(lean, openai_server):
    openai_server.answer = lambda call: openai_server.says("Architecture: [0, 1, 2, 0, 1, 2, 0, 1]")
    server = ("--llm", "openai:m", "--base-url", openai_server.url)
    ((code, _, errors),) = lean((*MACRO, *server, "--proposer", "hybrid"))
    assert code == 0, errors


TRAINS = [
    ("search", "digits", "--proposer", "random", "--run", "trained"),
    ("search", "nas-bench-macro", "--proposer", "random", "--objective", "latency", "--run", "measured"),
    ("train", "digits", "222222222"),
    ("export", "digits", "222222222", "--weights", "x"),
    ("latency", "digits", "--out", "latency"),
    ("cost", "net.py:space", "[0]"),
    ("spaces", "net.py:space", "--params", "-", 3),
]


def test_a_missing_torch_is_named_in_a_sentence_where_training_starts(lean, tmp_path):
    for words, (code, printed, errors) in zip(TRAINS, lean(*TRAINS), strict=True):
        assert (code, printed) == (2, ""), (words, errors)
        last = errors.splitlines()[-1]
        assert "needs PyTorch, which is not installed here: pip install torch torchvision" in last, (words, errors)
    assert not (tmp_path / "trained").exists()
    assert not (tmp_path / "measured").exists()
