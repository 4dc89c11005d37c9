"""Calls of tools in conversations: as messages with calls, or as plain text for a model that takes no tools; and the
tools as LangChain's."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from ..record.candidate import Candidate, Message, ToolCall, ToolUse
from ..tools.toolbox import Tool, read_arguments

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage
    from langchain_core.tools import BaseTool

Texts = Callable[[int], str]
"""Returns the text of a reply of the iteration, by its number from 1."""


def round_messages(uses: Sequence[ToolUse], text: str, *, as_text: bool) -> list[Message]:
    """Return the messages of one round: the reply, with its text and its calls, and their answers."""
    attempt = uses[0].attempt
    if as_text:
        calls = [f"{use.name}({use.arguments})" for use in uses]
        answers = "\n\n".join(f"{use.name}:\n{use.answer}" for use in uses)
        asked = "\n".join(filter(None, [text.strip(), *calls]))
        return [Message(role="assistant", content=asked), Message(role="user", content=answers)]
    ids = [f"call_{attempt}_{at}" for at in range(1, len(uses) + 1)]
    calls_made = tuple(ToolCall(id_, use.name, use.arguments) for id_, use in zip(ids, uses, strict=True))
    asking = Message(role="assistant", content=text, tool_calls=calls_made)
    answered = [Message(role="tool", content=use.answer, tool_call_id=id_) for id_, use in zip(ids, uses, strict=True)]
    return [asking, *answered]


def rounds_of(candidate: Candidate) -> dict[int, list[ToolUse]]:
    """Return the calls of tools in an iteration by the number of their reply."""
    found: dict[int, list[ToolUse]] = {}
    for use in candidate.tools:
        found.setdefault(use.attempt, []).append(use)
    return found


def with_words(messages: Sequence[Message], words: str) -> list[Message]:
    """Add words for the model to a conversation: to its last message where that is the user's, for strict servers."""
    if messages and messages[-1]["role"] == "user":
        last = Message(role="user", content=f"{messages[-1]['content']}\n\n{words}")
        return [*messages[:-1], last]
    return [*messages, Message(role="user", content=words)]


def without_text_forms(messages: Sequence[Message], texts: Sequence[str]) -> list[Message]:
    """Leave the descriptions of an answer in plain text out of a prompt, for a model that is sent a schema."""
    found = list(messages)
    for at, message in enumerate(found):
        if message["role"] == "user":
            content = message["content"]
            for text in texts:
                before, said, after = content.partition(text)
                content = before.rstrip() + after if said else content
            found[at] = Message(role="user", content=content)
    return found


def wire_messages(prompt: Sequence[Message], given: "Mapping[str, AIMessage]") -> list[Any]:
    """Convert a prompt to messages of LangChain.

    `given` holds the messages of a model with calls as its provider gave them, by their `conversation_key`: a provider
    may need its own blocks of reasoning again. Any other is made from its text and its calls.
    """
    found: list[Any] = []
    ids: dict[str, str] = {}  # the provider's, by ours
    for at, message in enumerate(prompt):
        if calls := message.get("tool_calls"):
            if known := given.get(conversation_key(prompt[: at + 1])):
                ids |= dict(zip((call.id for call in calls), call_ids(known), strict=True))
            found.append(known or _with_calls(message["content"], calls))
        elif call_id := message.get("tool_call_id"):
            found.append({"role": "tool", "content": message["content"], "tool_call_id": ids.get(call_id, call_id)})
        else:
            found.append({"role": message["role"], "content": message["content"]})
    return found


def conversation_key(prompt: Sequence[Message]) -> str:
    """Return a text that only equal conversations share; of the last message only its calls count."""
    *before, last = prompt
    calls = [(call.name, call.arguments) for call in last.get("tool_calls", ())]
    return repr([[(m["role"], m["content"]) for m in before], calls])


def calling(uses: Sequence[ToolUse]) -> "AIMessage":
    """Return a message of LangChain with calls of tools, for the node that answers them in their order."""
    calls = [ToolCall(str(at), use.name, use.arguments) for at, use in enumerate(uses)]
    return _with_calls("", calls)


def _with_calls(text: str, calls: Sequence[ToolCall]) -> "AIMessage":
    from langchain_core.messages import AIMessage

    made = [{"name": call.name, "args": _object_of(call.arguments), "id": call.id} for call in calls]
    return AIMessage(content=text, tool_calls=made)


def _object_of(arguments: str) -> dict[str, object]:
    """Return arguments as an object, since servers refuse a conversation with others."""
    read = read_arguments(arguments)
    return {"unreadable": arguments} if read is None else read


def call_ids(message: "AIMessage") -> list[str]:
    """Return the ids of a message's calls, in the order in which they are read."""
    return [str(call["id"]) for call in message.tool_calls]


def is_complete(message: Any, calls: Sequence[ToolCall]) -> bool:
    """Tell whether a message of LangChain can be sent back as it is: each of its calls was read, and has an id."""
    ids = [call.get("id") for call in getattr(message, "tool_calls", None) or []]
    return all(ids) and len(set(ids)) == len(calls) == len(ids) and not getattr(message, "invalid_tool_calls", None)


def declared_tools(tools: Sequence[Tool], final: Mapping[str, object]) -> list[dict[str, object]]:
    """Return tools as models are told of them, and the `final` schema as one that settles the proposal."""
    named = [(tool.name, tool.doc, tool.schema) for tool in tools]
    named.append((str(final["title"]), str(final["description"]), _bare(final)))
    return [
        {"type": "function", "function": {"name": name, "description": doc, "parameters": schema}}
        for name, doc, schema in named
    ]


def _bare(schema: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in schema.items() if name not in ("title", "description")}


def langchain_tools(tools: Sequence[Tool]) -> "list[BaseTool]":
    """Return tools as those of LangChain, which answer in a thread."""
    return [_class()(name=tool.name, description=tool.doc, args_schema=dict(tool.schema), tool=tool) for tool in tools]


@cache
def _class() -> "Any":
    from langchain_core.tools import BaseTool

    class LangChainTool(BaseTool):
        """A tool whose arguments are read by its own schema."""

        tool: Any

        def _run(self, /, **arguments: object) -> str:
            return str(self.tool.answer(arguments))

        async def _arun(self, /, **arguments: object) -> str:
            return str(await asyncio.to_thread(self.tool.answer, arguments))

    return LangChainTool
