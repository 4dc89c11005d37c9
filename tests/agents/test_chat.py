"""Language models: the client's whole path against a server on loopback, recordings, and models passed from Python."""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import genius
import pytest
from genius.agents.backends import check_llm, default_llm, open_llms
from genius.agents.replay import load_recording
from genius.record.settings.llm_settings import LLMSettings
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import Field

SPACE = genius.get_space("nas-bench-macro")
KEY = "sk-never-to-be-written-4711"
TIMES = ("started", "seconds", "evaluation_seconds")
REFUSED = "This cannot be used: "


def reply(number: int) -> str:
    """Propose the architecture whose last decisions spell a number to the base 3."""
    digits = [number // 3**place % 3 for place in reversed(range(8))]
    return f"It is number {number}.\nArchitecture: {digits}"


async def evaluate(architecture: genius.Architecture) -> genius.Measurement:
    return genius.Measurement(50.0 + sum(architecture))


def candidates(result: genius.SearchResult) -> list[dict[str, object]]:
    """Return what a search found, without the times."""
    found = [candidate.to_json() for trial in result.trials for candidate in trial.candidates]
    return [{name: value for name, value in candidate.items() if name not in TIMES} for candidate in found]


def lines(run: Path, file: str) -> list[dict[str, Any]]:
    path = run / file
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


@pytest.fixture
def search(openai_server, tmp_path) -> Callable[..., Awaitable[genius.SearchResult]]:
    """Give a search that asks the server and keeps its run in `tmp_path / "run"`, unless it is told otherwise."""

    async def start(**options: Any) -> genius.SearchResult:
        asked = {"llm": "openai:m", "proposer": "model", "base_url": openai_server.url, "timeout": 5.0}
        asked |= {"tries": 2, "iterations": 3}
        return await genius.search(SPACE, **{**asked, "evaluator": evaluate, "run": tmp_path / "run", **options})

    return start


@pytest.fixture
def _no_jitter(monkeypatch) -> None:
    """Leave out the second at random by which LangGraph lengthens every wait."""
    monkeypatch.setattr("random.uniform", lambda low, high: low)


async def ask_once(server, *, tries: int = 3, timeout: float = 5.0) -> list[genius.Progress]:
    """Run the graph alone, with short waits, for one iteration; returns its progress."""
    steps: list[genius.Progress] = []
    options = LLMSettings(base_url=server.url, timeout=timeout)
    async with open_llms(["openai:m"], SPACE, options, Path()) as opened:
        context = genius.Context(genius.Region(SPACE), opened.proposer(1), evaluate, progress=steps.append)
        graph = genius.build_graph(tries=tries, first_wait=0.01)
        await graph.ainvoke({}, context=context)
    return steps


# --- trouble on the way


TROUBLE = {
    "rate limit": ("fails", (429, "slow down"), {}),
    "rate limit with Retry-After": ("fails", (429, "slow down"), {"headers": {"Retry-After": "1"}}),
    "server error": ("fails", (500, "out of order"), {}),
    "bad gateway in HTML": ("Answer", ("<html>bad gateway</html>", 502), {"headers": {"Content-Type": "text/html"}}),
    "overloaded": ("fails", (503, "overloaded"), {}),
    "hang": ("says", (reply(0),), {"delay": 30.0}),
    "connection closed midway": ("Answer", (json.dumps({"choices": "x" * 1000}),), {"cut_off": True}),
    "invalid JSON": ("Answer", ('{"choices": [',), {}),
    "JSON of another kind": ("Answer", ("[]",), {}),
    "empty body": ("Answer", ("",), {}),
    "page of a portal": ("Answer", ("<html>log in</html>",), {"headers": {"Content-Type": "text/html"}}),
    "no choices": ("Answer", ('{"choices": null}',), {}),
}


@pytest.mark.usefixtures("_no_jitter")
@pytest.mark.parametrize("trouble", TROUBLE)
async def test_a_call_that_fails_in_passing_is_made_again(openai_server, trouble):
    kind, values, named = TROUBLE[trouble]
    broken = getattr(openai_server, kind)(*values, **named)
    openai_server.script = [broken, broken, openai_server.says(reply(5))]
    steps = await ask_once(openai_server, timeout=2 if trouble == "hang" else 30)
    assert [step.stage for step in steps] == [*["proposing", "waiting"] * 2, "proposing", "training", "finished"]
    assert steps[-1].candidate.architecture == (0, 0, 0, 0, 0, 0, 1, 2)
    assert not steps[-1].candidate.refusals  # trouble on the way is no fault of the model
    assert all(call == openai_server.calls[0] for call in openai_server.calls)
    assert all(step.note for step in steps if step.stage == "waiting")


@pytest.mark.usefixtures("_no_jitter")
async def test_a_server_is_left_alone_as_long_as_it_asks(openai_server):
    openai_server.script = [
        openai_server.fails(429, "slow down", headers={"Retry-After": "1"}),
        openai_server.says(reply(5)),
    ]
    started = time.monotonic()
    await ask_once(openai_server, timeout=5)
    assert time.monotonic() - started >= 1


@pytest.mark.usefixtures("_no_jitter")
async def test_every_call_has_the_same_number_of_tries(openai_server):
    trouble, unreadable = openai_server.fails(500, "out of order"), openai_server.says("I cannot decide.")
    openai_server.script = [trouble, trouble, unreadable, trouble, trouble, openai_server.says(reply(5))]
    steps = await ask_once(openai_server, tries=3)
    assert steps[-1].candidate.architecture
    assert len(steps[-1].candidate.refusals) == 1


@pytest.mark.parametrize(
    ("status", "message", "code"),
    [
        (401, "Incorrect API key provided", "invalid_api_key"),
        (400, "This model's maximum context length is 8192 tokens", "context_length_exceeded"),
        (404, "The model `m` does not exist", "model_not_found"),
        (429, "You exceeded your current quota", "insufficient_quota"),
    ],
)
async def test_what_cannot_pass_is_not_tried_again(openai_server, search, tmp_path, status, message, code):
    openai_server.script = [openai_server.says(reply(1)), openai_server.fails(status, message, code=code)]
    with pytest.raises(genius.RunFailed) as failure:
        await search(tries=6)
    assert len(openai_server.calls) == 2
    for part in ("openai:m", message, "everything so far is kept", f"genius resume {tmp_path / 'run'}"):
        assert part in str(failure.value)
    assert "tries" not in str(failure.value)
    assert len(genius.read(tmp_path / "run").trials[0].candidates) == 1


@pytest.mark.usefixtures("_no_jitter")
@pytest.mark.parametrize("dead", ["rate limit", "nobody there", "hang"])
async def test_a_dead_endpoint_ends_the_search_in_one_sentence_and_it_can_go_on(openai_server, search, tmp_path, dead):
    run = tmp_path / "run"
    openai_server.script = [openai_server.says(reply(number)) for number in (1, 1, 2)]  # the second one is refused
    reason = {"rate limit": "slow down", "nobody there": "onnection", "hang": "imed out"}[dead]
    openai_server.answer = lambda call: openai_server.fails(429, "slow down")
    if dead == "hang":
        openai_server.answer = lambda call: openai_server.says(reply(3), delay=30.0)
    if dead == "nobody there":
        last = openai_server.script.pop()

        def leave(call):
            openai_server.answer = None
            openai_server.close()
            return last

        openai_server.answer = leave
    with pytest.raises(genius.RunFailed) as failure:
        await search(timeout=0.5)
    message = str(failure.value)
    for part in ("openai:m gave no answer after 2 tries", reason, "everything so far is kept", f"genius resume {run}"):
        assert part in message
    assert "\n" not in message
    assert failure.value.__cause__ is None  # the client's own exception may quote a key
    assert len(lines(run, "calls.jsonl")) == 3
    assert len(genius.read(run).trials[0].candidates) == 2
    assert not genius.read(run).finished


async def test_a_search_goes_on_when_the_server_is_healthy_again(openai_server, search, tmp_path):
    measured = []

    async def note(architecture):
        measured.append(architecture)
        return await evaluate(architecture)

    script = [openai_server.says(text) for text in (reply(1), "I cannot decide.", reply(1), reply(2), "Hm.", reply(3))]
    openai_server.script = script[:]
    whole = await search(run=tmp_path / "whole")
    openai_server.script = script[:5]  # it dies between a refused reply and the next
    openai_server.answer = lambda call: openai_server.fails(503, "overloaded")
    with pytest.raises(genius.RunFailed):
        await search(evaluator=note, tries=1)
    paid, made = len(openai_server.calls), len(measured)
    openai_server.script = script[5:]
    result = await genius.resume(tmp_path / "run", evaluator=note, trust=True)
    assert candidates(result) == candidates(whole)
    assert len(openai_server.calls) == paid + 1
    assert made == 2
    assert len(measured) == 3
    assert result.finished
    assert result.trials[0].usage == whole.trials[0].usage


async def test_a_truncated_reply_goes_back_to_the_model(openai_server, search):
    truncated = "I weigh the stages.\nArchitecture: [0, 1, 2, 0"
    openai_server.script = [openai_server.says(truncated), openai_server.says(reply(1))]
    result = await search(iterations=1)
    (found,) = result.trials[0].candidates
    assert found.refusals[0].reply == truncated
    assert found.architecture == (0, 0, 0, 0, 0, 0, 0, 1)
    first, second = (call["messages"] for call in openai_server.calls)
    assert second[: len(first)] == first
    assert [message["role"] for message in second[len(first) :]] == ["assistant", "user"]
    assert second[-2]["content"] == truncated
    assert second[-1]["content"].startswith(REFUSED + found.refusals[0].reason)


async def test_a_reply_without_text_goes_back_to_the_model(openai_server, search):
    openai_server.script = [openai_server.says(""), openai_server.says(reply(1))]
    result = await search(iterations=1)
    assert len(result.trials[0].candidates[0].refusals) == 1
    assert result.trials[0].candidates[0].architecture


async def test_a_model_that_never_answers_well_uses_up_iterations_not_the_search(openai_server, search):
    openai_server.answer = lambda call: openai_server.says("I cannot decide.")
    result = await search(iterations=2, max_replies=3)
    assert len(openai_server.calls) == 6
    assert [len(c.refusals) for c in result.trials[0].candidates] == [3, 3]
    assert all("none of 3 replies" in (c.error or "") for c in result.trials[0].candidates)
    assert result.finished


# --- requests and keys


async def test_the_settings_arrive_in_the_request(openai_server, search):
    openai_server.script = [openai_server.says(reply(1))]
    await search(iterations=1, temperature=0.7, seed=11, max_tokens=333)
    (call,) = openai_server.calls
    assert call["model"] == "m"
    assert call["temperature"] == 0.7
    assert call["seed"] == 11
    assert call.get("max_tokens", call.get("max_completion_tokens")) == 333
    assert [message["role"] for message in call["messages"]] == ["system", "user"]
    assert not call.get("stream")


async def test_no_key_is_needed_for_a_server_of_ones_own(openai_server, search):
    openai_server.script = [openai_server.says(reply(1))]
    assert (await search(iterations=1)).finished
    assert KEY not in str(openai_server.headers)


async def test_the_key_goes_to_the_server_and_nowhere_else(openai_server, search, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    openai_server.script = [openai_server.says(reply(1)), openai_server.fails(401, f"Incorrect API key: {KEY}")]
    with pytest.raises(genius.RunFailed) as failure:
        await search()
    assert [headers["authorization"] for headers in openai_server.headers] == [f"Bearer {KEY}"] * 2
    assert "Incorrect API key" in str(failure.value)
    assert KEY not in repr(failure.value) + str(failure.value)
    error: BaseException | None = failure.value
    while error is not None:
        assert KEY not in str(error)
        error = error.__cause__ or error.__context__
    files = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert {"search.json", "candidates.jsonl", "calls.jsonl", "checkpoints.sqlite"} <= {path.name for path in files}
    assert not [path for path in files if KEY.encode() in path.read_bytes()]


@pytest.mark.parametrize(
    ("llm", "name"), [("openai:gpt-4o", "OPENAI_API_KEY"), ("anthropic:claude-x", "ANTHROPIC_API_KEY")]
)
async def test_a_missing_key_is_named_before_anything_is_written(search, tmp_path, llm, name):
    with pytest.raises(genius.GeniusError, match=f"set {name}, or use --llm local"):
        await search(llm=llm, base_url=None)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("llm", "module", "extra"),
    [
        ("anthropic:claude-x", "langchain_anthropic", "genius-nas[anthropic]"),
        ("ollama:llama3", "langchain_ollama", "genius-nas[ollama]"),
    ],
)
async def test_a_missing_extra_is_named_before_anything_is_written(search, tmp_path, monkeypatch, llm, module, extra):
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(genius.GeniusError) as failure:
        await search(llm=llm, base_url=None)
    assert extra in str(failure.value)
    assert KEY not in str(failure.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("llm", ["nobody:m", "gpt-4o", "openai:", "", "replay:nowhere", "replay:"])
async def test_a_model_that_cannot_be_reached_as_named_is_refused_before_anything_is_written(search, tmp_path, llm):
    with pytest.raises(genius.GeniusError) as failure:
        await search(llm=llm)
    assert "\n" not in str(failure.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "base_url", ["http://me:secret@127.0.0.1/v1", "http://127.0.0.1/v1?api_key=secret", "http://secret@127.0.0.1/v1"]
)
async def test_a_base_url_with_a_secret_is_refused_before_anything_is_written(search, tmp_path, base_url):
    with pytest.raises(genius.GeniusError, match="base URL holds a URL with a user") as failure:
        await search(base_url=base_url)
    assert "secret@" not in str(failure.value)
    assert not list(tmp_path.iterdir())


def test_a_model_that_can_be_reached_passes_the_check(monkeypatch):
    check_llm("openai:m", LLMSettings(base_url="http://127.0.0.1:1/v1"))
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    check_llm("openai:m", LLMSettings())


@pytest.mark.parametrize(
    ("environment", "name", "reason"),
    [
        ({"GENIUS_LLM": "ollama:x", "OPENAI_API_KEY": KEY}, "ollama:x", "GENIUS_LLM"),
        ({"OPENAI_API_KEY": KEY}, "openai:gpt-4o", "OPENAI_API_KEY"),
        ({"GENIUS_LLM": "", "OPENAI_API_KEY": ""}, "local", "no key"),
        ({}, "local", "no key"),
    ],
)
def test_the_default_model(environment, name, reason):
    found, why = default_llm(environment)
    assert found == name
    assert reason in why
    assert KEY not in why


async def test_the_environment_names_the_default_model(openai_server, search, monkeypatch):
    monkeypatch.setenv("GENIUS_LLM", "openai:named")
    openai_server.script = [openai_server.says(reply(1))]
    result = await search(llm=None, iterations=1)
    assert result.settings.llm.first == "openai:named"
    assert openai_server.calls[0]["model"] == "named"


def test_searches_one_after_the_other_need_no_common_event_loop(openai_server, search, tmp_path):
    for number in (1, 2, 3):
        openai_server.script = [openai_server.says(reply(number))]
        assert asyncio.run(search(iterations=1, run=tmp_path / str(number))).finished
    assert len(openai_server.calls) == 3


async def test_each_trial_asks_with_a_seed_of_its_own(openai_server, search):
    openai_server.answer = lambda call: openai_server.says(reply(1))
    await search(iterations=1, trials=3, seed=7)
    assert len({call["seed"] for call in openai_server.calls}) == 3


# --- what is recorded


async def test_usage_adds_up(openai_server, search):
    texts = (reply(1), "I cannot decide.", reply(2))
    usage = ((100, 10), (200, 20), (400, 40))
    openai_server.script = [openai_server.says(text, tokens=tokens) for text, tokens in zip(texts, usage, strict=True)]
    result = await search(iterations=2)
    assert result.to_json()["usage"] == {"llm_calls": 3, "input_tokens": 700, "output_tokens": 70}


async def test_a_reply_is_recorded_before_it_is_used(openai_server, search, tmp_path):
    recorded = []

    async def look(architecture):
        recorded.append([line["reply"]["text"] for line in lines(tmp_path / "run", "calls.jsonl")])
        return await evaluate(architecture)

    openai_server.script = [openai_server.says(text) for text in (reply(1), "I cannot decide.", reply(2))]
    await search(evaluator=look, iterations=2)
    assert recorded == [[reply(1)], [reply(1), "I cannot decide.", reply(2)]]
    for line, call in zip(lines(tmp_path / "run", "calls.jsonl"), openai_server.calls, strict=True):
        for told, sent in zip(line["prompt"], call["messages"], strict=True):
            assert told["role"] == sent["role"]
            assert told["content"].startswith(sent["content"])  # the form in plain text stands behind it
        assert line["reply"]["model"] == "m-2025"


@pytest.mark.parametrize("trials", [1, 2])
async def test_a_replayed_run_finds_the_same(openai_server, search, tmp_path, trials):
    texts = (reply(1), "I cannot decide.", reply(1), reply(2), reply(3))
    answered = {}

    def answer(call):
        number = answered[call["seed"]] = answered.get(call["seed"], -1) + 1
        return openai_server.says(texts[number])

    openai_server.answer = answer
    recorded = await search(trials=trials, seed=0)
    openai_server.close()  # and no key is set
    run = tmp_path / "run"
    replayed = await search(llm=f"replay:{run}", base_url=None, trials=trials, run=tmp_path / "again")
    assert candidates(replayed) == candidates(recorded)
    assert len(replayed.trials[0].candidates[1].refusals) == 2
    again = await search(llm=f"replay:{run / 'calls.jsonl'}", base_url=None, trials=trials, run=tmp_path / "once more")
    assert candidates(again) == candidates(recorded)


async def test_a_list_of_messages_can_be_replayed(search, tmp_path):
    messages = [
        {"role": "system", "content": "You design neural networks."},
        {"role": "user", "content": "Propose one."},
        {"role": "assistant", "content": reply(1)},
        {"role": "user", "content": "It reaches 51 %."},
        {"role": "assistant", "content": reply(2)},
    ]
    recording = tmp_path / "messages.json"
    recording.write_text(json.dumps(messages))
    assert [one.text for one in load_recording(recording)] == [reply(1), reply(2)]
    result = await search(llm=f"replay:{recording}", iterations=2, base_url=None)
    assert [c.architecture for c in result.trials[0].candidates] == [(0,) * 7 + (1,), (0,) * 7 + (2,)]


async def test_a_recording_that_ends_early_is_said_clearly(search, tmp_path):
    recording = tmp_path / "messages.json"
    recording.write_text(json.dumps([{"role": "assistant", "content": reply(1)}]))
    with pytest.raises(genius.RunFailed) as failure:
        await search(llm=f"replay:{recording}", base_url=None)
    assert "the recording holds 1 replies, and the search asked for one more" in str(failure.value)
    assert f"genius resume {tmp_path / 'run'}" in str(failure.value)
    assert len(genius.read(tmp_path / "run").trials[0].candidates) == 1


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "[1]", '{"trial": 1}\n', '[{"role": "user", "content": "Propose one."}]', "\xff\xfe", "7"],
)
async def test_a_file_that_is_no_recording_is_refused_before_anything_is_written(search, tmp_path, content):
    recording = tmp_path / "messages.json"
    recording.write_bytes(content.encode("latin-1"))
    with pytest.raises(genius.GeniusError, match=r"messages\.json"):
        await search(llm=f"replay:{recording}", base_url=None)
    assert not (tmp_path / "run").exists()


