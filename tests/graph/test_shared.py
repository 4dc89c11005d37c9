"""A run folder that a stranger sends: it runs no code, steals no key, and leads to no file but its own."""

import json
import os
import shutil
import sqlite3
import sys
from pathlib import Path
from typing import Any

import genius
import ormsgpack
import pytest
from genius.cli import main
from genius.graph.checkpoints import PlainSerializer
from genius.graph.trust import going_on, resume_command
from genius.record.candidate import Candidate
from genius.record.measurement import Measurement
from genius.record.search_picture import draw
from genius.record.settings import LLMSettings, LoopSettings, Settings, TrainingSettings
from genius.schema import BadRecord
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.types import Interrupt

from ..conftest import says
from ..jobs import digits_job

KEY = "sk-a-key-that-nobody-else-may-see"
PAYLOAD = """
open({!r}, 'w').close()
from dataclasses import replace
from genius.spaces import SPACES
SPACE = replace(SPACES['nas-bench-macro'], name='payload')
"""


async def evaluate(architecture: genius.Architecture) -> genius.Measurement:
    return genius.Measurement(50.0 + sum(architecture))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Return a folder for a run."""
    return tmp_path / "run"


async def begun(run: Path, **options: Any) -> Path:
    """Make two iterations of a run."""
    await genius.search("nas-bench-macro", proposer="random", evaluator=evaluate, iterations=2, run=run, **options)
    return run


def tell(run: Path, told: dict[str, Any]) -> None:
    """Change what `search.json` tells, by paths such as `llm.timeout`."""
    path = run / "search.json"
    held = json.loads(path.read_text())
    for at, value in told.items():
        group, dot, name = at.partition(".")
        (held[group] if dot else held)[name if dot else group] = value
    path.write_text(json.dumps(held))


# --- checkpoints


def extension(code: int, *content: Any) -> ormsgpack.Ext:
    return ormsgpack.Ext(code, ormsgpack.packb(content))


def objects(proof: Path) -> dict[str, tuple[str, bytes]]:
    """Return values that would write a file, or make an object, where they were read as LangGraph can."""
    command = f"touch {proof}"
    pos = extension(1, "os", "system", (command,))
    found = {
        "one argument": extension(0, "os", "system", command),
        "arguments": pos,
        "named arguments": extension(2, "subprocess", "getoutput", {"cmd": command}),
        "method": extension(3, "pathlib", "Path", str(proof), "touch"),
        "pydantic 1": extension(4, "subprocess", "getoutput", {"cmd": command}),
        "pydantic 2": extension(5, "subprocess", "getoutput", {"cmd": command}, "model_validate_json"),
        "array": extension(6, "<i8", (1,), "C", bytes(8)),
        "set": extension(0, "builtins", "set", (1, 2)),
        "pattern": extension(1, "re", "compile", ("(a+)+$", 0)),
        "message": extension(2, "langchain_core.messages.ai", "AIMessage", {"content": "x"}),
        "command": extension(2, "langgraph.types", "Command", {"goto": "trainer"}),
        "unknown": ormsgpack.Ext(99, b"x"),
        "in an interrupt": extension(2, "langgraph.types", "Interrupt", {"value": pos, "id": "x"}),
    }
    packed = {name: ("msgpack", ormsgpack.packb({"x": [value]})) for name, value in found.items()}
    written = {"lc": 2, "type": "constructor", "id": ["os", "system"], "args": [command]}
    packed["json"] = ("json", json.dumps({"x": written}).encode())
    prompt = {"lc": 1, "type": "constructor", "id": ["langchain", "prompts", "prompt", "PromptTemplate"], "kwargs": {}}
    packed["json of LangChain"] = ("json", json.dumps(prompt).encode())
    packed["pickle"] = ("pickle", b"cos\nsystem\n(S'touch x'\ntR.")
    return packed


KINDS = sorted(objects(Path()))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", ["checkpoint", "write"])
async def test_a_checkpoint_that_holds_an_object_is_refused_and_nothing_is_made(run, tmp_path, caplog, kind, place):
    await begun(run)
    type_, value = objects(tmp_path / "proof")[kind]
    with sqlite3.connect(run / "checkpoints.sqlite") as database:
        if place == "checkpoint":
            database.execute("UPDATE checkpoints SET type = ?, checkpoint = ?", (type_, value))
        else:
            rows = "SELECT thread_id, checkpoint_ns, checkpoint_id, 'task', '', 0, 'done', ?, ? FROM checkpoints"
            database.execute(f"INSERT OR REPLACE INTO writes {rows}", (type_, value))
    database.close()
    for going in (
        genius.resume(run, evaluator=evaluate, iterations=3),
        genius.fork(run, 1, to=tmp_path / "fork", evaluator=evaluate),
    ):
        with pytest.raises(
            genius.GeniusError, match=r"checkpoints\.sqlite cannot be used: it holds .* plain"
        ) as failure:
            await going
        assert str(failure.value).isprintable()
    assert not (tmp_path / "proof").exists()
    assert caplog.text == ""


def test_plain_values_and_interrupts_are_read():
    ours, theirs = PlainSerializer(), JsonPlusSerializer()
    for value in (None, 1, 2.5, "text", [1, {"a": None}], [Interrupt(value={"question": [1]}, id="x")]):
        assert ours.loads_typed(theirs.dumps_typed(value)) == value
    with pytest.raises(BadRecord, match="nothing was made of it"):
        ours.loads_typed(theirs.dumps_typed({1, 2}))


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("CREATE TRIGGER t AFTER INSERT ON writes BEGIN SELECT 1; END", "more than the tables of LangGraph"),
        ("CREATE VIEW v AS SELECT 1", "more than the tables of LangGraph"),
        ("CREATE TABLE more (x)", "more than the tables of LangGraph"),
        ('UPDATE checkpoints SET metadata = \'{"step": "1"}\'', "metadata.step must be a whole number"),
        ("UPDATE checkpoints SET metadata = '[' || replace(hex(zeroblob(9999)), '0', '[')", "cannot be used"),
        ("UPDATE checkpoints SET checkpoint_id = 'ffffffff' || substr(checkpoint_id, 9)", "with the id ffffffff"),
    ],
)
async def test_a_checkpoint_file_of_another_shape_is_refused(run, statement, words):
    await begun(run)
    with sqlite3.connect(run / "checkpoints.sqlite") as database:
        if "checkpoint_id =" in statement:
            statement += " WHERE rowid = (SELECT max(rowid) FROM checkpoints)"
        database.execute(statement)
    database.close()
    with pytest.raises(genius.GeniusError) as failure:
        await genius.resume(run, evaluator=evaluate, iterations=3)
    assert words in str(failure.value)


async def test_a_journal_of_sqlite_removes_no_file(run, tmp_path):
    await begun(run)
    victim = tmp_path / "victim.txt"
    victim.write_text("kept")
    end = os.fsencode(victim).ljust(256, b"\0") + bytes(8) + bytes.fromhex("d9d505f920a163d7")
    (run / "checkpoints.sqlite-journal").write_bytes(bytes(512) + end)
    with pytest.raises(genius.GeniusError, match="its rollback journal names another file"):
        await genius.resume(run, evaluator=evaluate, iterations=3)
    assert victim.read_text() == "kept"


# --- modules


@pytest.fixture
def payload(tmp_path, monkeypatch):
    """Put a module into the current folder that leaves a proof of being imported; returns the proof's path."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "payload", raising=False)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "payload.py").write_text(PAYLOAD.format(str(tmp_path / "proof")))
    yield tmp_path / "proof"
    sys.modules.pop("payload", None)


