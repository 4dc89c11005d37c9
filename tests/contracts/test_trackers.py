"""One contract for every tracker by its name, of the command line."""

import json
import sys
from importlib.util import find_spec

import genius
import pytest
from genius.cli.commands import app
from typer.testing import CliRunner

BUILT_IN = {"mlflow": "sqlite:///m.db", "optuna": "sqlite:///o.db", "tensorboard": "", "trackio": "", "wandb": ""}


def of(name: str) -> str:
    return f"{name}:{BUILT_IN[name]}" if BUILT_IN.get(name) else name


@pytest.mark.parametrize("name", [*BUILT_IN, "mine:Lines", "tiny-tracker"])
def test_it_follows_a_search_of_the_command_line_and_prints_nothing(name, tmp_path, monkeypatch):
    if name in BUILT_IN and find_spec(name) is None:
        pytest.skip(f"{name} is not installed: pip install 'genius-nas[{name}]'")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    for module_name, module in list(sys.modules.items()):  # Trackio reads the folder once, at its import
        if module_name.startswith("trackio") and hasattr(module, "TRACKIO_DIR"):
            monkeypatch.setattr(module, "TRACKIO_DIR", tmp_path / "trackio")
    (tmp_path / "train.py").write_text(
        "space = {'width': [1, 2, 3]}\n\ndef train(config):\n    return config['width']\n"
    )
    asked = ["search", "train.py", "--proposer", "random", "--set", "training.in_process=true", "--json"]
    for more in (["--iterations", "2", "--run", "run"], None, ["run", "--iterations", "3"]):
        command = [*asked, *more] if more and more[0] != "run" else ["resume", *(more or ["run"]), "--json"]
        done = CliRunner().invoke(app, [*command, "--track", of(name)])
        assert done.exit_code == 0, done.output
        assert "failed" not in done.stderr
        assert "train.py" in json.loads(done.stdout)["space"]
        assert "rackio" not in done.output
    lines = [json.loads(line) for line in (tmp_path / "run" / "tracked.jsonl").read_text().splitlines()]
    assert [line["iteration"] for line in lines if line["epoch"] is None] == [1, 2, 3]
    assert len({line["tracker"] for line in lines}) == 1
    if name not in BUILT_IN:
        assert (tmp_path / "tracked.txt").read_text().count("\n") == 3


@pytest.mark.parametrize(
    ("name", "words"),
    [("mine:SPACE", "mine:SPACE is not a class of trackers"), ("mine:takes_three", "mine:takes_three is not a class")],
)
def test_what_makes_no_tracker_is_refused(name, words):
    with pytest.raises(genius.GeniusError, match=words):
        genius.Tracking(name)
