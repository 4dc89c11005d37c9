"""The graph for LangGraph's server: invoked by itself, and served by `langgraph dev` on loopback."""

import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import genius
import pytest
from genius.graph.studio import SearchForm
from genius.record.settings import BY_NAME
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _here(tables, monkeypatch, tmp_path):
    """Have the tables at hand, and runs in a folder of the test."""
    monkeypatch.setenv("GENIUS_DATA", str(tables))
    monkeypatch.chdir(tmp_path)


async def test_without_a_word_it_searches_macro_with_the_guide():
    found = await genius.make_graph().ainvoke({})
    assert found["best"]["rank"] < 50
    assert len(found["candidates"]) == 10
    assert (found["stopped"], found["usage"]["llm_calls"]) == (None, 0)
    assert json.dumps(found)
    (folder,) = Path("runs").iterdir()
    assert folder.name.startswith("nas-bench-macro-guided-studio-")
    run = genius.read(folder)
    assert run.finished
    assert [list(each.architecture) for each in run.candidates] == [c["architecture"] for c in found["candidates"]]


async def test_each_search_has_a_run_folder_and_a_run_that_a_server_lost_goes_on():
    for _ in range(2):
        await genius.make_graph().ainvoke({"iterations": 2, "proposer": "random"})
    folders = sorted(Path("runs").iterdir())
    assert len(folders) == 2
    before = genius.read(folders[0]).candidates
    result = await genius.resume(folders[0], iterations=3)
    assert [candidate.iteration for candidate in result.candidates] == [1, 2, 3]
    assert result.candidates[:2] == before


async def test_the_form_may_be_filled_in_at_each_place_and_the_nearest_counts():
    configurable = {"space": "channel-bench-resnet", "proposer": "largest", "iterations": 4, "seed": None}
    graph = genius.make_graph({"configurable": {**configurable, "thread_id": "x"}})
    asked = {"configurable": {"iterations": 3, "thread_id": "y", "langgraph_auth_user": None}}
    found = await graph.ainvoke({"iterations": 1}, asked, context={"iterations": 2, "proposer": "random"})
    assert [len(c["architecture"]) for c in found["candidates"]] == [7]
    assert found["best"]["architecture"] != [4] * 7
    found = await graph.ainvoke({}, asked)
    assert [c["architecture"] for c in found["candidates"]][0] == [4] * 7  # noqa: RUF015 - all of them are read
    assert len(found["candidates"]) == 3


async def test_a_search_may_confirm_its_best():
    asked = {"iterations": 2, "proposer": "random", "single_run": True, "confirm": 2, "confirm_seeds": 2}
    found = await genius.make_graph().ainvoke(asked)
    assert len(found["candidates"]) == 2
    assert [each["iteration"] for each in found["confirmations"]].count(1) == 2
    assert len(found["confirmations"]) == 4
    assert len(found["best"]["confirmed"]["runs"]) == 3
    plain = await genius.make_graph().ainvoke({"iterations": 1, "proposer": "random"})
    assert plain["confirmations"] == []


async def test_the_form_has_the_lines_and_bounds_of_the_settings():
    fields = genius.make_graph().get_input_jsonschema()["properties"]
    assert fields["confirm"]["description"] == BY_NAME["confirm"].about.doc
    assert fields["confirm"]["minimum"] == 0
    with pytest.raises(ValueError, match="confirm"):
        await genius.make_graph().ainvoke({"confirm": -1})
    with pytest.raises(ValueError, match="confirm-seeds must be at least 1"):
        await genius.make_graph().ainvoke({"confirm": 1, "confirm_seeds": 0})


