"""W&B's files of a search without network are read by W&B's own reader."""

import json
import struct

import pytest

from .searched import resumed, searched

wandb = pytest.importorskip("wandb", reason="W&B is not installed: pip install 'genius-nas[wandb]'")


@pytest.fixture(autouse=True)
def offline(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path / "offline"))
    for name in ("DATA", "CACHE", "CONFIG"):
        monkeypatch.setenv(f"WANDB_{name}_DIR", str(tmp_path / name.lower()))
    (tmp_path / "offline").mkdir()
    wandb.teardown()  # it reads its variables once
    yield
    wandb.teardown()


def records(path):
    """Read the records of a file: of LevelDB's log format, in blocks of 32 KB, behind a header of 7 bytes."""
    from wandb.proto.wandb_internal_pb2 import Record

    content, at, parts = path.read_bytes(), 7, b""
    while at + 7 <= len(content):
        left = 32_768 - at % 32_768
        if left < 7:
            at += left
            continue
        _, length, kind = struct.unpack_from("<IHB", content, at)
        parts += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield Record.FromString(parts)
            parts = b""


def runs(tmp_path):
    """Return the records of each run by its identifier, a later opening after an earlier one."""
    found = {}
    for path in sorted((tmp_path / "offline").glob("wandb/offline-run-*/*.wandb")):
        found.setdefault(path.stem.removeprefix("run-"), []).extend(records(path))
    return found


def history(told):
    rows = [
        {item.key or item.nested_key[0]: json.loads(item.value_json) for item in each.history.item} for each in told
    ]
    return [row for row in rows if row]


async def test_a_search_is_a_run_in_a_group_with_those_of_its_evaluations(tmp_path):
    result = await searched(tmp_path / "run", "wandb:nets")
    found = runs(tmp_path)
    (parent,) = (name for name in found if "trial" not in name)
    assert sorted(found) == [parent, *(f"{parent}-trial-1-iteration-00{number}" for number in range(1, 5))]
    opened = {name: next(each.run for each in told if each.HasField("run")) for name, told in found.items()}
    assert {(run.project, run.run_group) for run in opened.values()} == {("nets", f"space-{parent}")}
    assert [run.job_type for _, run in sorted(opened.items())] == ["search", *["evaluation"] * 4]
    first = found[f"{parent}-trial-1-iteration-001"]
    assert [row["loss"] for row in history(first)] == [1.0, 0.5, 1 / 3]
    config = {item.key: json.loads(item.value_json) for each in first for item in each.run.config.update}
    assert result.candidates[0].values.items() <= config.items()
    codes = [each.exit.exit_code for told in (first, found[f"{parent}-trial-1-iteration-003"]) for each in told]
    assert codes.count(1) == 1
    assert [row["evaluations"] for row in history(found[parent]) if "evaluations" in row] == [1, 2, 3, 4]


async def test_a_search_that_goes_on_has_the_same_run(tmp_path):
    await searched(tmp_path / "run", "wandb", iterations=2)
    await resumed(tmp_path / "run", "wandb", iterations=3)
    found = runs(tmp_path)
    (parent,) = (name for name in found if "trial" not in name)
    assert len(found) == 4
    assert [row["evaluations"] for row in history(found[parent]) if "evaluations" in row] == [1, 2, 3]


async def test_without_a_key_it_says_how_to_go_on(tmp_path, monkeypatch):
    import genius

    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    said = []
    async with genius.Tracking("wandb", say=said.append) as tracking:
        asked = {"evaluator": lambda config: 1.0, "proposer": "random", "iterations": 1, "run": tmp_path / "run"}
        await genius.search({"width": [1, 2]}, progress=tracking, **asked)
    assert ["wandb has no key: run `wandb login`, or set WANDB_MODE=offline" in words for words in said] == [True]
