"""Calls of tools in conversations with chat models: what is bound, read, sent back, and remembered of a provider."""

import json
from typing import Any

import pytest
from genius import Candidate, Region, get_space
from genius.agents.answer import read_answer
from genius.agents.backends import open_llms
from genius.agents.prompting import Prompts
from genius.agents.proposer import Form, ToolsRefused
from genius.agents.reflector import conversation
from genius.agents.tool_messages import langchain_tools, wire_messages
from genius.record.call import CALL, Call, Reply, received
from genius.record.candidate import Message, Refusal, ToolCall, ToolUse
from genius.record.history import History
from genius.record.settings.llm_settings import LLMSettings
from genius.tools.toolbox import Toolbox
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import Field

SPACE = get_space("nas-bench-macro")
TOOLS = Toolbox(Region(SPACE), History.of([]), (0, 1)).tools()
NAMES = [tool.name for tool in TOOLS]
ASK = [Message(role="system", content="You search."), Message(role="user", content="Propose.")]


def called(*calls, content="", invalid=()):
    return AIMessage(
        content=content,
        tool_calls=list(calls),
        invalid_tool_calls=list(invalid),
        response_metadata={"finish_reason": "tool_calls"},
    )


def call(name, args, id_="1"):
    return {"name": name, "args": args, "id": id_}


class Recorder(BaseChatModel):
    """A chat model that answers from a list, and keeps what it was asked and bound to."""

    answers: list[Any] = Field(default_factory=list)
    asked: list[Any] = Field(default_factory=list)
    bound: list[Any] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "recorder"

    def bind_tools(self, tools, **named):
        self.bound.append(tools)
        return self

    def _generate(self, messages, stop=None, run_manager=None, **named):
        self.asked.append(messages)
        return ChatResult(generations=[ChatGeneration(message=self.answers.pop(0))])


async def think(model, prompt=ASK, form=None):
    async with open_llms([model], SPACE, LLMSettings(), None) as models:
        return await models.proposer(1).think(prompt, (), form or Form("proposal", tools=TOOLS))


# --- reading


def test_calls_are_read_with_their_ids_and_arguments():
    reply = read_answer(called(call("cost", {"architectures": [[1]]}, "a"), call("nope", {}, None)), "m", tools=NAMES)
    assert reply.tool_calls == (ToolCall("a", "cost", '{"architectures": [[1]]}'), ToolCall("", "nope", "{}"))
    assert (reply.fault, reply.text) == (None, "")


def test_calls_whose_arguments_are_no_json_are_read_behind_the_others():
    broken = {"name": "cost", "args": "{architectures", "id": "b", "error": "no JSON"}
    reply = read_answer(called(call("history", {}, "a"), invalid=[broken]), "m", tools=NAMES)
    assert [(each.name, each.arguments) for each in reply.tool_calls] == [("history", "{}"), ("cost", "{architectures")]


def test_a_proposal_among_the_calls_settles():
    mixed = called(call("neighbours", {"architecture": [0] * 8}), call("propose", {"architecture": [1] * 8}, "2"))
    reply = read_answer(mixed, "m", tools=NAMES)
    assert (json.loads(reply.text), reply.tool_calls) == ({"architecture": [1] * 8}, ())
    asked = read_answer(called(call("neighbours", {"architecture": [0] * 8})), "m", tools=NAMES)
    assert [each.name for each in asked.tool_calls] == ["neighbours"]


@pytest.mark.parametrize("finish", ["length", "content_filter", "refusal"])
def test_the_calls_of_a_reply_that_ended_early_are_not_read(finish):
    message = called(call("cost", {}))
    message.response_metadata["finish_reason"] = finish
    reply = read_answer(message, "m", tools=NAMES)
    assert reply.fault
    assert not reply.tool_calls


def test_without_tools_a_call_is_a_fault():
    assert "there is none" in (read_answer(called(call("cost", {})), "m").fault or "")


def test_what_a_model_calls_is_bounded():
    many = called(*[call("x" * 500, {"a": "y" * 50_000}, str(at)) for at in range(100)])
    reply = received(read_answer(many, "m", tools=NAMES))
    assert len(reply.tool_calls) == 16
    assert all(len(each.name) <= 100 and len(each.arguments) <= 10_000 for each in reply.tool_calls)
    assert CALL.read(json.dumps(CALL.plain(Call(1, 1, 1, ASK, reply)))).reply == reply


def test_secrets_in_calls_are_redacted(monkeypatch):
    key = "sk-never-to-be-written-4711"
    monkeypatch.setenv("OPENAI_API_KEY", key)
    reply = received(Reply("", tool_calls=(ToolCall(key, key, json.dumps({"x": key})),)))
    assert key not in repr(reply)
    assert reply.tool_calls[0].arguments.startswith('{"x"')


# --- conversations


def candidate():
    return Candidate(
        1,
        4,
        refusals=(Refusal("no idea", "it is no architecture"),),
        tools=(
            ToolUse("cost", "{}", "dear", 1),
            ToolUse("history", "[1", "no object", 1),
            ToolUse("predict", "{}", "good", 3),
        ),
        rounds=2,
    )


