"""The calls of a run's models as the page shows them: in full as long as they are few, else by their ends."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...record.call import CALLS_FILE, CallPlace, Reply, shortened
from ...record.candidate import Message
from ...record.journal import read_calls

_WHOLE = 800_000  # characters of all prompts and replies that the page shows in full
_PROMPT, _REPLY = (100, 300), (200, 400)  # characters of the beginning and of the end of others


@dataclass(frozen=True)
class Conversation:
    """A call of a model: its agent and attempt, its messages as roles and texts, and the reply.

    `outcome` says how the reply ended where it is not to be read, and `whole` whether nothing was left out.
    """

    place: CallPlace
    model: str
    tokens: str
    messages: Sequence[tuple[str, str]]
    reply: str
    outcome: str
    whole: bool = True

    @property
    def title(self) -> str:
        """The agent, and the attempt where it is not the first."""
        agent, _, _, attempt = self.place
        return agent if attempt == 1 else f"{agent}, attempt {attempt}"


def read_conversations(run: Path) -> list[Conversation]:
    """Read all calls of a run; of many the first and the latest ones are whole.

    Raises: BrokenRun, NotPlain.
    """
    calls = list(read_calls(run))
    whole = _whole([_length(prompt, reply) for _, prompt, reply in calls])
    return [_conversation(*call, whole=at in whole) for at, call in enumerate(calls)]


def by_iteration(calls: Iterable[Conversation]) -> dict[tuple[int, int], list[Conversation]]:
    """Group calls by their trial and iteration."""
    found: defaultdict[tuple[int, int], list[Conversation]] = defaultdict(list)
    for call in calls:
        found[call.place[1], call.place[2]].append(call)
    return found


def _whole(lengths: Sequence[int]) -> set[int]:
    """Return the places of the calls that are shown in full: from both ends of the log, as far as there is room."""
    order = [at // 2 if at % 2 else len(lengths) - 1 - at // 2 for at in range(len(lengths))]
    kept, left = set(), _WHOLE
    for at in order:
        left -= lengths[at]
        if left < 0:
            break
        kept.add(at)
    return kept


def _length(prompt: Sequence[Message], reply: Reply) -> int:
    return len(reply.text) + sum(len(message["content"]) for message in prompt)


def _conversation(place: CallPlace, prompt: Sequence[Message], reply: Reply, *, whole: bool) -> Conversation:
    messages = [(message["role"], _content(message)) for message in prompt]
    text = reply.text or "\n".join(f"{call.name}({call.arguments})" for call in reply.tool_calls)
    if not whole:
        messages, text = [(role, _cut(words, _PROMPT)) for role, words in messages], _cut(text, _REPLY)
    counted = f"{reply.input_tokens:,} + {reply.output_tokens:,} tokens" if reply.tokens else ""
    dollars = f"${reply.cost:.4g}" if reply.cost else ""
    outcome = "; ".join(filter(None, [reply.refusal, reply.fault]))
    named = reply.llm or reply.model or "no language model"
    return Conversation(place, named, ", ".join(filter(None, [counted, dollars])), messages, text, outcome, whole)


def _content(message: Message) -> str:
    calls = "\n".join(f"calls {call.name}({call.arguments})" for call in message.get("tool_calls", ()))
    return "\n".join(filter(None, [message["content"], calls]))


def _cut(text: str, ends: tuple[int, int]) -> str:
    cut = shortened(text, *ends)
    return cut if cut == text else f"{cut}\n[all of it: {CALLS_FILE} in the run folder]"