def command(monkeypatch, capsys, *arguments: object) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["genius", *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0), capsys.readouterr().err


def foreign(run: Path, told: dict[str, Any] | None = None) -> Path:
    """Write a stranger's run folder: two iterations of three."""
    run.mkdir()
    Settings(space="nas-bench-macro", proposer="random", loop=LoopSettings(iterations=3)).save(run)
    tell(run, told or {})
    found = [Candidate(1, at, architecture=(at,) * 8, measurement=Measurement(50.0)).to_json() for at in (1, 2)]
    (run / "candidates.jsonl").write_text("".join(json.dumps(line) + "\n" for line in found))
    return run


@pytest.mark.parametrize("arguments", [("show",), ("resume",), ("fork", "--at", 0), ("train",), ("export",)])
def test_a_module_that_a_run_names_is_not_imported(run, payload, monkeypatch, capsys, arguments):
    foreign(run, {"space": "payload:SPACE"})
    name, *rest = arguments
    code, said = command(monkeypatch, capsys, name, run, *rest)
    assert not payload.exists()
    if name == "show":
        assert code == 0
        return
    assert code == 2
    assert "names the module 'payload:SPACE'" in said
    assert "--space payload:SPACE" in said
    assert "--trust" in said
    assert said.count("\n") == 1


