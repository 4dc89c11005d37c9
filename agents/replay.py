"""The proposer that answers from a recorded conversation, to repeat a search offline and without a key.

The accuracies of a recorded run stand in its journal. Those of a list of messages stand in a table beside the file, or
in `recorded.csv` here, which holds the accuracies that Zheng et al. measured in their four published conversations with
GPT-4 over the ImageNet space, github.com/mingkai-zheng/GENIUS at 97361d3. A row names a reply by its number, from 1 in
its file; `sha256` is that of the replies, as a JSON list.
"""

import csv
import json
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import replace
from importlib.resources import files
from os.path import isdir, realpath  # isdir is False, too, for a name that no file can have
from pathlib import Path

from ..errors import RunFailed
from ..record.call import CALL, CALLS_FILE, Call, CallPlace, Reply
from ..record.candidate import CANDIDATE, NOTHING_LEFT, Candidate, Message, measured
from ..record.files import BrokenRun, read_plain, sha256_of
from ..record.history import History
from ..record.journal import CANDIDATES_FILE
from ..record.lines import read_lines, read_records
from ..record.settings import HYBRID, MODEL
from ..spaces.space import Architecture, SearchSpace
from ..tables.recording import BadRecording, read_messages
from ..tools.replies import UnreadableReply, read_reply
from ..tools.seen import short
from .proposer import PROPOSAL, Form, Thinking

_LONGEST = 1 << 28  # bytes of a recorded conversation
_FIRST: CallPlace = "proposer", 1, 1, 1


def load_recording(path: Path, trial: int = 1) -> list[Reply]:
    """Read the recorded replies of a proposer in order.

    Raises: BadRecording.
    """
    return _proposed(load_calls(path, trial))


def load_calls(path: Path, trial: int = 1) -> list[Call]:
    """Read the recorded calls in order, from a run folder, a log of calls, or a list of OpenAI-style messages.

    Raises: BadRecording, also where none of them is for a proposal.
    """
    file = path / CALLS_FILE if isdir(path) else path
    try:
        calls = _calls(file if isdir(path) else Path(realpath(path)), trial)  # who names a link means its end
    except OSError as error:
        raise BadRecording(f"there is no recording at {file}: {error.strerror}") from error
    except BrokenRun as error:
        raise BadRecording(short(error, 300)) from error
    except (ValueError, RecursionError) as error:
        wrong = short(error, 300)
        raise BadRecording(f"{file} is neither a log of calls nor a list of messages: {wrong}") from error
    if not _proposed(calls):
        raise BadRecording(f"{file} holds no reply for trial {trial}")
    return calls


def _proposed(calls: Sequence[Call]) -> list[Reply]:
    return [call.reply for call in calls if call.agent == "proposer"]


def load_measurements(path: Path, space: SearchSpace, trial: int = 1) -> dict[Architecture, float]:
    """Return the accuracies of a recording, in percent; empty where none are known.

    They come from a run's journal, else from `NAME.csv` beside `NAME.json`, with lines `reply,accuracy`, else from the
    published conversations.
    Raises: BadRecording.
    """
    if _is_log(path):
        found = measured(_journal_of(path, trial))
        return {c.architecture: c.value for c in found if c.architecture and c.value is not None}
    replies = load_recording(path, trial)
    table = path.with_suffix(".csv")
    try:
        rows = _rows(read_plain(Path(realpath(table))).decode("utf-8-sig")) if table.is_file() else _published(replies)
        return _by_architecture(rows, replies, space)
    except (ValueError, OSError, csv.Error) as error:
        raise BadRecording(f"the accuracies of {path} in {table.name}: {short(error, 300)}") from error


def recorded_proposer(path: Path) -> str:
    """Return the proposer whose search a recording repeats: hybrid where an arm made its first candidate, else model.

    Where no journal stands beside it, it is hybrid where the first iteration asked the model for no proposal.
    Raises: BadRecording.
    """
    calls = load_calls(path)
    if journal := _journal_of(path, 1) if _is_log(path) else []:
        return HYBRID if journal[0].arm else MODEL
    return MODEL if any(call.place == _FIRST for call in calls) else HYBRID


def _is_log(path: Path) -> bool:
    """Tell whether a recording is that of a run: its folder or its log of calls, beside which its journal stands."""
    return isdir(path) or path.name == CALLS_FILE


def _journal_of(path: Path, trial: int) -> list[Candidate]:
    """Return the finished candidates of a recorded run's trial; empty where its journal is not there.

    Raises: BadRecording.
    """
    journal = (path if isdir(path) else path.parent) / CANDIDATES_FILE
    try:
        return [c for c in read_records(journal, CANDIDATE) if c.trial == trial] if journal.is_file() else []
    except BrokenRun as error:
        raise BadRecording(short(error, 300)) from error