# --- nothing better is left


async def test_a_model_that_has_nothing_better_stops_the_search(openai_server, search):
    openai_server.script = [openai_server.says(reply(1)), openai_server.says("-")]
    result = await search(when_done="stop")
    assert result.finished
    assert [bool(c.accuracy) for c in result.trials[0].candidates] == [True, False]
    assert result.trials[0].candidates[-1].error == "the proposer says that nothing better is left"
    assert len(openai_server.calls) == 2


async def test_a_model_that_has_nothing_better_can_be_asked_again(openai_server, search):
    openai_server.script = [openai_server.says(text) for text in (reply(1), "-", reply(2))]
    result = await search(iterations=2)
    assert result.trials[0].candidates[1].architecture == (0, 0, 0, 0, 0, 0, 0, 2)
    assert result.trials[0].candidates[1].refusals[0].reply == "-"
    assert openai_server.calls[-1]["messages"][-1]["content"].startswith(REFUSED)


# --- models passed from Python


class ScriptedModel(BaseChatModel):
    """Says one text after the other and counts tokens."""

    texts: list[str]
    asked: list[list[BaseMessage]] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        self.asked.append(messages)
        usage = {"input_tokens": 30, "output_tokens": 3, "total_tokens": 33}
        answer = AIMessage(self.texts[len(self.asked) - 1], usage_metadata=usage)
        return ChatResult(generations=[ChatGeneration(message=answer)])


