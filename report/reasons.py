"""The reasons of a language model for its architectures, and what of its replies was refused, a line for each."""

from collections.abc import Iterator, Sequence

from ..printable import one_line
from ..record.candidate import Candidate
from .tool_calls import left_out

_MOST = 40  # lines
_REASON, _REFUSED = 300, 200  # characters


def reasons_in_lines(candidates: Sequence[Candidate], *, everything: bool = False) -> Iterator[str]:
    """Write the reasons and the refusals of candidates, the latest ones of many unless `everything` is asked for."""
    lines = [line for candidate in candidates for line in _of(candidate)]
    if not lines:
        return
    shown = lines if everything else lines[-_MOST:]
    yield ""
    yield f"reasons of the proposer, and replies that were refused, by iteration{left_out(len(shown), len(lines))}:"
    yield from shown


def _of(candidate: Candidate) -> Iterator[str]:
    for refusal in candidate.refusals:
        yield f"- {candidate.iteration}: refused: {one_line(refusal.reason, _REFUSED)}"
    if candidate.rationale.strip():
        yield f"- {candidate.iteration}: {one_line(candidate.rationale, _REASON)}"
