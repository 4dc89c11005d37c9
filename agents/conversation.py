"""The memory of a search as a conversation: the first prompt, each reply, and its result as the answer to it.

It is Algorithm 1 of Zheng et al. 2023, a function of the history alone: a search that goes on says the same again.
Replies that could not be used are forgotten with their iteration.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ..record.candidate import NOTHING_LEFT, Candidate, Message
from ..record.history import History
from ..record.settings import MODEL
from ..spaces.region import Region
from .advice import Advice, advice_in_words
from .experiments import columns_of, describe_experiment
from .reflector import Terms, notebook_lines, said, task_in_words, write_prompt


def write_conversation(
    region: Region, history: Sequence[Candidate], terms: Terms, advice: Advice | None = None
) -> list[Message]:
    """Write all messages of a trial so far; the last one asks for the next proposal.

    Beliefs stand in the first prompt; the notebook and the surrogate's `advice` stand in the last message alone. The
    results of other arms of a hybrid search are told with that of the model's own proposal before.
    """
    known = History.of(history)
    messages = write_prompt(region, History.of((), known.goal, known.beliefs), terms, None if len(known) else advice)
    best, columns = None, ", ".join(columns_of(region, known.goal))
    settled = sorted(known, key=lambda candidate: candidate.iteration)
    for used, candidate in enumerate(settled, start=1):
        best = _better(best, candidate, known)
        last = used == len(settled)
        result = terms.prompts.render(
            "result",
            columns=columns,
            row=describe_experiment(region, known.goal, candidate, best),
            pending=candidate.measurement is None and candidate.error is None,
            task=task_in_words(region, terms, known.goal, used, measured=best is not None),
            notebook=notebook_lines(known) if last else [],
            advice=advice_in_words(region.space, advice, terms.prompts) if last and advice else "",
            nothing_left=NOTHING_LEFT if last and terms.may_stop and best else "",
        )
        if candidate.arm in (None, MODEL):
            messages += [said(candidate.reply), Message(role="user", content=result)]
        else:  # strict servers take no two messages of the user's in a row
            messages[-1] = Message(role="user", content=f"{messages[-1]['content']}\n\n{result}")
    return messages


def _better(best: Candidate | None, candidate: Candidate, known: History) -> Candidate | None:
    """Return the better one of two candidates that keep the limits."""
    if candidate.value is None or known.goal.beyond(candidate):
        return best
    return candidate if best is None or known.goal.utility(candidate) > known.goal.utility(best) else best


@dataclass
class Room:
    """How long a conversation may be: shorter than the shortest one that the model's server found too long."""

    refused: int | None = None  # characters

    def fitting(self, messages: Sequence[Message]) -> list[Message]:
        """Return messages without the oldest exchanges, as many as it takes; the first prompt and the last stay."""
        kept = list(messages)
        while self.refused is not None and _length(kept) >= self.refused and (second := _second_exchange(kept)):
            del kept[_FIRST:second]
        return kept

    def shrink(self, messages: Sequence[Message]) -> bool:
        """Note that these messages were too long; False where they hold no exchange that could be left out."""
        self.refused = _length(messages)
        return _second_exchange(messages) is not None


_FIRST = 2  # the messages of the first prompt: the role of the model, and the space


def _second_exchange(messages: Sequence[Message]) -> int | None:
    """Return where the second exchange begins, a reply and all that answers it; None where there is none."""
    replies = [at for at, message in enumerate(messages) if at >= _FIRST and message["role"] == "assistant"]
    return replies[1] if len(replies) > 1 else None


def _length(messages: Sequence[Message]) -> int:
    return sum(len(message["content"]) for message in messages)
