"""Starts and beliefs, notebooks, hints and design principles as a user types and reads them."""

import json
from pathlib import Path

import pytest
from genius.record.settings import Settings

BELIEFS = {
    "starts": [[2] * 8],
    "options": [{"decision": "layer 8", "option": 0, "score": -1, "why": "it ends too early"}],
    "pairs": [],
    "costs": [{"cost": "flops", "score": 1, "why": "larger networks learn more"}],
}
PRINCIPLES = {"principles": [{"principle": "Keep the last layer.", "options": [{"decision": "layer 8", "option": 2}]}]}


@pytest.fixture
def server(openai_server):
    """A server of two models: one proposes and believes, the other one reflects."""
    made = iter(range(1, 100))

    def answer(call):
        schema = call.get("response_format", {}).get("json_schema", {}).get("name")
        if schema == "beliefs":
            return openai_server.says(json.dumps(BELIEFS))
        if schema == "principles":
            return openai_server.says(json.dumps(PRINCIPLES))
        if schema is None:
            return openai_server.says("Hypotheses: the last layer counts.\nPlan: keep it.")
        return openai_server.says(json.dumps({"rationale": "next", "architecture": [next(made) % 3] + [1] * 6 + [2]}))

    openai_server.answer = answer
    return openai_server


@pytest.fixture
def genius(command_line, in_this_process, monkeypatch):
    """Return a function that runs the command in an empty folder."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
    monkeypatch.setenv("COLUMNS", "200")
    return command_line


@pytest.fixture
def asked(server, tables) -> list[object]:
    models = ["--llm", f"openai:one@{server.url}", "--reflector-llm", f"openai:two@{server.url}"]
    flags = ["--proposer", "model", "--beliefs", "--reflect-every", 1, "--principles", "--iterations", 2]
    return ["search", "nas-bench-macro", *models, *flags, "--run", "r", "--downloads", tables]


def test_a_run_shows_what_its_model_made_of_it(genius, asked, server, tmp_path):
    done = genius(*asked)
    assert done.returncode == 0, done.stderr
    one, two = f"openai:one@{server.url}", f"openai:two@{server.url}"
    told = "\n".join(line.strip() for line in genius("show", "r").stdout.splitlines())
    for shown in (done.stdout, told):
        assert f"the beliefs of {one} before anything was measured:" in shown
        assert "start: [2, 2, 2, 2, 2, 2, 2, 2]" in shown
        assert "because larger networks learn more" in shown
        assert (
            f"the notebook of {two}, before iteration 2:\nHypotheses: the last layer counts.\nPlan: keep it." in shown
        )
        assert f"the design principles that {two} draws" in shown
        assert "1. Keep the last layer. [layer 8 = " in shown
    notes = json.loads(genius("show", "r", "--json").stdout)["notes"]
    assert notes["beliefs"]["author"] == one
    assert notes["beliefs"]["beliefs"]["costs"] == [
        {"cost": "flops", "score": 1.0, "why": "larger networks learn more"}
    ]
    assert notes["notebook"]["author"] == notes["principles"]["author"] == two
    assert [call["model"] for call in server.calls] == ["one", "one", "two", "one", "two"]
    assert [sent["llm"] for sent in Settings.load(tmp_path / "r").run.sent] == [one, two]


def test_the_notes_need_not_be_made(genius, asked, server):
    plain = [word for word in asked if word not in ("--beliefs", "--principles")]
    done = genius(*plain, "--no-beliefs", "--no-principles", "--set", "loop.reflect_every=0")
    assert done.returncode == 0, done.stderr
    assert [call["model"] for call in server.calls] == ["one", "one"]


def test_a_hint_is_typed_and_told(genius, asked, server, tmp_path):
    assert genius(*asked).returncode == 0
    refused = genius("hint", "r", "too late")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "r is finished, and nothing more is proposed; `genius resume r --iterations N` goes on" in refused.stderr
    nowhere = genius("hint", "nowhere", "hello")
    assert (nowhere.returncode, "nowhere is not a run folder" in nowhere.stderr) == (2, True)
    settings = json.loads((tmp_path / "r" / "search.json").read_text())
    settings["loop"]["iterations"] = 3
    (tmp_path / "r" / "search.json").write_text(json.dumps(settings))
    done = genius("hint", "r", "the third stage matters most")
    assert (done.returncode, done.stdout) == (0, "")
    assert "the model is told before its next proposal" in done.stderr
    went_on = genius("resume", "r", "--iterations", 3, "--trust")
    assert went_on.returncode == 0, went_on.stderr
    assert "a person's hint is told to the model: the third stage matters most" in went_on.stderr
    assert "- the third stage matters most (before iteration 3)" in genius("show", "r").stdout
    asked_last = [call for call in server.calls if call["model"] == "one"][-1]["messages"][-1]["content"]
    assert "A person who follows this search says:\n> - the third stage matters most" in asked_last


@pytest.mark.parametrize("named", ["local", "human"])
def test_a_model_that_writes_nothing_keeps_no_notebook(genius, asked, named, tmp_path, request):
    if named == "local":
        pytest.importorskip("llama_cpp")
    words = [named if "two@" in str(word) else word for word in asked]
    done = genius(*words)
    assert done.returncode == 2
    assert f"{named} proposes and writes no notebook: name a chat model with --reflector-llm" in done.stderr
    assert not (tmp_path / "r").exists()


def test_a_reflector_with_a_key_in_its_name_is_refused(genius, asked, tmp_path):
    words = ["openai:m@http://me:secret@127.0.0.1/v1" if "two@" in str(word) else word for word in asked]
    done = genius(*words)
    assert done.returncode == 2
    assert "secret@" not in done.stderr
    assert not Path(tmp_path / "r").exists()
