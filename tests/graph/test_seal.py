"""Seals: the runs of this user's own searches go on by the names they hold, and no others do."""

import base64
import hashlib
import hmac
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import genius
import pytest
from genius.graph.seal import save_sealed, sealed_settings
from genius.graph.trust import claims, own_claims, resume_command
from genius.record.settings import Settings

SCRIPT = """
import time
space = {"width": (1, 50), "lr": (1e-4, 1e-1)}
def train(config):
    time.sleep(0.05)
    return config["width"]
def fixed(config):
    return 1.0
def propose(prompt, history):
    return '{"width": 2}'
"""
LINUX = sys.platform == "linux"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Make the current folder one with a script and a module, which are forgotten at the end."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "sealed_module.py").write_text(SCRIPT)
    yield tmp_path
    for name in ("script", "sealed_module"):
        sys.modules.pop(name, None)


@pytest.fixture
def state(tmp_path, monkeypatch):
    """Return a folder of state of the test's own."""
    monkeypatch.setenv("GENIUS_STATE", str(tmp_path / "own" / "state"))
    return tmp_path / "own" / "state"


BY_MODULE = {"space": "sealed_module:space", "evaluator": "sealed_module:train"}


async def begun(run: Path, **options: Any) -> Path:
    asked = options or {"space": "script.py"}
    await genius.search(**asked, proposer="random", iterations=1, run=run)
    return run


async def length(run: Path, iterations: int, **options: Any) -> int:
    return len((await genius.resume(run, iterations=iterations, **options)).trials[0].candidates)


# --- one's own


@pytest.mark.parametrize("asked", [{"space": "script.py"}, {"space": "script.py:space"}, BY_MODULE])
async def test_an_own_run_goes_on_by_the_names_it_holds(here, state, asked):
    run = await begun(here / "run", **asked)
    assert resume_command(run, Settings.load(run)) == f"genius resume {run}"
    assert await length(run, 2) == 2
    assert await length(run, 3) == 3
    forked = await genius.fork(run, 1, to=here / "fork", iterations=2)
    assert forked.finished
    assert await length(here / "fork", 3) == 3
    again = await genius.search(settings=run / "search.json", run=here / "again")
    assert again.finished


async def test_a_module_is_the_same_in_the_folder_where_the_run_began_alone(here, state, monkeypatch):
    run = await begun(here / "run", **BY_MODULE)
    (here / "elsewhere").mkdir()
    (here / "elsewhere" / "sealed_module.py").write_text("raise SystemError('of a stranger')")
    monkeypatch.chdir(here / "elsewhere")
    sys.modules.pop("sealed_module")
    with pytest.raises(genius.GeniusError, match=rf"names the module .*; it is your own run, and in {here} it goes on"):
        await genius.resume(run, iterations=2)
    assert "--space sealed_module:space --evaluator sealed_module:train" in resume_command(run, Settings.load(run))
    monkeypatch.chdir(here)
    assert await length(run, 2) == 2


async def test_what_a_later_call_names_is_sealed_too(here, state, openai_server):
    openai_server.answer = lambda call: openai_server.says('{"width": 7, "lr": 0.1}')
    run = await begun(here / "run")
    assert await length(run, 2, llm="openai:m", base_url=openai_server.url) == 2
    assert {claim.setting for claim in own_claims(run)} == {"space", "evaluator", "llm.base_url"}
    openai_server.answer = lambda call: openai_server.says('{"width": 8, "lr": 0.1}')
    assert await length(run, 3) == 3


async def test_what_was_trusted_once_is_the_user_s(here, state):
    copy = shutil.copytree(await begun(here / "run"), here / "copy")
    with pytest.raises(genius.GeniusError, match="--trust"):
        await genius.resume(copy, iterations=2)
    assert await length(copy, 2, trust=True) == 2
    assert await length(copy, 3) == 3


async def test_a_dict_is_kept_as_it_is_and_read_by_anyone(here, state):
    decisions = {"width": (1, 50), "opt": ["sgd", "adam"], "momentum": {"range": (0, 0.9), "when": {"opt": "sgd"}}}
    run = await begun(here / "run", space=decisions, evaluator="sealed_module:fixed")
    assert await length(run, 2) == 2
    told = Settings.load(run)
    assert (told.space, told.run.custom, [*told.decisions]) == ("space", [], [*decisions])
    copy = shutil.copytree(run, here / "copy")
    assert {claim.setting for claim in claims(told)} == {"evaluator"}
    assert await length(copy, 3, evaluator="sealed_module:fixed") == 3
    assert await length(run, 3, space=decisions) == 3
    with pytest.raises(genius.GeniusError, match="has other decisions or options than when this run began"):
        await genius.resume(run, iterations=4, space={**decisions, "width": (1, 51)})


class Kind: ...


