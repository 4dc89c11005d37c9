"""The calls of tools by which a proposer came to its proposals, for people: a line for each call."""

from collections.abc import Iterator, Sequence

from ..printable import one_line
from ..record.candidate import Candidate, ToolUse

_MOST = 40  # lines
_ARGUMENTS, _ANSWER = 120, 160  # characters


def calls_in_lines(candidates: Sequence[Candidate], *, everything: bool = False) -> Iterator[str]:
    """Write the calls of candidates, the latest ones of many unless `everything` is asked for."""
    lines = [_line(candidate, use) for candidate in candidates for use in candidate.tools]
    if not lines:
        return
    shown = lines if everything else lines[-_MOST:]
    yield ""
    yield f"calls of tools, by iteration{left_out(len(shown), len(lines))}:"
    yield from shown


def left_out(shown: int, count: int) -> str:
    """Say how many lines of all are shown; nothing where all are."""
    return f" ({shown} of {count:,}, the latest; all: --all)" if shown < count else ""


def _line(candidate: Candidate, use: ToolUse) -> str:
    called = f"{one_line(use.name, _ARGUMENTS)}({one_line(use.arguments, _ARGUMENTS)})"
    return f"- {candidate.iteration}: {called}: {one_line(use.answer, _ANSWER) or 'no answer yet'}"
