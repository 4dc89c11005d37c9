"""Traces as a viewer gets them: real searches in processes of their own, a model and a receiver on loopback."""

import json
import os
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import genius
import pytest
from genius.spaces.decision import Decision
from genius.spaces.space import SearchSpace

from ..conftest import Answer, OpenAIServer, fails, says
from ..langsmith_receiver import Receiver, langsmith_receiver

_KEYS = {"OPENAI_API_KEY": "sk-test-7f3a9c41d2e8", "LANGSMITH_API_KEY": "lsv2_pt_5b0e6d2f8a17"}
_FAR_AWAY = 0.3  # seconds to every answer of the receiver: a process that ended without waiting would lose runs
_REPLIES = ["Wide layers first.\n[2, 1, 0]", "[2, 2]", "All of them, then.\n[2, 2, 1]"]

_SEARCH = """
import asyncio, json, sys, threading
import genius
from genius.spaces.cost import Cost
from genius.errors import RunFailed
from genius.spaces.decision import Decision
from genius.spaces.space import Architecture, Part, SearchSpace
from genius.record.measurement import Measurement

LAYERS = SearchSpace(
    name="layers",
    decisions=tuple(Decision(f"layer {number}", ("thin", "middle", "wide")) for number in range(3)),
    description="Three layers, each 0 thin, 1 middle or 2 wide.",
    build=lambda architecture: None,
    input_shape=(1, 8, 8),
    parts=tuple(Part((number,), lambda width: Cost(1000 * width, 10 * width)) for number in range(3)),
)

async def evaluate(architecture: Architecture) -> Measurement:
    return Measurement(accuracy=50.0 + sum(architecture))

error = None
try:
    asyncio.run(genius.search(LAYERS, evaluator=evaluate, **json.loads(sys.argv[1])))
except RunFailed as failed:
    error = str(failed)
from langsmith import run_trees
threads = [thread.name for thread in threading.enumerate()]
print(json.dumps({"error": error, "client": run_trees._CLIENT is not None, "threads": threads}))
"""
_COMMAND_LINE = "from genius.cli import main; main()"

LAYERS = SearchSpace(
    "layers",
    tuple(Decision(f"layer {number}", ("thin", "middle", "wide")) for number in range(8)),
    "Eight layers, each 0 thin, 1 middle or 2 wide.",
)

Run = dict[str, Any]


@dataclass(frozen=True)
class Ended:
    """A search that has ended: its run folder, what its process printed, and what the receiver got."""

    folder: Path
    printed: dict[str, Any]
    received: Receiver

    @property
    def runs(self) -> list[Run]:
        """The runs that arrived, in the order they began."""
        return sorted(self.received.runs.values(), key=lambda run: run["start_time"])

    @property
    def iterations(self) -> list[Run]:
        return self.under(None)

    @property
    def calls(self) -> list[Run]:
        return [run for run in self.runs if run["run_type"] == "llm"]

    def under(self, parent: Run | None) -> list[Run]:
        """Return the runs right below another; below None are the whole traces."""
        return [run for run in self.runs if run.get("parent_run_id") == (parent["id"] if parent else None)]

    @property
    def lines(self) -> list[Run]:
        """The runs in the run folder."""
        return [json.loads(line) for line in (self.folder / "trace.jsonl").read_text().splitlines()]

    @property
    def files(self) -> dict[str, bytes]:
        """All that is in the run folder."""
        return {str(path): path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}


def _search(folder: Path, script: list[Answer], **environment: str) -> Ended:
    """Search in a process of its own, with a LangSmith account that is used only if the environment says so."""
    with langsmith_receiver(_FAR_AWAY) as received, closing(OpenAIServer()) as server:
        server.script = script
        account = {"LANGSMITH_ENDPOINT": received.url, "LANGSMITH_PROJECT": "nets"}
        settings = {"llm": "openai:test-model", "proposer": "model", "base_url": server.url, "run": str(folder)}
        options = json.dumps(settings | {"iterations": 2, "seed": 7, "tries": 1})
        printed = json.loads(_python(_SEARCH, options, **_KEYS, **account, **environment))
    return Ended(folder, printed, received)


def _python(program: str, *arguments: str, code: int = 0, **environment: str) -> str:
    """Run a program that finds nothing in its environment that concerns traces but what is given here."""
    traces = ("LANGSMITH_", "LANGCHAIN_", "OTEL_")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(traces)}
    command = [sys.executable, "-c", program, *arguments]
    process = subprocess.run(command, env=inherited | environment, capture_output=True, text=True)
    assert process.returncode == code, process.stderr
    return process.stdout