OF_A_PLUG_IN = {
    "proposer": "--proposer",
    "evaluator": "--evaluator",
    "training.data": "--data",
    "training.recipe": "--recipe",
    "training.on": "--on",
}


@pytest.mark.parametrize("setting", OF_A_PLUG_IN)
@pytest.mark.parametrize("arguments", [("show",), ("resume",), ("fork", "--at", 0), ("train",), ("export",)])
def test_no_kind_of_plug_in_that_a_run_names_is_imported(run, payload, monkeypatch, capsys, setting, arguments):
    foreign(run, {setting: "payload:THING"})
    name, *rest = arguments
    code, said = command(monkeypatch, capsys, name, run, *rest)
    assert not payload.exists()
    if name in ("resume", "fork"):
        assert code == 2
        assert f"({OF_A_PLUG_IN[setting]} payload:THING)" in said


@pytest.mark.parametrize("setting", ["space", *OF_A_PLUG_IN, "llm.base_url"])
def test_a_run_s_own_settings_start_no_search_with_what_they_alone_name(run, payload, monkeypatch, capsys, setting):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-user")
    value = "http://203.0.113.9/v1" if setting == "llm.base_url" else "payload:THING"
    models = {"proposer": "model", "llm.models": ["openai:gpt-4o"]} if setting == "llm.base_url" else {}
    foreign(run, {setting: value, **models})
    code, said = command(monkeypatch, capsys, "search", "--config", run / "search.json", "--run", "new")
    assert (code, payload.exists(), Path("new").exists()) == (2, False, False)
    assert f"names the {'server' if models else ''}" in said
    assert "--trust" in said


@pytest.mark.parametrize("setting", ["evaluator", "proposer"])
async def test_a_plug_in_is_imported_where_it_is_named_again(run, payload, setting):
    foreign(run, {setting: "payload:THING"})
    with pytest.raises(genius.GeniusError, match=r"there is no .* 'payload:THING'"):
        await genius.resume(run, **{setting: "payload:THING"})
    assert payload.exists()


def test_a_module_that_a_training_names_is_not_imported(tmp_path, payload, monkeypatch, capsys):

    digits_job(tmp_path / "job", space="payload:SPACE", architecture=(1,) * 8, downloads=tmp_path).save()
    code, said = command(monkeypatch, capsys, "export", tmp_path / "job")
    assert (code, payload.exists()) == (2, False)
    assert "job.json names the module 'payload:SPACE'" in said
    code, said = command(monkeypatch, capsys, "export", tmp_path / "job", "--space", "payload:SPACE")
    assert payload.exists()
    assert "holds no weights" in said


def test_the_weights_of_a_training_are_not_taken_from_elsewhere(tmp_path, monkeypatch, capsys):

    digits_job(tmp_path / "job", architecture=(1,) * 9, downloads=tmp_path).save()
    (tmp_path / "private.safetensors").write_bytes(b"weights of others")
    (tmp_path / "job" / "weights.safetensors").symlink_to(tmp_path / "private.safetensors")
    code, said = command(monkeypatch, capsys, "export", tmp_path / "job", "--out", tmp_path / "bundle")
    assert (code, (tmp_path / "bundle").exists()) == (2, False)
    assert "weights.safetensors is a link" in said


@pytest.mark.parametrize("allowed", [{"trust": True}, {"space": "payload:SPACE"}])
async def test_a_module_is_imported_where_it_is_named_again_or_trusted(run, payload, allowed):
    foreign(run, {"space": "payload:SPACE"})
    assert (await genius.resume(run, evaluator=evaluate, **allowed)).finished
    assert payload.exists()


async def test_another_name_is_not_the_same_name(run, payload):
    foreign(run, {"space": "payload:SPACE"})
    with pytest.raises(genius.GeniusError, match="searches payload:SPACE, and nas-bench-macro is another space"):
        await genius.resume(run, space="nas-bench-macro", evaluator=evaluate)
    assert not payload.exists()


# --- servers and paths