async def test_a_model_in_the_form_takes_the_place_of_a_proposer(openai_server, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", openai_server.url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-nobody")
    openai_server.answer = lambda call: openai_server.says("Architecture: [0, 1, 2, 0, 1, 2, 0, 1]")
    graph = genius.make_graph({"configurable": {"proposer": "largest"}})
    found = await graph.ainvoke({"llm": "openai:m", "iterations": 1, "beliefs": False, "principles": False})
    assert found["candidates"][0]["architecture"] == [0, 1, 2, 0, 1, 2, 0, 1]
    assert found["usage"]["llm_calls"] == 1
    assert found["candidates"][0]["arm"] == "model"  # of a hybrid search


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"context": {"colour": 1}}, "the form's colour cannot be used"),
        ({"context": ["space"]}, "a form is an object with space, "),
        ({"context": {"iterations": "ten"}}, "the form's iterations cannot be used: .* valid integer"),
        ({"input": {"iterations": 0}}, "iterations must be at least 1, got 0"),
        ({"input": {"space": "os:path"}}, "there is no space 'os:path'"),
        ({"input": {"proposer": "os:getcwd"}}, "there is no proposer 'os:getcwd'"),
        ({"input": {"repair": "guess"}}, "repair"),
        ({"input": {"flops": "330M"}}, "flops takes two ends, as in '270M 330M' or '- 7M', got '330M'"),
        ({"input": {"flops": "900G -"}}, "no architecture of nas-bench-macro keeps the limits"),
        ({"input": {"llm": "human"}}, "a form's language model is PROVIDER:MODEL or local"),
        ({"input": {"llm": "openai:m@http://127.0.0.1/v1"}}, "a form's language model is PROVIDER:MODEL or local"),
        ({"input": {"llm": "openai:m"}}, "openai:m needs a key"),
        ({"input": {"reflector_llm": "openai:m@http://127.0.0.1/v1"}}, "a form's language model is PROVIDER:MODEL"),
        ({"input": {"reflect_every": -1}}, "reflect-every must be at least 0"),
        ({"input": {"beliefs": True}}, "guided asks no language model"),
        ({"input": {"downloads": "nowhere"}}, "is not in .*nowhere: get it with `genius fetch nas-bench-macro"),
        ({"input": {"space": "mobile-imagenet"}}, "ImageNet is not in .* as imagenet:PATH"),
    ],
)
async def test_what_the_form_does_not_have_is_said_in_a_sentence(asked, words):
    with pytest.raises(genius.GeniusError, match=words) as refused:
        await genius.make_graph().ainvoke(asked.get("input", {}), context=asked.get("context"))
    assert isinstance(refused.value, ValueError)  # of others, the server tells no words


async def test_a_person_may_approve_from_a_client_of_the_server():
    saver, config = InMemorySaver(), {"configurable": {"thread_id": "t"}}

    def graph():  # as for each run of the server
        return genius.make_graph().copy({"checkpointer": saver})

    asked = await graph().ainvoke({"iterations": 3, "approve": True}, config)
    answers = [{"answer": "no"}, {"answer": "edit", "architecture": [1] * 8}, {"answer": "yes"}, {"answer": "yes"}]
    for iteration, answer in zip((1, 1, 2, 3), answers, strict=True):
        assert asked["__interrupt__"][0].value["iteration"] == iteration
        asked = await graph().ainvoke(Command(resume=answer), config)
    assert [c["iteration"] for c in asked["candidates"]] == [1, 2, 3]
    assert (asked["candidates"][0]["architecture"], asked["candidates"][0]["changed_by"]) == ([1] * 8, "person")
    assert len({tuple(c["architecture"]) for c in asked["candidates"]}) == 3
    (folder,) = Path("runs").iterdir()  # all of its pauses are one run
    assert len(genius.read(folder).candidates) == 3


def test_it_shows_its_schemas_and_its_nodes():
    graph = genius.make_graph({})
    for schema in (graph.get_input_jsonschema(), graph.get_context_jsonschema()):
        assert set(schema["properties"]) == set(SearchForm.__annotations__)
        assert schema["properties"]["space"]["default"] == "nas-bench-macro"
        assert all(field["description"] for field in schema["properties"].values())
    assert "best" in graph.get_output_jsonschema()["properties"]
    assert {"search:proposer", "search:approver", "search:trainer"} <= set(graph.get_graph(xray=True).nodes)


