"""Models that are asked for more than proposals: the form of an answer, several models, recordings."""

import json
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import genius
import pytest
from genius.agents.backends import open_llms
from genius.agents.proposer import PROPOSAL, Form, Thinking
from genius.record.call import CALL, Call, Reply
from genius.record.history import History
from genius.record.settings import LLMSettings

from ..conftest import fails, says

SPACE = genius.get_space("nas-bench-macro")
ASK = [{"role": "user", "content": "What do you believe?"}]
BELIEFS = Form("beliefs", {"title": "beliefs", "type": "object", "properties": {"sure": {"type": "boolean"}}})
NOTEBOOK = Form("notebook")


@asynccontextmanager
async def opened(*llms: Any, tmp: Path, taught=(), **options: Any):
    async with open_llms(llms, SPACE, LLMSettings(timeout=5.0, **options), tmp, taught=taught) as models:
        yield models


async def test_a_chat_model_answers_in_the_form_that_is_asked_for(openai_server, tmp_path):
    openai_server.answer = lambda call: says('{"sure": true}')
    async with opened("openai:m", tmp=tmp_path, base_url=openai_server.url) as models:
        thinking = models.proposer(1)
        assert isinstance(thinking, Thinking)
        assert (await thinking.think(ASK, (), BELIEFS)).text == '{"sure": true}'
        await thinking.think(ASK, (), NOTEBOOK)
        await thinking(ASK, ())
    schemas = [call.get("response_format", {}).get("json_schema", {}).get("name") for call in openai_server.calls]
    assert schemas == ["beliefs", None, "proposal"]


async def test_what_a_server_refuses_of_one_form_is_no_fault_of_another(openai_server, tmp_path):
    def answer(call):
        named = call.get("response_format", {}).get("json_schema", {}).get("name")
        return fails(400, "response_format: this schema is too deep") if named == "beliefs" else says("fine")

    openai_server.answer = answer
    async with opened("openai:m", tmp=tmp_path, base_url=openai_server.url) as models:
        thinking = models.proposer(1)
        first = await thinking.think(ASK, (), BELIEFS)
        await thinking.think(ASK, (), BELIEFS)
        await thinking(ASK, ())
        sent = models.sent()
    assert ["response_format" in call for call in openai_server.calls] == [True, False, False, True]
    assert first.notes == ("openai:m gives no structured output for its beliefs: its replies are read as text",)
    assert sent == [{"llm": "openai:m", "as_text": ["beliefs"], "structured": True}]
    async with opened("openai:m", tmp=tmp_path, base_url=openai_server.url, taught=sent) as models:
        await models.proposer(1).think(ASK, (), BELIEFS)
    assert "response_format" not in openai_server.calls[-1]


async def test_an_answer_that_comes_as_a_tool_call_is_the_text(openai_server, tmp_path):
    call = {"id": "1", "type": "function", "function": {"name": "beliefs", "arguments": '{"sure": false}'}}
    openai_server.answer = lambda _: says(None, finish="tool_calls", tool_calls=[call])
    async with opened("openai:m", tmp=tmp_path, base_url=openai_server.url) as models:
        assert json.loads((await models.proposer(1).think(ASK, (), BELIEFS)).text or "{}") == {"sure": False}


async def test_of_several_models_the_first_that_can_think_is_asked(openai_server, tmp_path):
    def answer(call):
        return fails(500, "down") if call["model"] == "one" else says("two answers")

    openai_server.answer = answer
    one, two = (f"openai:{name}@{openai_server.url}" for name in ("one", "two"))
    async with opened("human", one, two, tmp=tmp_path) as models:
        reply = await models.proposer(1).think(ASK, (), NOTEBOOK)
    assert reply.text == "two answers"
    assert reply.llm == two
    assert len(reply.passed) == 1


@pytest.mark.parametrize("llm", ["human"])
async def test_a_person_is_asked_for_proposals_alone(llm, tmp_path):
    async with opened(llm, tmp=tmp_path) as models:
        assert not isinstance(models.proposer(1), Thinking)


async def test_a_recording_says_again_what_each_agent_was_told_at_its_iteration(tmp_path):
    calls = [
        Call(1, 1, 1, [], Reply("not read", model="m"), "starter"),
        Call(1, 1, 2, [], Reply("beliefs", model="m"), "starter"),
        Call(1, 1, 1, [], Reply("[0, 0, 0, 0, 0, 0, 0, 0]", model="m", cost=1.0)),
        Call(1, 2, 1, [], Reply("a notebook", model="m"), "reflector"),
        Call(1, 2, 1, [], Reply("[1, 0, 0, 0, 0, 0, 0, 0]", model="m")),
        Call(1, 3, 1, [], Reply("principles", model="m"), "concluder"),
    ]
    (tmp_path / "calls.jsonl").write_text("".join(json.dumps(CALL.plain(call)) + "\n" for call in calls))
    one = genius.Candidate(1, 1, reply="[0, 0, 0, 0, 0, 0, 0, 0]", architecture=(0,) * 8)
    two = genius.Candidate(1, 2, reply="[1, 0, 0, 0, 0, 0, 0, 0]", architecture=(1, *(0,) * 7))
    again = [*ASK, {"role": "assistant", "content": "not read"}, {"role": "user", "content": "Again, please."}]
    async with opened(f"replay:{tmp_path}", tmp=tmp_path) as models:
        thinking = models.proposer(1)
        assert isinstance(thinking, Thinking)
        assert (await thinking.think(ASK, (), BELIEFS)).text == "not read"
        assert (await thinking.think(again, (), BELIEFS)).text == "beliefs"
        first = await thinking.think(ASK, (), PROPOSAL)
        assert (first.text, first.cost) == ("[0, 0, 0, 0, 0, 0, 0, 0]", 0.0)
        assert (await thinking.think(ASK, History.of([one]), NOTEBOOK)).text == "a notebook"
        assert (await thinking(ASK, History.of([one]))).text == "[1, 0, 0, 0, 0, 0, 0, 0]"
        assert (await thinking.think(ASK, History.of([one, two]), Form("principles"))).text == "principles"
        missing = await thinking.think(ASK, History.of([one, two]), NOTEBOOK)
        assert missing.fault == "the recording holds no notebook of iteration 3"
