"""Answers of chat models' clients, converted to replies: the text, the tokens, and the reason for the end."""

import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from traceback import walk_tb
from typing import Any, Literal

from pydantic import ValidationError

from ..record.call import Reply
from ..record.candidate import ToolCall

Ending = Literal["cut off", "filtered", "refused", "tool", "its end"]

_ENDINGS: dict[str, Ending] = {
    **dict.fromkeys(("length", "max_tokens", "max_output_tokens", "model_length", "token_limit"), "cut off"),
    **dict.fromkeys(("model_context_window_exceeded", "max_output_tokens_exceeded"), "cut off"),
    **dict.fromkeys(("content_filter", "content_filtered", "safety", "recitation", "blocklist", "spii"), "filtered"),
    **dict.fromkeys(("prohibited_content", "guardrail_intervened", "error_toxic", "sensitive"), "filtered"),
    "refusal": "refused",
    **dict.fromkeys(("tool_calls", "tool_use", "function_call", "malformed_function_call"), "tool"),
}
"""The ends of replies by the providers' words for them, in lower case: those of OpenAI, Anthropic, Google, Ollama,
Amazon Bedrock, Cohere, Mistral and Zhipu."""

_MOST_CALLS, _NAME, _ARGUMENTS = 16, 100, 10_000
"""How many calls of tools are read of a reply, and how many characters of a name, and of the arguments."""

_FINISH_NAMES = ("finish_reason", "stop_reason", "done_reason", "stopReason")


def ending(reply: Reply) -> Ending:
    """Classify the end of a reply."""
    if reply.refusal:
        return "refused"
    return _ENDINGS.get(reply.finish.lower().removeprefix("finishreason."), "its end")


def is_cut_off(reply: Reply) -> bool:
    """Tell whether a reply ended at a limit on its tokens."""
    return ending(reply) == "cut off"


def read_answer(answer: Any, llm: str, title: str = "proposal", tools: Collection[str] = ()) -> Reply:
    """Convert the answer of a call to `llm` into a Reply: an AIMessage, or a completion of openai's client.

    Some providers give structured output as the arguments of a tool call, which is named as the `title` of the schema,
    or holds an architecture: these become the text, as JSON. Where the model was offered `tools`, other calls are those
    of tools, of any name and with any arguments.
    """
    if not hasattr(answer, "response_metadata"):
        reply = _of_completion(answer, llm)
        return replace(reply, fault=_fault(reply, []))
    reply, calls = _of_message(answer, llm), getattr(answer, "tool_calls", None) or []
    answers = [call["args"] for call in calls if call.get("name") not in tools and _is_structured(call, title)]
    if answers:
        reply = replace(reply, text=json.dumps(answers[0], ensure_ascii=False))
    elif tools and ending(reply) in ("tool", "its end"):
        reply = replace(reply, tool_calls=_tool_calls(answer))
    return replace(reply, fault=_fault(reply, [str(call.get("name")) for call in calls]))


def reply_with_bad_calls(error: Exception, llm: str) -> Reply | None:
    """Return the reply for an exception of LangChain's about calls of tools that it cannot read.

    LangChain takes an object for a call's arguments, or a text that is no JSON; other JSON, and calls that are no calls
    of a function, are its exceptions. The text and the tokens of the reply are lost. None for any other exception.
    """
    if not _is_about_calls(error):
        return None
    return Reply("[a call]", model=llm, fault="the arguments of a call of a tool are no JSON object: give one")


def _is_about_calls(error: Exception) -> bool:
    if isinstance(error, ValidationError):
        return error.errors()[0]["loc"][:1] in (("tool_calls",), ("invalid_tool_calls",))
    reading = [frame.f_code.co_name for frame, _ in walk_tb(error.__traceback__)]
    return isinstance(error, TypeError | AttributeError | KeyError) and any("tool_call" in name for name in reading)


def _tool_calls(message: Any) -> tuple[ToolCall, ...]:
    """Return the calls of tools in a message, also those whose arguments are no JSON object."""
    calls = [*(getattr(message, "tool_calls", None) or []), *(getattr(message, "invalid_tool_calls", None) or [])]
    return tuple(_tool_call(call) for call in calls[:_MOST_CALLS])


def _tool_call(call: Mapping[str, Any]) -> ToolCall:
    written = call.get("args")
    text = written if isinstance(written, str) else json.dumps(written or {}, ensure_ascii=False, default=str)
    return ToolCall(str(call.get("id") or "")[:_NAME], str(call.get("name") or "")[:_NAME], text[:_ARGUMENTS])


def _is_structured(call: Mapping[str, Any], title: str) -> bool:
    """Tell whether a tool call is structured output in disguise."""
    held = call.get("args") or {}
    return bool(held) and (call.get("name") == title or (title == "proposal" and "architecture" in held))


def _of_message(message: Any, llm: str) -> Reply:
    told, usage = message.response_metadata, message.usage_metadata or {}
    incomplete = (told.get("incomplete_details") or {}).get("reason")
    blocks = message.content if isinstance(message.content, list) else []
    refused = [str(block["refusal"]) for block in blocks if isinstance(block, Mapping) and block.get("refusal")]
    return Reply(
        text=message.text,
        model=told.get("model_name") or told.get("model") or llm,
        input_tokens=usage.get("input_tokens", 0),
        output_tokens=usage.get("output_tokens", 0),
        finish=str(incomplete or next((told[name] for name in _FINISH_NAMES if told.get(name)), "")),
        refusal=str(message.additional_kwargs.get("refusal") or "".join(refused)),
    )


def _of_completion(completion: Any, llm: str) -> Reply:
    choice, usage = completion.choices[0], completion.usage
    return Reply(
        text=choice.message.content or "",
        model=completion.model or llm,
        input_tokens=usage.prompt_tokens if usage else 0,
        output_tokens=usage.completion_tokens if usage else 0,
        finish=choice.finish_reason or "",
        refusal=choice.message.refusal or "",
    )


def _fault(reply: Reply, tools: list[str]) -> str | None:
    """Return the reason not to read a reply; None where it is read."""
    how, is_empty = ending(reply), not reply.text.strip()
    if how == "cut off":
        at = f" of {reply.output_tokens:,} tokens" if reply.output_tokens else ""
        return f"the reply was cut off at the limit{at}"
    if how == "filtered":
        return f"the provider's content filter withheld the reply ({reply.finish})"
    if how == "refused":
        return f"the model refuses to answer: {' '.join((reply.refusal or reply.text or reply.finish).split())[:200]}"
    if reply.tool_calls:
        return None
    if is_empty and (tools or how == "tool"):
        return f"the reply calls a tool ({', '.join(tools) or 'unnamed'}), and there is none: answer in text"
    if is_empty:
        return "the reply is empty" + (f", after {reply.output_tokens:,} tokens" if reply.output_tokens else "")
    return None