def _replies() -> list[Answer]:
    return [says(text, tokens=(100 + call, 10 + call)) for call, text in enumerate(_REPLIES, start=1)]


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """Two iterations; the second takes two replies."""
    return _search(tmp_path_factory.mktemp("traced") / "run", _replies(), LANGSMITH_TRACING="true")


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """A model's server that quotes the key in its error, which none should."""
    error = fails(401, f"Incorrect API key provided: {_KEYS['OPENAI_API_KEY']}", code="invalid_api_key")
    return _search(tmp_path_factory.mktemp("refused") / "run", [error], LANGSMITH_TRACING="true")


@pytest.fixture(scope="module")
def untraced(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """The same search as `traced` by someone with an account at LangSmith who has not asked for traces."""
    return _search(tmp_path_factory.mktemp("untraced") / "run", _replies())


def test_every_run_has_its_name(traced: Ended) -> None:
    assert [run["name"] for run in traced.iterations] == ["layers iteration 1", "layers iteration 2"]
    first, second = ([run["name"] for run in traced.under(root)] for root in traced.iterations)
    assert first == ["reflector", "proposer", "validator", "trainer"]
    assert second == ["reflector", "proposer", "validator", "proposer", "validator", "trainer"]
    proposers = [run for run in traced.runs if run["name"] == "proposer"]
    assert [[run["name"] for run in traced.under(proposer)] for proposer in proposers] == [["openai:test-model"]] * 3
    assert not [run["name"] for run in traced.runs if "unnamed" in run["name"].lower() or "lambda" in run["name"]]


def test_every_run_has_tags_and_metadata(traced: Ended) -> None:
    thread = f"layers-{json.loads((traced.folder / 'search.json').read_text())['run']['id']}"
    names = {
        "space": "layers",
        "proposer": "model",
        "llm": "openai:test-model",
        "session_id": thread,
        "thread_id": thread,
    }
    for number, root in enumerate(traced.iterations, start=1):
        expected = names | {"seed": 7, "trial": 1, "iteration": number}
        trace = [run for run in traced.runs if run["trace_id"] == root["id"]]
        assert len(trace) >= 6
        for run in trace:
            assert expected.items() <= run["extra"]["metadata"].items()
            assert {"genius", "layers", "model"} <= set(run["tags"])


def test_every_run_arrives_whole_in_the_project(traced: Ended) -> None:
    ids = {run["id"] for run in traced.runs}
    assert {run.get("parent_run_id") for run in traced.runs} <= ids | {None}
    for run in traced.runs:
        assert run["session_name"] == "nets"
        assert run["end_time"] >= run["start_time"]
        assert run["outputs"]
        assert not run.get("error")


def test_token_counts_arrive(traced: Ended) -> None:
    expected = [(101, 11, 112), (102, 12, 114), (103, 13, 116)]
    for usages in (
        [call["extra"]["metadata"]["usage_metadata"] for call in traced.calls],
        [call["outputs"]["generations"][0][0]["message"]["kwargs"]["usage_metadata"] for call in traced.calls],
        [line["usage"] for line in traced.lines if line["run_type"] == "llm"],
    ):
        counts = [(usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]) for usage in usages]
        assert counts == expected


def test_what_the_model_read_and_wrote_arrives(traced: Ended) -> None:
    read = [call["inputs"]["messages"][0][-1]["kwargs"]["content"] for call in traced.calls]
    assert "Three layers" in read[0]
    assert "expected 3 numbers, got 2: [2, 2]" in read[2]
    assert [call["outputs"]["generations"][0][0]["text"] for call in traced.calls] == _REPLIES


@pytest.mark.parametrize("search", ["traced", "refused"])
def test_the_run_folder_has_the_same_runs(search: str, request: pytest.FixtureRequest) -> None:
    ended: Ended = request.getfixturevalue(search)
    fields = ("id", "trace_id", "parent_run_id", "name", "run_type")
    arrived = {tuple(run.get(field) for field in fields) for run in ended.runs}
    written = [tuple(line[field] for field in fields) for line in ended.lines]
    assert len(written) == len(set(written))
    assert set(written) == arrived
    for line in ended.lines:
        run = ended.received.runs[line["id"]]
        assert line.get("metadata", {}).items() <= run["extra"]["metadata"].items()


