"""The proposer that answers from a recorded conversation: a search repeated offline and without a key."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..spaces.errors import GeniusError, RunFailed
from ..tools.candidate import Candidate, Message
from .proposer import Proposer, Reply

CALLS_FILE = "calls.jsonl"


class BadRecording(GeniusError):
    """A file that holds no recorded conversation."""


def load_recording(path: Path, trial: int = 1) -> list[Reply]:
    """Read the recorded replies in order: from a run folder, its log of calls, or a list of OpenAI-style messages.

    Raises: BadRecording.
    """
    file = path / CALLS_FILE if path.is_dir() else path
    if not file.is_file():
        raise BadRecording(f"there is no recording at {file}")
    try:
        replies = list(_replies(file.read_text(encoding="utf-8"), trial))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadRecording(f"{file} is neither a log of calls nor a list of messages: {error}") from error
    if not replies:
        raise BadRecording(f"{file} holds no reply for trial {trial}")
    return replies


def _replies(text: str, trial: int) -> Iterator[Reply]:
    if text.lstrip().startswith("["):
        messages = json.loads(text)
        yield from (Reply(m["content"], model="recorded") for m in messages if m["role"] == "assistant")
        return
    for line in text.splitlines():
        call = json.loads(line)
        if call["trial"] == trial:
            yield Reply(**call["reply"])


def replies_used(prompt: Sequence[Message], history: Sequence[Candidate]) -> int:
    """Count the replies that a trial has had so far, refused ones included."""
    finished = sum(len(c.refusals) + bool(c.reply) for c in history)
    return finished + sum(message["role"] == "assistant" for message in prompt)


def replay(recording: Sequence[Reply]) -> Proposer:
    """Make a proposer of recorded replies: the first call gets the first, and so on."""

    async def propose(prompt: Sequence[Message], history: Sequence[Candidate]) -> Reply:
        used = replies_used(prompt, history)
        if used >= len(recording):
            raise RunFailed(f"the recording holds {len(recording)} replies, and the search asked for one more")
        return recording[used]

    return propose