class Server:
    """`langgraph dev` on a free port."""

    def __init__(self, folder):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        options = ["--no-browser", "--no-reload", "--host", "127.0.0.1", "--port", str(self.port)]
        options += ["--config", str(ROOT / "langgraph.json")]
        environment = {**os.environ, "LANGGRAPH_CLI_NO_ANALYTICS": "1", "LANGSMITH_TRACING": "false"}
        self.folder = folder
        self.log = (folder / "log").open("w+")
        code = "import sys; from langgraph_cli.cli import cli; sys.argv[0] = 'langgraph'; cli()"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, "dev", *options],
            cwd=folder,
            env=environment,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )

    def call(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", data, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(asked, timeout=120) as answer:
            return json.loads(answer.read())

    def started(self):
        until = time.monotonic() + 120
        while True:
            try:
                return self.call("/ok")
            except OSError:
                if self.process.poll() is not None or time.monotonic() > until:
                    self.log.seek(0)
                    pytest.fail(self.log.read()[-3000:])
                time.sleep(0.3)

    def stop(self):
        self.process.terminate()
        self.process.wait(30)
        self.log.close()


@pytest.fixture(scope="module")
def server(tables, tmp_path_factory):
    if importlib.util.find_spec("langgraph_cli") is None or importlib.util.find_spec("langgraph_api") is None:
        pytest.skip("langgraph dev is not installed: pip install 'genius-nas[studio]'")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENIUS_DATA", str(tables))
        running = Server(tmp_path_factory.mktemp("studio"))
    try:
        running.started()
        yield running
    finally:
        running.stop()


def test_the_server_shows_the_form(server):
    (assistant,) = server.call("/assistants/search", {})
    found = server.call(f"/assistants/{assistant['assistant_id']}/schemas")
    for schema in ("input_schema", "context_schema"):
        assert set(found[schema]["properties"]) == set(SearchForm.__annotations__)
    nodes = server.call(f"/assistants/{assistant['assistant_id']}/graph?xray=true")["nodes"]
    assert "search:proposer" in {node["id"] for node in nodes}


def test_the_server_searches(server):
    found = server.call("/runs/wait", {"assistant_id": "genius", "input": {}})
    assert found["best"]["rank"] < 50
    assert len(found["candidates"]) == 10
    assert [genius.read(folder).finished for folder in (server.folder / "runs").iterdir()] == [True]
    assistant = server.call("/assistants", {"graph_id": "genius", "context": {"proposer": "random", "iterations": 3}})
    found = server.call("/runs/wait", {"assistant_id": assistant["assistant_id"], "input": {"iterations": 2}})
    assert len(found["candidates"]) == 2


def test_the_server_trains_and_tells_what_is_wrong(server):
    form = {"space": "digits", "proposer": "random", "iterations": 1}
    assert server.call("/runs/wait", {"assistant_id": "genius", "input": form})["best"]["accuracy"] > 10
    wrong = server.call("/runs/wait", {"assistant_id": "genius", "input": {"iterations": 0}})["__error__"]
    assert wrong == {"error": "Refused", "message": "iterations must be at least 1, got 0"}


def test_the_server_pauses_for_a_person(server):
    thread = server.call("/threads", {})["thread_id"]
    runs, common = f"/threads/{thread}/runs/wait", {"assistant_id": "genius"}
    asked = server.call(runs, common | {"input": {"iterations": 1, "approve": True}})
    assert asked["__interrupt__"][0]["value"]["iteration"] == 1
    answer = {"answer": "edit", "architecture": [1] * 8}
    found = server.call(runs, common | {"command": {"resume": answer}})
    assert found["best"]["architecture"] == [1] * 8


BLOCKING_IS_AN_ERROR = """
import asyncio, sys, genius
from langgraph_runtime_inmem.queue import _enable_blockbuster

async def search(run):
    trained = await genius.search("digits", proposer="random", iterations=1, set=("epochs=1",))  # into runs/
    assert trained.best, trained.candidates
    await genius.search("nas-bench-macro", proposer="guided", iterations=2, run=f"{run}/1")
    await genius.resume(f"{run}/1", iterations=3)
    await genius.fork(f"{run}/1", 1, to=f"{run}/2")

genius.search  # loaded before, as a server loads its graphs
_enable_blockbuster()
asyncio.run(search(sys.argv[1]))
"""


def test_a_search_inside_somebody_elses_graph_does_not_block_the_server(tmp_path):
    if importlib.util.find_spec("langgraph_runtime_inmem") is None:
        pytest.skip("langgraph dev is not installed: pip install 'genius-nas[studio]'")
    command = [sys.executable, "-c", BLOCKING_IS_AN_ERROR, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert genius.read(tmp_path / "2").finished
