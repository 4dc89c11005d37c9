"""The proposer that answers from a recorded conversation: a search repeated offline and without a key."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ..spaces.errors import RunFailed
from ..spaces.space import Architecture, SearchSpace
from ..tools.candidate import NOTHING_LEFT, Candidate, Message, measured
from ..tools.recording import BadRecording, read_measurements, read_messages
from .proposer import Proposer, Reply

CALLS_FILE = "calls.jsonl"
CANDIDATES_FILE = "candidates.jsonl"


def load_recording(path: Path, trial: int = 1) -> list[Reply]:
    """Read the recorded replies in order: from a run folder, its log of calls, or a list of OpenAI-style messages.

    Raises: BadRecording.
    """
    _, replies = _load(path, trial)
    return replies


def load_measurements(path: Path, space: SearchSpace, trial: int = 1) -> dict[Architecture, float]:
    """Return the accuracies, in percent, that a recording holds: those of a run folder's journal, else as reported.

    Raises: BadRecording.
    """
    journal = path / CANDIDATES_FILE
    if not journal.is_file():
        messages, _ = _load(path, trial)
        return read_measurements(messages, space)
    try:
        lines = map(json.loads, _whole_lines(journal.read_text(encoding="utf-8")))
        found = measured([Candidate.from_json(line) for line in lines if line["trial"] == trial])
    except (ValueError, KeyError, TypeError) as error:
        raise BadRecording(f"{journal} is no journal: {error}") from error
    return {c.architecture: c.accuracy for c in found if c.architecture and c.accuracy is not None}


def _load(path: Path, trial: int) -> tuple[list[Message], list[Reply]]:
    file = path / CALLS_FILE if path.is_dir() else path
    if not file.is_file():
        raise BadRecording(f"there is no recording at {file}")
    try:
        messages, replies = _read(file.read_text(encoding="utf-8"), trial)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadRecording(f"{file} is neither a log of calls nor a list of messages: {error}") from error
    if not replies:
        raise BadRecording(f"{file} holds no reply for trial {trial}")
    return messages, replies


def _read(text: str, trial: int) -> tuple[list[Message], list[Reply]]:
    """Read the messages of a recording, and its replies; a list of messages is the same for every trial."""
    if _is_log(text):
        return _read_log(text, trial)
    messages = read_messages(text)
    return messages, [Reply(m["content"], model="recorded") for m in messages if m["role"] == "assistant"]


def _read_log(text: str, trial: int) -> tuple[list[Message], list[Reply]]:
    messages: list[Message] = []
    replies: list[Reply] = []
    for call in map(json.loads, _whole_lines(text)):
        if call["trial"] == trial:
            replies.append(Reply(**call["reply"]))
            messages += [*call["prompt"], Message(role="assistant", content=replies[-1].text)]
    return messages, replies


def _is_log(text: str) -> bool:
    """Tell a log, of one JSON object a line, from a list of messages or an object that holds one."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return True
    return isinstance(value, dict) and "messages" not in value


def _whole_lines(text: str) -> list[str]:
    """Return the lines of a log, but for a last one that a crash cut short."""
    return text[: text.rfind("\n") + 1].splitlines()


def replies_used(prompt: Sequence[Message], history: Sequence[Candidate]) -> int:
    """Count the replies that a trial has had so far, refused ones included."""
    finished = sum(len(c.refusals) + bool(c.reply) for c in history)
    return finished + sum(message["role"] == "assistant" for message in prompt)


def replay(recording: Sequence[Reply]) -> Proposer:
    """Make a proposer of recorded replies: the first call gets the first, and so on."""

    async def propose(prompt: Sequence[Message], history: Sequence[Candidate]) -> Reply:
        used = replies_used(prompt, history)
        if used >= len(recording) and recording[-1].text.strip() == NOTHING_LEFT:
            return Reply(NOTHING_LEFT)  # the recorded search stopped here
        if used >= len(recording):
            raise RunFailed(f"the recording holds {len(recording)} replies, and the search asked for one more")
        return replace(recording[used], cost=0.0, notes=())

    return propose