async def test_a_chat_model_can_be_passed(search):
    model = ScriptedModel(texts=[reply(1), "I cannot decide.", reply(2)])
    result = await search(llm=model, base_url=None, iterations=2)
    assert [c.architecture for c in result.trials[0].candidates] == [(0,) * 7 + (1,), (0,) * 7 + (2,)]
    assert result.to_json()["usage"] == {"llm_calls": 3, "input_tokens": 90, "output_tokens": 9}
    assert result.settings.llm.first == "ScriptedModel"
    assert [message.type for message in model.asked[-1]] == ["system", "human", "ai", "human"]


async def test_a_chat_model_without_usage_can_be_passed(search):
    model = GenericFakeChatModel(messages=iter([AIMessage(reply(1)), AIMessage(reply(2))]))
    result = await search(llm=model, base_url=None, iterations=2)
    assert result.finished
    assert result.to_json()["usage"] == {"llm_calls": 2, "input_tokens": 0, "output_tokens": 0}


async def test_a_run_needs_its_own_model_again(search, tmp_path):
    await search(llm=ScriptedModel(texts=[reply(1)]), base_url=None, iterations=1)
    with pytest.raises(genius.GeniusError, match="its own evaluator and llm"):
        await genius.resume(tmp_path / "run", iterations=2)
    model = ScriptedModel(texts=[reply(2)])
    result = await genius.resume(tmp_path / "run", iterations=2, llm=model, evaluator=evaluate)
    assert len(result.trials[0].candidates) == 2


async def test_a_fault_of_the_model_object_ends_the_search_in_one_sentence(search, tmp_path):
    started = time.monotonic()
    with pytest.raises(genius.RunFailed, match=r"ScriptedModel gave no answer: IndexError: .*genius resume"):
        await search(llm=ScriptedModel(texts=[]), base_url=None, tries=6)
    assert time.monotonic() - started < 1  # it is not tried again: the next call would raise the same


async def test_a_reply_of_blocks_is_read_as_text(search):
    blocks: Sequence[Any] = [{"type": "text", "text": "Because.\n"}, {"type": "text", "text": reply(1)}]
    model = GenericFakeChatModel(messages=iter([AIMessage(list(blocks))]))
    result = await search(llm=model, base_url=None, iterations=1)
    assert result.trials[0].candidates[0].architecture