def _rows(text: str) -> Iterator[tuple[int, float]]:
    """Read the replies' numbers and their accuracies.

    Raises: ValueError, with the line.
    """
    reader = csv.DictReader(text.splitlines(), skipinitialspace=True)
    if not {"reply", "accuracy"} <= set(reader.fieldnames or ()):
        raise ValueError("the first line must be `reply,accuracy`")
    for row in reader:
        try:
            number, accuracy = int(row["reply"] or ""), float(row["accuracy"] or "")
        except ValueError as error:
            raise ValueError(f"line {reader.line_num} is no number of a reply and an accuracy: {error}") from error
        if not 0 <= accuracy <= 100:
            raise ValueError(f"line {reader.line_num}: an accuracy is from 0 to 100 percent, got {accuracy}")
        yield number, accuracy


def _published(replies: Sequence[Reply]) -> Iterator[tuple[int, float]]:
    """Yield the replies' numbers and the accuracies that Zheng et al. measured; none for other conversations."""
    digest = sha256_of(json.dumps([reply.text for reply in replies]).encode())
    text = (files(__name__.rpartition(".")[0]) / "recorded.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(text.splitlines()):
        if row["sha256"] == digest:
            yield int(row["reply"]), float(row["accuracy"])


def _by_architecture(
    rows: Iterable[tuple[int, float]], replies: Sequence[Reply], space: SearchSpace
) -> dict[Architecture, float]:
    """Map the architectures of the replies that have an accuracy to it.

    Raises: ValueError where a reply gives no architecture, or an architecture has two accuracies.
    """
    found: dict[Hashable, tuple[Architecture, float]] = {}
    for number, accuracy in rows:
        if not 1 <= number <= len(replies):
            raise ValueError(f"there is no reply {number}: the recording holds replies 1 to {len(replies)}")
        try:
            architecture = read_reply(replies[number - 1].text, space).architecture
        except UnreadableReply as error:
            raise ValueError(f"reply {number} gives no architecture of {space.name}: {error}") from error
        if architecture is None:
            raise ValueError(f"reply {number} gives no architecture: it says that nothing better is left")
        known = found.setdefault(space.identity(architecture), (architecture, accuracy))
        if known[1] != accuracy:
            raise ValueError(
                f"{list(architecture)} has two accuracies, {known[1]}% and, by reply {number}, {accuracy}%"
            )
    return dict(found.values())


def _calls(file: Path, trial: int) -> list[Call]:
    """Read the calls of one trial from a log, or those of a list of messages, the same for every trial.

    Raises: BrokenRun for another line of a log; ValueError or RecursionError for another file.
    """
    if next(read_lines(file), b"").lstrip().startswith(b'{"trial"'):
        return [call for call in read_records(file, CALL) if call.trial == trial]
    messages = read_messages(read_plain(file, _LONGEST).decode("utf-8-sig"))
    said = [message["content"] for message in messages if message["role"] == "assistant"]
    return [Call(trial, at, 1, [], Reply(words, model="recorded")) for at, words in enumerate(said, start=1)]


def replies_used(prompt: Sequence[Message], history: Sequence[Candidate]) -> int:
    """Count the replies of a trial so far, refused ones included."""
    return History.of(history).replies + _attempts(prompt, history)


def _attempts(prompt: Sequence[Message], history: Sequence[Candidate]) -> int:
    """Count the replies of the iteration that is being made; a prompt may hold those of earlier ones, too."""
    if isinstance(history, History):
        return history.attempts
    return sum(message["role"] == "assistant" for message in prompt)


def replay(calls: Sequence[Call]) -> Thinking:
    """Make a proposer that returns the recorded proposals in their order, and the further replies of their iterations.

    In a hybrid search, where not every iteration asks for one, the proposals too are those of its iteration.
    """
    recording = _proposed(calls)
    said = {call.place: call.reply for call in calls}
    trial = calls[0].trial

    async def think(prompt: Sequence[Message], history: Sequence[Candidate], form: Form) -> Reply:
        proposes = form.name == PROPOSAL.name
        if proposes and not form.arm and not is_hybrid(history):
            return propose(prompt, history)
        attempt = 1 + _attempts(prompt, history if proposes else ())
        missing = Reply("", fault=f"the recording holds no {form.name} of iteration {len(history) + 1}")
        return replace(said.get((form.agent, trial, len(history) + 1, attempt), missing), cost=0.0, notes=())

    def is_hybrid(history: Sequence[Candidate]) -> bool:
        if not history:
            return ("proposer", trial, 1, 1) not in said
        return any(candidate.arm for candidate in history)

    def propose(prompt: Sequence[Message], history: Sequence[Candidate]) -> Reply:
        used = replies_used(prompt, history)
        if used >= len(recording) and recording[-1].text.strip() == NOTHING_LEFT:
            return Reply(NOTHING_LEFT)  # the recorded search stopped here
        if used >= len(recording):
            raise RunFailed(f"the recording holds {len(recording)} replies, and the search asked for one more")
        return replace(recording[used], cost=0.0, notes=())

    return Thinking(think)