async def test_a_dict_of_objects_is_passed_again(here, state):
    import enum

    class Text(enum.StrEnum):
        A = "a"

    for options in ([Kind, print], [Text.A]):
        run = here / f"run{len(options)}"
        found = await genius.search({"kind": options}, evaluator=lambda _: 1, proposer="random", iterations=1, run=run)
        assert (found.settings.run.custom, found.settings.decisions) == (["evaluator", "space"], {})


# --- others'


def edited(run: Path, change: dict[str, Any]) -> None:
    path = run / "search.json"
    held = json.loads(path.read_text())
    for group, value in change.items():
        held[group] = held[group] | value if isinstance(value, dict) else value
    path.write_text(json.dumps(held, indent=2))


def named_twice(run: Path) -> None:
    path = run / "search.json"
    path.write_text(path.read_text().replace('"evaluator":', '"evaluator": "stranger:train",\n  "evaluator":', 1))


EDITS = {
    "evaluator": lambda run: edited(run, {"evaluator": "/tmp/stranger.py:train"}),
    "iterations": lambda run: edited(run, {"loop": {"iterations": 7}}),
    "id": lambda run: edited(run, {"run": {"id": "0123456789ab"}}),
    "folder": lambda run: edited(run, {"run": {"working_folder": "/"}}),
    "seal": lambda run: edited(run, {"run": {"seal": "0" * 64}}),
    "no seal": lambda run: edited(run, {"run": {"seal": ""}}),
    "no text": lambda run: edited(run, {"run": {"seal": "ü" * 64}}),
}


@pytest.mark.parametrize("edit", EDITS)
async def test_an_edited_run_is_a_stranger_s(here, state, edit):
    run = await begun(here / "run")
    assert own_claims(run)
    EDITS[edit](run)
    assert own_claims(run) == []
    with pytest.raises(genius.GeniusError, match="what a file alone names is neither imported, asked nor opened"):
        await genius.resume(run, iterations=8)


async def test_of_what_a_file_tells_twice_nothing_is_sealed_but_what_was(here, state):
    run = await begun(here / "run")
    named_twice(run)
    assert "stranger:train" not in {claim.value for claim in own_claims(run)}


async def test_a_copied_and_a_moved_run_are_strangers(here, state):
    run = await begun(here / "run")
    copy = shutil.copytree(run, here / "copy")
    other = await begun(here / "other")
    shutil.copy(other / "search.json", copy / "search.json")
    for folder in (copy, run.rename(here / "moved")):
        assert own_claims(folder) == []
        with pytest.raises(genius.GeniusError, match="what a file alone names"):
            await genius.resume(folder, iterations=2)
    (here / "moved").rename(run)
    assert await length(run, 2) == 2


async def test_another_user_s_run_is_a_stranger_s(here, state, monkeypatch):
    run = await begun(here / "run")
    for other in (here / "other", here / "none"):
        monkeypatch.setenv("GENIUS_STATE", str(other))
        if other.name == "other":
            await begun(here / "of other")
        assert own_claims(run) == []
    assert not (here / "none").exists()


async def test_a_seal_that_others_could_make_counts_for_nothing(here, state):
    run, key = await begun(here / "run"), state / "seal.key"
    assert own_claims(run)
    if hasattr(os, "geteuid"):
        assert key.stat().st_mode & 0o777 == 0o600
        key.chmod(0o644)
        assert own_claims(run) == []
        key.chmod(0o600)
        assert own_claims(run)
    content = key.read_bytes()
    for bad in (b"", content[:31], content + b"x"):
        key.write_bytes(bad)
        assert own_claims(run) == []
    key.unlink()
    (here / "key").write_bytes(content)
    (here / "key").chmod(0o600)
    key.symlink_to(here / "key")
    assert own_claims(run) == []
    told = json.loads((run / "search.json").read_text())
    told["run"]["seal"] = ""
    text = json.dumps([told, os.path.realpath(run)], sort_keys=True).encode()
    for guess in (b"", b"\0" * 32):
        edited(run, {"run": {"seal": hmac.new(guess, text, hashlib.sha256).hexdigest()}})
        assert own_claims(run) == []


async def test_where_no_key_can_be_kept_nothing_is_sealed(here, monkeypatch):
    (here / "file").write_text("")
    monkeypatch.setenv("GENIUS_STATE", str(here / "file"))
    run = await begun(here / "run")
    assert Settings.load(run).run.seal == ""
    assert resume_command(run, Settings.load(run)).startswith(f"genius resume {run} --space {here}/script.py:space")
    with pytest.raises(genius.GeniusError, match="what a file alone names"):
        await genius.resume(run, iterations=2)


