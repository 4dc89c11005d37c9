"""A caller's callbacks, tags, metadata and names reach every invocation and every call inside, and are not kept."""

import asyncio
from collections import Counter
from operator import add
from typing import Annotated

import genius
import pytest
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler, CallbackManager
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langsmith import Client, tracing_context
from langsmith.run_trees import RunTree
from typing_extensions import TypedDict

from ..conftest import says
from ..langsmith_receiver import langsmith_receiver


class Heard(BaseCallbackHandler):
    """Keeps what it is told of: names of chains and models, their tags, metadata and parents."""

    def __init__(self):
        self.names, self.tags, self.metadata, self.parents, self.ids = [], [], [], {}, {}

    def on_chain_start(self, serialized, inputs, *, run_id, parent_run_id=None, tags=None, metadata=None, **told):
        self.note(told.get("name"), run_id, parent_run_id, tags, metadata)

    def on_chat_model_start(
        self, serialized, messages, *, run_id, parent_run_id=None, tags=None, metadata=None, **told
    ):
        self.note("model", run_id, parent_run_id, tags, metadata)

    def note(self, name, run_id, parent, tags, metadata):
        self.names.append(name)
        self.tags.append(set(tags or ()))
        self.metadata.append(metadata or {})
        self.parents[run_id], self.ids[run_id] = parent, name

    def roots(self):
        return [self.ids[run] for run, parent in self.parents.items() if parent not in self.ids]


class HeardAsync(AsyncCallbackHandler):
    """Counts calls of models."""

    calls = 0

    async def on_chat_model_start(self, *_, **__):
        self.calls += 1


@pytest.fixture
def search(openai_server, tmp_path):
    replies = iter(f"Architecture: [{at // 9}, {at // 3 % 3}, {at % 3}, 0, 0, 0, 0, 0]" for at in range(27))
    openai_server.answer = lambda call: says(next(replies))

    async def start(**options):
        asked = {"llm": "openai:m", "proposer": "model", "base_url": openai_server.url, "iterations": 2}
        asked |= {"run": tmp_path / "run"}
        return await genius.search("nas-bench-macro", evaluator=evaluate, **asked | options)

    return start


async def evaluate(architecture):
    return 50.0


CONFIG = {"tags": ["mine"], "metadata": {"owner": "me"}, "run_name": "nightly", "max_concurrency": 3}


async def test_they_reach_every_invocation_and_every_call_of_a_model(search, tmp_path):
    heard, also = Heard(), HeardAsync()
    await search(callbacks=[heard], config={**CONFIG, "callbacks": CallbackManager([], [also])})
    found = Counter(heard.names)
    assert (found["nightly nas-bench-macro iteration 1"], found["nightly nas-bench-macro iteration 2"]) == (1, 1)
    assert (found["proposer"], found["trainer"], found["model"], also.calls) == (2, 2, 2, 2)
    assert all("mine" in tags for tags in heard.tags)
    assert all(metadata["owner"] == "me" and metadata["space"] == "nas-bench-macro" for metadata in heard.metadata)
    assert not {"nightly", "mine", "owner"} & set((tmp_path / "run" / "search.json").read_text().split('"'))


async def test_they_hold_for_resume_and_fork_too_and_for_that_call_alone(search, openai_server, tmp_path):
    await search(iterations=1)
    for at, go_on in enumerate((genius.resume, genius.fork)):
        heard = Heard()
        more = {"iterations": 2 + at, "evaluator": evaluate, "base_url": openai_server.url}
        more |= {"at": 1, "to": tmp_path / "fork"} if go_on is genius.fork else {}
        await go_on(tmp_path / "run", callbacks=[heard], config=CONFIG, **more)
        assert {"model", "nightly nas-bench-macro iteration 2"} <= set(heard.names)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"callbacks": Heard()}, "callbacks takes a list of LangChain's callback handlers"),
        ({"callbacks": ["x"]}, "callbacks takes a list"),
        ({"config": {"callbacks": 7}}, "callbacks takes a list"),
        ({"config": ["tags"]}, "config takes a RunnableConfig"),
        ({"config": {"tag": ["x"]}}, "config has no 'tag'"),
    ],
)
async def test_what_is_none_is_refused_before_anything_is_written(search, tmp_path, given, words):
    with pytest.raises(genius.GeniusError, match=words):
        await search(**given)
    assert not list(tmp_path.iterdir())


class State(TypedDict):
    accuracies: Annotated[list[float], add]


@pytest.mark.parametrize("explicitly", [True, False])
async def test_a_search_inside_a_node_is_traced_there_and_keeps_to_its_own_run(search, tmp_path, explicitly):
    async def node(state: State, config: RunnableConfig) -> State:
        result = await search(config=config if explicitly else None)
        return {"accuracies": [result.best.accuracy]}

    outer = StateGraph(State).add_node("search", node).add_edge(START, "search").compile(InMemorySaver())
    heard = Heard()
    asked = {"configurable": {"thread_id": "outer"}, "callbacks": [heard], "tags": ["outer"], "recursion_limit": 5}
    assert (await outer.ainvoke({"accuracies": []}, asked))["accuracies"] == [50.0]
    assert heard.roots() == ["LangGraph"]
    assert Counter(heard.names)["model"] == 2
    assert all("outer" in tags for tags in heard.tags)
    again = await genius.fork(tmp_path / "run", 1, to=tmp_path / "fork", proposer="random", evaluator=evaluate)
    assert again.finished
    assert (await outer.aget_state(asked)).values["accuracies"] == [50.0]


async def test_searches_at_once_have_their_own(search, tmp_path):
    handlers = [Heard(), Heard()]
    await asyncio.gather(*(search(callbacks=[each], run=tmp_path / str(at)) for at, each in enumerate(handlers)))
    assert [Counter(each.names)["model"] for each in handlers] == [2, 2]


async def test_a_search_is_traced_below_what_langsmith_traces_around_it(search):
    with langsmith_receiver() as receiver:
        client = Client(api_url=receiver.url, api_key="lsv2_of_nobody", auto_batch_tracing=True)
        outer = RunTree(name="outer", run_type="chain", client=client)
        outer.post()
        with tracing_context(parent=outer, enabled=True, client=client):
            await search(iterations=1)
        await asyncio.to_thread(client.flush)
        runs = {run["name"]: run for run in receiver.runs.values()}
    iteration, model = runs["nas-bench-macro iteration 1"], runs["openai:m"]
    assert iteration["parent_run_id"] == str(outer.id)
    assert iteration["trace_id"] == model["trace_id"] == str(outer.id)
