"""Traces by OpenTelemetry: what a receiver of OTLP gets from a search, and what Arize Phoenix shows of it."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from genius.agents.calling import callbacks_named
from genius.errors import GeniusError

from ..conftest import OpenAIServer, fails, says
from ..otlp_receiver import otlp_receiver

pytest.importorskip(
    "openinference.instrumentation.langchain", reason="OpenInference is not installed: pip install 'genius-nas[trace]'"
)
_KEY = "sk-test-7f3a9c41d2e8"
PHOENIX = shutil.which("phoenix") or os.environ.get("GENIUS_TEST_PHOENIX")
"""The program of Arize Phoenix, which may be installed in an environment of its own."""


def search(folder: Path, server: OpenAIServer, endpoint: str, *options: str, code: int = 0) -> None:
    """Search from the command line, in a process of its own that is told of the endpoint by its variable alone."""
    (folder / "space.yaml").write_text("decisions:\n  width: [16, 32, 64]\n  depth: [1, 2, 3]\n")
    (folder / "scored.py").write_text("def score(config):\n    return config['width'] / config['depth']\n")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LANGSMITH_", "OTEL_"))}
    told = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OPENAI_API_KEY": _KEY, "LANGSMITH_TRACING": "false"}
    model = ("--llm", "openai:test-model", "--base-url", server.url, "--proposer", "model", "--when-done", "stop")
    evaluator = ("--evaluator", "scored:score", "--set", "training.in_process=true")
    asked = ["search", "space.yaml", *model, *evaluator, "--iterations", "2", "--tries", "1", "--run", "run", *options]
    command = [sys.executable, "-m", "genius", *asked, "--callback", "otel"]
    done = subprocess.run(command, cwd=folder, env=kept | told, capture_output=True, text=True)
    assert done.returncode == code, done.stderr


def replies() -> list[Any]:
    call = {"id": "1", "type": "function", "function": {"name": "predict", "arguments": '{"architecture": "x"}'}}
    return [
        says(None, finish="tool_calls", tokens=(100, 10), tool_calls=[call]),
        says('{"width": 64, "depth": 1}', tokens=(200, 20)),
        says('{"width": 32, "depth": 1}', tokens=(300, 30)),
    ]


def test_a_search_arrives_with_kinds_inputs_tokens_and_one_session(tmp_path: Path, openai_server: OpenAIServer) -> None:
    openai_server.script = replies()
    with otlp_receiver() as received:
        search(tmp_path, openai_server, received.url, "--tools")
    spans = received.spans
    kinds = {span["name"]: span["openinference.span.kind"] for span in spans}
    assert kinds["openai:test-model"] == "LLM"
    assert kinds["proposer"] == kinds["reflector"] == "AGENT"
    assert kinds["validator"] == kinds["trainer"] == kinds["space iteration 1"] == "CHAIN"
    assert "TOOL" in kinds.values()
    run = json.loads((tmp_path / "run" / "search.json").read_text())
    assert {span["session.id"] for span in spans} == {f"{run['space']}-{run['run']['id']}"}
    assert {span["service"] for span in spans} == {"genius"}
    roots = [span["name"] for span in spans if not span["parent"]]
    assert roots == ["space iteration 1", "space iteration 2"]
    calls = [span for span in spans if span["openinference.span.kind"] == "LLM"]
    assert [call["llm.token_count.prompt"] for call in calls] == [100, 200, 300]
    assert [call["llm.token_count.completion"] for call in calls] == [10, 20, 30]
    assert "width" in calls[0]["llm.input_messages.1.message.content"]
    assert '"width": 64' in calls[1]["llm.output_messages.0.message.content"]
    assert all(span["input.value"] and span["output.value"] for span in calls)


def test_a_server_that_quotes_the_key_is_sent_without_it(tmp_path: Path, openai_server: OpenAIServer) -> None:
    openai_server.script = [fails(401, f"Incorrect API key provided: {_KEY}", code="invalid_api_key")]
    with otlp_receiver() as received:
        search(tmp_path, openai_server, received.url, code=1)
    assert {"space iteration 1", "proposer", "openai:test-model"} <= {span["name"] for span in received.spans}
    assert b"Incorrect API key provided: <OPENAI_API_KEY>" in received.content
    assert _KEY.encode() not in received.content
    assert _KEY not in received.headers


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openinference.instrumentation.langchain", None)
    with pytest.raises(GeniusError, match=r"OpenTelemetry is not installed: pip install 'genius-nas\[trace\]'"):
        callbacks_named(["otel"])


@pytest.mark.heavy
@pytest.mark.skipif(PHOENIX is None, reason="Arize Phoenix is not installed: pip install 'genius-nas[phoenix]'")
def test_phoenix_shows_nodes_tokens_and_the_session(tmp_path: Path, openai_server: OpenAIServer) -> None:
    openai_server.script = replies()
    with socket.socket() as http, socket.socket() as grpc:
        http.bind(("127.0.0.1", 0))
        grpc.bind(("127.0.0.1", 0))
        ports = {"PHOENIX_PORT": str(http.getsockname()[1]), "PHOENIX_GRPC_PORT": str(grpc.getsockname()[1])}
    kept = {"PHOENIX_WORKING_DIR": str(tmp_path / "phoenix"), "PHOENIX_HOST": "127.0.0.1"}
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | ports | kept
    url = f"http://127.0.0.1:{ports['PHOENIX_PORT']}"
    assert PHOENIX is not None
    with (tmp_path / "phoenix.log").open("w") as log:
        serving = subprocess.Popen([PHOENIX, "serve"], env=environment, stdout=log, stderr=log)
    try:
        _wait(lambda: urllib.request.urlopen(f"{url}/healthz", timeout=5).status == 200)
        search(tmp_path, openai_server, url, "--tools")
        spans = _wait(lambda: [s for s in _spans(url) if len(_spans(url)) >= 12])
        sessions = json.load(urllib.request.urlopen(f"{url}/v1/projects/default/sessions", timeout=10))["data"]
    finally:
        serving.terminate()
        serving.wait(60)
    kinds = {span["name"]: span["span_kind"] for span in spans}
    assert (kinds["openai:test-model"], kinds["proposer"], kinds["validator"]) == ("LLM", "AGENT", "CHAIN")
    calls = [span["attributes"] for span in spans if span["span_kind"] == "LLM"]
    assert sorted(call["llm.token_count.prompt"] for call in calls) == [100, 200, 300]
    run = json.loads((tmp_path / "run" / "search.json").read_text())
    assert [session["session_id"] for session in sessions] == [f"{run['space']}-{run['run']['id']}"]
    assert len(sessions[0]["traces"]) == 2


def _spans(url: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.load(
        urllib.request.urlopen(f"{url}/v1/projects/default/spans?limit=100", timeout=10)
    )["data"]
    return found


def _wait(done: Any, seconds: float = 120.0) -> Any:
    """Wait until a function returns something, and return it; a server takes its time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if found := done():
                return found
        except OSError:
            pass
        time.sleep(0.3)
    raise TimeoutError