KINDS: list[dict[str, Any]] = [
    {"space": "payload:SPACE"},
    {"space": "/tmp/payload.py:space"},
    {"space": "/tmp/payload.yaml"},
    {"proposer": "payload:propose"},
    {"evaluator": "/tmp/payload.py:train"},
    {"proposer": "model", "llm": {"models": ["openai:m@http://127.0.0.1:9/v1"]}},
    {"proposer": "model", "llm": {"models": ["replay:/etc/passwd"]}},
    {"proposer": "model", "llm": {"models": ["openai:m"], "base_url": "http://127.0.0.1:9/v1"}},
    {"proposer": "model", "llm": {"models": ["openai:m"], "options": {"openai_proxy": "http://127.0.0.1:9"}}},
    {"proposer": "model", "llm": {"models": ["local"], "model_file": "/tmp/stranger.gguf"}},
    {"training": {"table": "/tmp/own.json"}},
    {"training": {"data": "folder:/tmp"}},
    {"training": {"data": "/tmp/payload.py:images"}},
    {"training": {"recipe": "payload:RECIPE"}},
    {"training": {"on": "ray:127.0.0.1:9"}},
    {"downloads": "/tmp/data", "training": {"data": "imagenet"}},
]


@pytest.mark.parametrize("told", KINDS)
def test_every_kind_of_claim_is_sealed_where_a_search_wrote_it_and_nowhere_else(here, state, monkeypatch, told):
    run = here / "run"
    run.mkdir()
    Settings(space="nas-bench-macro", proposer="random").save(run)
    edited(run, told)
    settings = Settings.load(run)
    assert claims(settings)
    assert own_claims(run) == []
    save_sealed(settings, run)
    assert own_claims(run) == claims(settings)
    assert resume_command(run, settings) == f"genius resume {run}"
    assert own_claims(shutil.copytree(run, here / "copy")) == []
    monkeypatch.chdir(state)
    fixed = not any(claim.value.startswith("payload:") for claim in claims(settings))
    assert bool(own_claims(run)) == fixed


# --- the key


async def test_the_key_is_nowhere_but_in_its_file(here, state, openai_server):
    openai_server.answer = lambda call: openai_server.says('{"width": 7, "lr": 0.1}')
    run = here / "run"
    await genius.search("script.py", llm="openai:m", base_url=openai_server.url, iterations=1, trace=True, run=run)
    key = (state / "seal.key").read_bytes()
    forms = {key, key.hex().encode(), base64.b64encode(key), json.dumps(key.decode("latin-1")).encode()[1:-1]}
    written = [path.read_bytes() for path in run.rglob("*") if path.is_file()]
    assert len(written) > 4
    assert not [form for form in forms for content in written if form in content]
    assert key.hex() not in json.dumps(openai_server.calls)


def test_processes_that_begin_at_once_share_a_key(here, state):
    code = "from genius.graph.seal import _key\nprint(_key(new=True).hex())"
    command = [sys.executable, "-c", code]
    several = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert {process.communicate()[0].strip() for process in several} == {(state / "seal.key").read_bytes().hex()}


# --- processes


@pytest.mark.skipif(not LINUX, reason="it kills by SIGKILL")
def test_a_search_that_was_killed_goes_on_without_a_name(here, state):
    genius_ = [sys.executable, "-P", "-m", "genius"]
    search = [*genius_, "search", "script.py", "--proposer", "random", "--iterations", "200", "--run", "run"]
    process = subprocess.Popen(search, cwd=here, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    journal = here / "run" / "candidates.jsonl"
    while not journal.exists() or journal.read_bytes().count(b"\n") < 2:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert sealed_settings(here / "run") is not None
    done = journal.read_bytes().count(b"\n")
    resume = [*genius_, "resume", str(here / "run"), "--iterations", str(done + 2)]
    ended = subprocess.run(resume, cwd=state.parent, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    shown = subprocess.run([*genius_, "show", "run"], cwd=here, capture_output=True, text=True, check=True).stdout
    assert "Not finished" not in shown


@pytest.mark.parametrize("trusted", [False, True])
async def test_a_command_runs_where_it_was_named_and_in_no_stranger_s_folder(here, state, monkeypatch, trusted):
    for name, value in (("here", 1), ("elsewhere", 2)):
        (here / name).mkdir()
        (here / name / "score.py").write_text(f"print({value})")
    shutil.copy(here / "sealed_module.py", here / "elsewhere")
    command = f"{sys.executable} score.py {{width}}"
    monkeypatch.chdir(here / "here")
    asked = {"space": {"width": [1, 2, 3, 4]}, "command": command, "evaluator": "command"}
    run = await begun(here / "run", **asked)
    monkeypatch.chdir(here / "elsewhere")
    values = [each.measurement.value for each in (await genius.resume(run, iterations=2)).trials[0].candidates]
    assert values == [1, 1]
    copy = shutil.copytree(await begun(here / "another", **asked), here / "copy")
    edited(copy, {"run": {"working_folder": str(here / "here")}})
    with pytest.raises(genius.GeniusError, match="names the command"):
        await genius.resume(copy, iterations=2)
    with pytest.raises(genius.GeniusError, match=r"names the command .*; it is your own run, and in .*here it goes on"):
        await genius.resume(run, iterations=3, proposer="sealed_module:propose")
    allowed = {"trust": True} if trusted else {"command": command}
    found = await genius.resume(copy, iterations=2, **allowed)
    assert found.trials[0].candidates[-1].measurement.value == (1 if trusted else 2)
