"""No key of the environment, of an address or of a tracker's own stands in what trackers keep."""

import sys
from importlib.util import find_spec

import genius
import pytest
from genius.trackers import TRACKERS

from .searched import SPACE

KEY, PASSWORD = "sk-live-7f3a9c41d2e8", "hunter2-correct-horse"
NAMES = {
    "mlflow": "sqlite:///{}/m.db",
    "optuna": "sqlite:///{}/o.db",
    "tensorboard": "{}/t",
    "trackio": "",
    "wandb": "",
}


def tells_the_key(config):
    """Fail with a message that quotes the key."""
    raise ValueError(f"401 for {KEY} at http://me:{PASSWORD}@127.0.0.1:9/v1")


@pytest.mark.parametrize("name", NAMES)
async def test_no_key_stands_in_what_a_tracker_keeps(name, tmp_path, monkeypatch, openai_server):
    if find_spec(name) is None:
        pytest.skip(f"{name} is not installed: pip install 'genius-nas[{name}]'")
    for variable in ("OPENAI_API_KEY", "WANDB_API_KEY", "MLFLOW_TRACKING_TOKEN", "HF_TOKEN"):
        monkeypatch.setenv(variable, KEY)
    monkeypatch.setenv("GATEWAY", f"http://me:{PASSWORD}@127.0.0.1:9/v1")
    monkeypatch.setattr(sys, "argv", ["genius", "search", "--base-url", f"http://me:{PASSWORD}@127.0.0.1:9/v1"])
    store = tmp_path / "store"
    monkeypatch.setenv("TRACKIO_DIR", str(store / "trackio"))
    store.mkdir()
    monkeypatch.chdir(store)
    if name == "wandb":
        import wandb

        monkeypatch.setenv("WANDB_MODE", "offline")
        monkeypatch.setenv("WANDB_DIR", str(store))
        wandb.teardown()
    for module_name, module in list(sys.modules.items()):
        if module_name.startswith("trackio") and hasattr(module, "TRACKIO_DIR"):
            monkeypatch.setattr(module, "TRACKIO_DIR", store / "trackio")
    replies = [f'I was given {KEY}.\n{{"lr": 0.001, "width": {width}, "activation": "ReLU"}}' for width in (16, 32)]
    openai_server.script = [openai_server.says(text) for text in replies]
    argument = NAMES[name].format(store)
    said = []
    async with genius.Tracking(f"{name}:{argument}" if argument else name, say=said.append) as tracking:
        result = await genius.search(
            SPACE,
            evaluator=tells_the_key,
            llm="openai:test-model",
            proposer="model",
            base_url=openai_server.url,
            iterations=2,
            run=tmp_path / "run",
            progress=tracking,
        )
    assert said == []
    assert "401 for <" in result.candidates[0].error
    files = [path for path in store.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) > 1_000
    for path in files:
        content = path.read_bytes()
        assert KEY.encode() not in content, path
        assert PASSWORD.encode() not in content, path


async def test_an_address_with_a_password_is_written_and_told_without_it(tmp_path, monkeypatch):
    class Elsewhere(genius.Tracker):
        def begin(self, search):
            return self.argument

        def end(self, outcome):
            raise OSError(f"no answer from {self.argument}")

    monkeypatch.setitem(TRACKERS._builtin, "elsewhere", Elsewhere)
    said, url = [], f"postgresql://me:{PASSWORD}@127.0.0.1/studies"
    async with genius.Tracking(f"elsewhere:{url}", say=said.append) as tracking:
        asked = {"evaluator": lambda config: 1.0, "proposer": "random", "iterations": 1, "run": tmp_path / "run"}
        await genius.search({"width": [1, 2]}, progress=tracking, **asked)
    assert ["no answer from postgresql://me:<tracker>@127.0.0.1/studies" in words for words in said] == [True]
    assert "postgresql://me:<tracker>@127.0.0.1" in (tmp_path / "run" / "tracked.jsonl").read_text()
