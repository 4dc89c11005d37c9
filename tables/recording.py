"""Recorded conversations: lists of OpenAI-style messages, read from JSON."""

import json

from ..errors import GeniusError
from ..record.candidate import Message

_TEXTS = ("text", "input_text", "output_text")


class BadRecording(GeniusError):
    """A file without a recorded conversation, or with accuracies that do not fit it."""


def read_messages(text: str) -> list[Message]:
    """Read the messages of a conversation from JSON.

    Raises: ValueError for anything else.
    """
    return messages_of(json.loads(text))


def messages_of(value: object) -> list[Message]:
    """Take the messages from a JSON value: a list of messages, or an object with that list as `messages`.

    Raises: ValueError for anything else; it names the fault.
    """
    messages = value.get("messages") if isinstance(value, dict) else value
    if not isinstance(messages, list):
        raise ValueError(f"expected a list of messages, got {type(messages).__name__}")
    return [_message(number, message) for number, message in enumerate(messages, start=1)]


def _message(number: int, message: object) -> Message:
    if not isinstance(message, dict) or not isinstance(message.get("role"), str):
        raise ValueError(f"message {number} is no object with a role")
    try:
        return Message(role=message["role"], content=_content(message.get("content")))
    except ValueError as error:
        raise ValueError(f"message {number}: {error}") from error


def _content(content: object) -> str:
    """Return the text of a message, joined from its parts; empty where the message only calls a tool."""
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        raise ValueError(f"its content is no text and no list of parts, but {type(content).__name__}")
    texts = [part if isinstance(part, str) else part.get("text") for part in content if _is_text(part)]
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("a part of its content is a text without text")
    return "\n".join(map(str, texts))


def _is_text(part: object) -> bool:
    return isinstance(part, str) or (isinstance(part, dict) and part.get("type") in _TEXTS)
