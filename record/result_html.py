"""The result of a search as HTML, for notebooks: a table of plain cells, in which all text of others is escaped."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from ..printable import one_line
from .candidate import Candidate

if TYPE_CHECKING:
    from .result import SearchResult

_ROWS, _TEXT = 20, 200  # iterations that are shown, and characters of a text
_HEAD = ("trial", "iteration", "", "MFLOPs", "params (M)", "by", "architecture", "reason, or the failure")
_RIGHT = "text-align: right"


def result_html(result: "SearchResult") -> str:
    """Return a table of the latest iterations, below the best one and what the search has spent."""
    shown = result.candidates[-_ROWS:]
    left = len(result.candidates) - len(shown)
    best, more = result.best, f"<p>{left:,} earlier iterations: to_frame() has them all</p>" if left else ""
    head = "".join(f"<th>{_cell(name or result.goal.objective.label)}</th>" for name in _HEAD)
    rows = "".join(_row(candidate, result, is_best=_is(candidate, best)) for candidate in shown)
    words = "".join(f"<p>{_cell(line)}</p>" for line in _lines(result))
    return f"<div>{words}<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{more}</div>"


def _lines(result: "SearchResult") -> list[str]:
    """Return the search in a few sentences."""
    settings, best, spent = result.settings, result.best, result.spent
    by = " of ".join(filter(None, [settings.proposer, settings.llm.first]))
    found = [f"{settings.space} by {by}: {len(result.candidates):,} iterations"]
    if best is None or best.value is None:
        found += ["nothing feasible was measured"]
    else:
        value = result.goal.objective.text(best.value)
        found += [f"best: {best.written}, {value}, trial {best.trial}, iteration {best.iteration}"]
    words = [f"${spent.cost:.4g}"] if spent.cost else []
    words += [f"{spent.tokens:,} tokens"] if spent.tokens else []
    found += [", ".join(["spent: " + f"{spent.hours:.3g} device-hours", *words])]
    return [*found, *filter(None, [result.stopped]), f"run: {result.run}"]


def _is(candidate: Candidate, best: Candidate | None) -> bool:
    return best is not None and (candidate.trial, candidate.iteration) == (best.trial, best.iteration)


def _row(candidate: Candidate, result: "SearchResult", *, is_best: bool) -> str:
    cost, convention = candidate.cost, result.settings.limits.convention
    value = "-" if candidate.value is None else result.goal.objective.numbers([candidate.value])[0]
    numbers = [str(candidate.trial), str(candidate.iteration), value]
    numbers += [f"{cost.counted(convention) / 1e6:,.3f}", f"{cost.params / 1e6:,.3f}"] if cost else ["-", "-"]
    texts = [candidate.arm or "-", candidate.written, candidate.error or candidate.rationale]
    cells = "".join(f'<td style="{_RIGHT}">{_cell(text)}</td>' for text in numbers)
    cells += _texts(texts)
    return f'<tr style="font-weight: bold">{cells}</tr>' if is_best else f"<tr>{cells}</tr>"


def _texts(texts: Sequence[str]) -> str:
    return "".join(f'<td style="text-align: left">{_cell(text)}</td>' for text in texts)


def _cell(text: str) -> str:
    return escape(one_line(text, _TEXT))