async def test_a_server_that_a_run_names_gets_no_call_and_no_key(run, openai_server, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    foreign(run, {"proposer": "model", "llm.models": ["openai:m"], "llm.base_url": openai_server.url})
    with pytest.raises(genius.GeniusError, match=r"names the server 'http://127\.0.*--base-url http://127.*--trust"):
        await genius.resume(run, evaluator=evaluate)
    assert openai_server.calls == []
    openai_server.answer = lambda call: says("Architecture: [0, 1, 2, 0, 1, 2, 0, 1]")
    assert (await genius.resume(run, evaluator=evaluate, base_url=openai_server.url)).finished
    assert openai_server.headers[0]["authorization"] == f"Bearer {KEY}"


async def test_a_server_that_the_environment_names_is_asked(run, openai_server, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", openai_server.url)
    foreign(run, {"proposer": "model", "llm.models": ["openai:m"], "llm.base_url": openai_server.url})
    openai_server.answer = lambda call: says("Architecture: [0, 1, 2, 0, 1, 2, 0, 1]")
    assert (await genius.resume(run, evaluator=evaluate)).finished


@pytest.mark.parametrize(
    ("told", "again"),
    [
        ({"llm.models": ["openai:m@http://127.0.0.1:9/v1"]}, "--llm openai:m@http://127.0.0.1:9/v1"),
        ({"llm.models": ["openai:m", "openai:m@http://127.0.0.1:9/v1"]}, "--llm openai:m@http"),
        ({"llm.models": ["huggingface:stranger/model"]}, "--llm huggingface:stranger/model"),
        ({"llm.models": ["azure_openai:m"]}, "--llm azure_openai:m"),
        ({"llm.models": ["replay:/etc/passwd"]}, "--llm replay:/etc/passwd"),
        (
            {"llm.models": ["openai:m"], "llm.reflector_llm": "openai:m@http://127.0.0.1:9/v1"},
            "--reflector-llm openai:m@http",
        ),
        (
            {"llm.models": ["openai:m"], "llm.options": {"top_p": 0.5, "default_headers": {"a": "b"}}},
            "--llm-option 'default",
        ),
        (
            {"llm.models": ["openai:m"], "llm.options": {"openai_proxy": "http://127.0.0.1:9"}},
            "--llm-option openai_proxy=",
        ),
        ({"llm.models": ["local"], "llm.model_file": "/tmp/stranger.gguf"}, "--model-file /tmp/stranger.gguf"),
        ({"training.table": "/tmp/own.json"}, "--table /tmp/own.json"),
        ({"training.table": "//host/own.json", "run.table_sha256": "0" * 64}, "--table //host/own.json"),
        ({"downloads": "//host/data"}, "--downloads //host/data"),
        ({"downloads": "/tmp/data", "training.data": "imagenet"}, "--downloads /tmp/data"),
        ({"training.data": "folder:/tmp"}, "--data folder:/tmp"),
        ({"training.on": "ray:127.0.0.1:9"}, "--on ray:127.0.0.1:9"),
        ({"training.on": "ray:auto"}, "--on ray:auto"),
        ({"training.on": "slurm"}, "--on slurm"),
        ({"training.on": "slurm", "training.slurm": ["partition=gpu"]}, "--on slurm --slurm partition=gpu"),
        ({"training.on": "payload:POOL"}, "--on payload:POOL"),
        ({"training.data": "payload:PHOTOS"}, "--data payload:PHOTOS"),
        ({"training.recipe": "payload:RECIPE"}, "--recipe payload:RECIPE"),
        ({"proposer": "payload:propose"}, "--proposer payload:propose"),
        ({"evaluator": "payload:evaluate"}, "--evaluator payload:evaluate"),
    ],
)
@pytest.mark.parametrize("going", ["resume", "fork"])
async def test_what_a_run_alone_names_is_asked_for(run, tmp_path, monkeypatch, told, again, going):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    proposer = {"proposer": "model"} if "llm.models" in told else {}
    foreign(run, proposer | told)
    with pytest.raises(genius.GeniusError) as failure:
        await (genius.resume(run) if going == "resume" else genius.fork(run, 0, to=tmp_path / "fork"))
    assert "a file alone names is neither imported, asked nor opened" in str(failure.value)
    assert again in str(failure.value)
    assert not (tmp_path / "fork").exists()


async def test_naming_one_option_of_a_provider_names_no_other(run, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    foreign(
        run, {"proposer": "model", "llm.models": ["openai:m"], "llm.options": {"openai_proxy": "http://127.0.0.1:9"}}
    )
    with pytest.raises(genius.GeniusError, match=r"names the option 'openai_proxy=http://127\.0\.0\.1:9'"):
        await genius.resume(run, evaluator=evaluate, set=["llm.options.top_p=0.5"])


async def test_asking_for_a_language_model_names_no_model(run, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    foreign(run, {"proposer": "model", "llm.models": ["openai:m@http://127.0.0.1:9/v1"]})
    with pytest.raises(genius.GeniusError, match=r"names the language model 'openai:m@http://127\.0\.0\.1:9/v1'"):
        await genius.resume(run, evaluator=evaluate, proposer="model")


@pytest.mark.parametrize("change", ["llm.base_url={url}", 'llm.options={{"openai_proxy": "{url}"}}'])
async def test_a_setting_that_is_named_by_its_path_is_named(run, openai_server, monkeypatch, change):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    foreign(run, {"proposer": "model", "llm.models": ["openai:m"], "loop.iterations": 2})
    named = change.format(url=openai_server.url)
    assert (await genius.resume(run, evaluator=evaluate, set=[named])).finished
    if "base_url" in change:
        openai_server.answer = lambda call: says("Architecture: [0, 1, 2, 0, 1, 2, 0, 1]")
        assert (await genius.resume(run, evaluator=evaluate, set=[named, "loop.iterations=3"])).finished


@pytest.mark.parametrize("kept", [True, False])
async def test_the_command_that_a_search_prints_names_what_no_key_seals(
    openai_server, run, tmp_path, monkeypatch, kept
):
    if not kept:
        (tmp_path / "state").write_text("a file in the place of the folder")
        monkeypatch.setenv("GENIUS_STATE", str(tmp_path / "state"))
    with pytest.raises(genius.RunFailed) as failure:
        await genius.search(
            "nas-bench-macro", llm="openai:m", base_url=openai_server.url, evaluator=evaluate, run=run, tries=1
        )
    again = "" if kept else f" --base-url {openai_server.url}"
    assert f"go on with `genius resume {run}{again}`" in str(failure.value)


SECRETS = [
    "http://me:hush@h/v1",
    "http://hush@h/v1",
    "https://h/v1?sig=hush",
    "https://h/v1?k=hush",
    "http://h/v1#hush",
]


@pytest.mark.parametrize("url", SECRETS)
@pytest.mark.parametrize("place", ["base_url", "llm", "fallback", "option"])
async def test_a_secret_in_a_url_is_refused_and_written_nowhere(tmp_path, monkeypatch, url, place):
    monkeypatch.chdir(tmp_path)
    options: dict[str, Any] = {
        "base_url": {"llm": "openai:m", "base_url": url},
        "llm": {"llm": f"openai:m@{url}"},
        "fallback": {"llm": ["openai:m", f"openai:m@{url}"], "base_url": "http://127.0.0.1:9/v1"},
        "option": {"llm": "openai:m", "base_url": "http://127.0.0.1:9/v1", "llm_options": (f"openai_proxy={url}",)},
    }[place]
    with pytest.raises(genius.GeniusError, match=r"may be a secret|holds a secret") as failure:
        await genius.search("nas-bench-macro", evaluator=evaluate, run=tmp_path / "run", **options)
    assert "hush" not in str(failure.value)
    assert not list(tmp_path.iterdir())


# --- links


FILES = ("search.json", "candidates.jsonl", "calls.jsonl", "trace.jsonl", "checkpoints.sqlite", "lock")
MORE = ("checkpoints.sqlite-wal", "checkpoints.sqlite-journal", "search.png", "evaluations", "evaluations/trial-1/x")


@pytest.mark.parametrize("name", [*FILES, *MORE])
async def test_a_link_in_a_run_folder_is_not_followed(run, tmp_path, name):
    await begun(run)
    victim = tmp_path / "victim"
    victim.write_text("private")
    path = run / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(victim)
    for going in (
        genius.resume(run, evaluator=evaluate, iterations=3),
        genius.fork(run, 1, to=tmp_path / "fork", evaluator=evaluate),
    ):
        with pytest.raises(genius.GeniusError, match=f"{name} .*is a link: in a run folder"):
            await going
    assert victim.read_text() == "private"


@pytest.mark.parametrize("name", FILES[:3])
def test_a_pipe_or_a_device_in_a_run_folder_does_not_hang(run, name):
    foreign(run)
    (run / name).unlink(missing_ok=True)
    os.mkfifo(run / name)
    with pytest.raises(genius.GeniusError, match="is no file"):
        genius.read(run)
    (run / name).unlink()
    (run / name).symlink_to("/dev/zero")
    with pytest.raises(genius.GeniusError, match="is a link"):
        genius.read(run)


async def test_a_picture_is_drawn_over_no_link(run, tmp_path):
    await begun(run)
    victim = tmp_path / "victim"
    victim.write_text("kept")
    (run / "search.png").symlink_to(victim)
    draw(genius.read(run), run)
    assert not (run / "search.png").is_symlink()
    (run / f".search.png.{os.getpid()}").symlink_to(victim)
    with pytest.raises(genius.GeniusError, match="is a link"):
        draw(genius.read(run), run)
    assert victim.read_text() == "kept"


async def test_a_run_without_write_permission_is_shown_and_forked(run, tmp_path, monkeypatch):
    await begun(run)
    before = {path: path.read_bytes() for path in run.iterdir()}
    real = os.open

    def refusing(path: Any, flags: int, *more: Any, **named: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and str(path).startswith(str(run)):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, flags, *more, **named)

    monkeypatch.setattr(os, "open", refusing)
    assert len(genius.read(run).trials[0].candidates) == 2
    fork = await genius.fork(run, 1, to=tmp_path / "fork", evaluator=evaluate)
    assert len(fork.trials[0].candidates) == 2
    with pytest.raises(genius.GeniusError, match="cannot be locked"):
        await genius.resume(run, evaluator=evaluate, iterations=3)
    assert {path: path.read_bytes() for path in run.iterdir()} == before


@pytest.mark.parametrize("name", FILES[:3])
def test_a_file_that_is_one_long_line_is_refused_without_reading_all_of_it(run, name):
    foreign(run)
    with (run / name).open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(genius.GeniusError, match=r"of more than|holds more than"):
        genius.read(run)


def test_a_line_that_tells_of_an_iteration_again_is_refused(run):
    foreign(run)
    lines = (run / "candidates.jsonl").read_text()
    (run / "candidates.jsonl").write_text(lines + lines.splitlines()[0] + "\n")
    with pytest.raises(genius.GeniusError, match=r"line 3, repeats the record of an earlier line"):
        genius.read(run)


def test_an_architecture_of_another_space_is_refused(run):
    foreign(run, {"space": "digits"})
    with pytest.raises(genius.GeniusError, match=r"iteration 1, holds no architecture of digits: expected 9 numbers"):
        genius.read(run)


@pytest.mark.parametrize(
    "told",
    [
        *({"loop.trials": 1e30}, {"loop.iterations": 10**9}, {"training.workers": 10**6}, {"loop.seed": -1}),
        *({"run.custom": "space"}, {"training.on": 5}, {"training.memory": []}, {"loop.disguise": "yes"}),
        *({"space": None}, {"proposer": "x"}, {"llm.timeout": 1e300}, {"run.sent": [{"left_out": [[]]}]}),
    ],
)
async def test_settings_of_a_wrong_type_or_size_are_refused_at_once(run, told):
    foreign(run, told)
    with pytest.raises(genius.GeniusError) as failure:
        await genius.resume(run, evaluator=evaluate)
    assert next(iter(told)) in str(failure.value)
    assert str(failure.value).isprintable()


def test_a_copy_of_a_run_is_the_run(run, tmp_path):
    shutil.copytree(foreign(run), tmp_path / "copy")
    assert genius.read(tmp_path / "copy").to_json()["iterations"] == genius.read(run).to_json()["iterations"]


def test_the_command_that_goes_on_names_again_what_a_file_alone_does_not(tmp_path: Path) -> None:
    settings = Settings(
        space="digits",
        proposer="model",
        llm=LLMSettings(models=("openai:m",), base_url="http://127.0.0.1:8000/v1"),
        training=TrainingSettings(data=f"folder:{tmp_path}/my images"),
    )
    settings.save(tmp_path)
    expected = f"genius resume {tmp_path} --base-url http://127.0.0.1:8000/v1 --data 'folder:{tmp_path}/my images'"
    assert going_on(tmp_path) == resume_command(tmp_path, settings) == expected
    (tmp_path / "search.json").unlink()
    assert going_on(tmp_path) == f"genius resume {tmp_path}"