def test_the_file_tells_of_each_node_what_it_changed(traced: Ended) -> None:
    second = next(line["trace_id"] for line in traced.lines if line["name"] == "layers iteration 2")
    lines = [line for line in traced.lines if line["trace_id"] == second]
    nodes = [(line["name"], line["outputs"]) for line in lines if line["run_type"] == "chain" and "outputs" in line]
    told = {name: outputs.get("candidate") for name, outputs in reversed(nodes)}
    went = [outputs["goto"] for _, outputs in nodes if "goto" in outputs]
    assert went == ["proposer", "validator", "proposer", "validator", "trainer", "__end__"]
    assert told["reflector"]["iteration"] == 2
    assert set(told["proposer"]) == {"reply", "llm"}
    assert [call["outputs"][0]["text"] for call in lines if call["run_type"] == "llm"] == _REPLIES[1:]
    assert all(call["inputs"]["prompts"] for call in lines if call["run_type"] == "llm")
    (root,) = (line for line in lines if line["parent_run_id"] is None)
    assert root["metadata"]["iteration"] == 2


@pytest.mark.parametrize("options", [{"proposer": "model", "workers": 4}, {"proposer": "hybrid", "advice": True}])
async def test_the_file_stays_small(options, tmp_path: Path, openai_server: OpenAIServer) -> None:
    """Pending evaluations, advice, notes and offers are in the state of every node; each is told once."""
    openai_server.answer = lambda call: says("Wide, since width pays. " * 20 + str(_drawn(len(openai_server.calls))))
    run = tmp_path / "run"
    asked = {"llm": "openai:test-model", "base_url": openai_server.url, "iterations": 12, "run": run, "seed": 1}
    await genius.search(LAYERS, evaluator=lambda architecture: 50.0 + sum(architecture), **asked, **options)
    sizes = [len(line) for line in (run / "trace.jsonl").read_bytes().splitlines(keepends=True)]
    assert sum(sizes) / 12 < 5_000


def _drawn(number: int) -> list[int]:
    return [number // 3**place % 3 for place in range(8)]


@pytest.mark.parametrize("search", ["traced", "refused", "untraced"])
def test_no_key_leaves_the_process(search: str, request: pytest.FixtureRequest) -> None:
    ended: Ended = request.getfixturevalue(search)
    for key in _KEYS.values():
        assert key.encode() not in ended.received.content
        assert not [file for file, content in ended.files.items() if key.encode() in content]
    assert _KEYS["OPENAI_API_KEY"] not in ended.received.headers
    assert {"search.json", "trace.jsonl", "checkpoints.sqlite"} <= {Path(file).name for file in ended.files}


def test_a_server_that_quotes_the_key_is_quoted_without_it(refused: Ended) -> None:
    assert "Incorrect API key provided: <OPENAI_API_KEY>" in refused.printed["error"]
    assert [run["name"] for run in refused.runs] == ["layers iteration 1", "reflector", "proposer", "openai:test-model"]
    for run in [*refused.runs, *refused.lines]:
        assert run["name"] == "reflector" or "Incorrect API key provided: <OPENAI_API_KEY>" in run["error"]


def test_tracing_off_starts_nothing(traced: Ended, untraced: Ended) -> None:
    assert untraced.received.paths == []
    assert untraced.printed == {"error": None, "client": False, "threads": ["MainThread"]}
    assert traced.printed["client"]  # so the lines above look at the right things
    assert [line["name"] for line in untraced.lines] == [line["name"] for line in traced.lines]


def test_the_command_line_sends_everything_before_it_ends(tmp_path: Path, openai_server: OpenAIServer) -> None:
    openai_server.script = [says("-")]
    with langsmith_receiver(_FAR_AWAY) as received:
        account = {"LANGSMITH_TRACING": "true", "LANGSMITH_ENDPOINT": received.url}
        model = ("--llm", "openai:test-model", "--base-url", openai_server.url)
        model += ("--when-done", "stop")
        _python(_COMMAND_LINE, "search", "digits", *model, "--run", str(tmp_path / "run"), code=1, **_KEYS, **account)
    ended = Ended(tmp_path / "run", {}, received)
    nodes = ["digits iteration 1", "reflector", "proposer", "openai:test-model", "validator", "trainer"]
    assert [run["name"] for run in ended.runs] == nodes
    assert all(run["end_time"] for run in ended.runs)