def test_a_conversation_keeps_the_order_of_calls_and_refusals():
    messages = conversation(ASK, candidate(), Prompts(), lambda attempt: f"text {attempt}", as_text=False)
    roles = [message["role"] for message in messages]
    assert roles == ["system", "user", "assistant", "tool", "tool", "assistant", "user", "assistant", "tool"]
    assert [message["content"] for message in messages[2:5]] == ["text 1", "dear", "no object"]
    assert [each.id for each in messages[2]["tool_calls"]] == ["call_1_1", "call_1_2"]
    assert messages[3]["tool_call_id"] == "call_1_1"
    assert "it is no architecture" in messages[6]["content"]


def test_as_text_users_and_the_model_take_turns():
    messages = conversation(ASK, candidate(), Prompts(), lambda attempt: f"text {attempt}")
    assert [message["role"] for message in messages] == ["system", "user", *["assistant", "user"] * 3]
    assert not any("tool_calls" in message or "tool_call_id" in message for message in messages)
    assert messages[2]["content"] == "text 1\ncost({})\nhistory([1)"
    assert messages[3]["content"] == "cost:\ndear\n\nhistory:\nno object"


def test_messages_reach_every_provider_with_an_object_for_each_call():
    from langchain_anthropic import ChatAnthropic
    from langchain_core.messages import convert_to_messages
    from langchain_openai.chat_models.base import _convert_message_to_dict

    found = convert_to_messages(wire_messages(conversation(ASK, candidate(), Prompts(), as_text=False), {}))
    sent = [_convert_message_to_dict(message) for message in found]
    asked = [json.loads(each["function"]["arguments"]) for each in sent[2]["tool_calls"]]
    assert asked == [{}, {"unreadable": "[1"}]
    anthropic = ChatAnthropic(model="claude-sonnet-4-5", api_key="none")
    blocks = anthropic._get_request_payload(found)["messages"]
    uses = [b["id"] for m in blocks for b in m["content"] if isinstance(b, dict) and b["type"] == "tool_use"]
    results = [
        b["tool_use_id"] for m in blocks for b in m["content"] if isinstance(b, dict) and b["type"] == "tool_result"
    ]
    assert uses == results == ["call_1_1", "call_1_2", "call_3_1"]


# --- asking


async def test_the_tools_and_the_proposal_are_bound():
    model = Recorder(answers=[called(call("cost", {}))])
    reply = await think(model)
    assert [each.name for each in reply.tool_calls] == ["cost"]
    assert [tool["function"]["name"] for tool in model.bound[-1]] == [*NAMES, "proposal"]


async def test_a_provider_gets_its_own_blocks_back():
    thinking = [{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "text", "text": "I look."}]
    first = called(call("history", {}, "toolu_9"), call("cost", {}, "toolu_8"), content=thinking)
    model = Recorder(answers=[first, called(call("cost", {}, "toolu_9")), AIMessage("Architecture: 1")])
    async with open_llms([model], SPACE, LLMSettings(), None) as models:
        asking = models.proposer(1)
        form = Form("proposal", tools=TOOLS)
        reply = await asking.think(ASK, (), form)
        assert reply.text == "I look."
        uses = (ToolUse("history", "{}", "none"), ToolUse("cost", "{}", "dear"))
        once = conversation(ASK, Candidate(1, 1, tools=uses, rounds=1), Prompts(), lambda _: reply.text, as_text=False)
        await asking.think(once, (), form)
        twice = (*uses, ToolUse("cost", "{}", "dear", 2))
        more = conversation(ASK, Candidate(1, 1, tools=twice, rounds=2), Prompts(), lambda _: reply.text, as_text=False)
        await asking.think(more, (), form)
    assert model.asked[1][2].content == thinking
    assert [message.tool_call_id for message in model.asked[1][3:]] == ["toolu_9", "toolu_8"]
    assert [message.tool_call_id for message in model.asked[2] if message.type == "tool"] == [
        "toolu_9",
        "toolu_8",
        "toolu_9",
    ]


async def test_another_process_sends_text_and_calls_alone():
    model = Recorder(answers=[AIMessage("Architecture: 1")])
    uses = (ToolUse("history", "{}", "none"),)
    prompt = conversation(ASK, Candidate(1, 1, tools=uses, rounds=1), Prompts(), lambda _: "I look.", as_text=False)
    await think(model, prompt)
    asking, answer = model.asked[0][2:]
    assert (asking.content, asking.tool_calls[0]["name"]) == ("I look.", "history")
    assert (answer.content, answer.tool_call_id) == ("none", "call_1_1")


async def test_a_client_without_tools_is_not_asked_with_them():
    model = GenericFakeChatModel(messages=iter(["Architecture: 1"]))
    with pytest.raises(ToolsRefused):
        await think(model)
    assert (await think(model, form=Form("proposal"))).text == "Architecture: 1"


async def test_an_empty_reply_to_tools_is_answered_without_them():
    model = Recorder(answers=[AIMessage(""), AIMessage("")])
    async with open_llms([model], SPACE, LLMSettings(), None) as models:
        await models.proposer(1).think(ASK, (), Form("proposal", tools=TOOLS))
        with pytest.raises(ToolsRefused):
            await models.proposer(1).think(ASK, (), Form("proposal", tools=TOOLS))
        assert models.sent()[0]["tools"] is False


# --- LangChain's tools


async def test_the_tools_are_langchains():
    for tool, made in zip(TOOLS, langchain_tools(TOOLS), strict=True):
        assert (made.name, made.description) == (tool.name, tool.doc)
        assert made.tool_call_schema["properties"] == tool.schema["properties"]
        assert made.invoke({"self": 1, "func": 2}) == await made.ainvoke({"self": 1, "func": 2})
