"""A result for people: a table of the iterations, the best architecture, and what the numbers are."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..agents.backends import LOCAL
from ..tools.candidate import Candidate
from ..tools.tables import SOURCES, sees_test_accuracy
from .picture import PICTURE_FILE
from .result import SearchResult, TrialResult


def print_result(result: SearchResult, console: Console) -> None:
    """Print a result as tables and sentences."""
    console.print(Group(*_parts(result)), highlight=False)
    # The paths on lines of their own and never cut, so that they can be copied.
    if (result.run / PICTURE_FILE).is_file():
        console.print(f"picture: {result.run / PICTURE_FILE}", soft_wrap=True, highlight=False)
    console.print(f"run:     {result.run}", soft_wrap=True, highlight=False)


def _parts(result: SearchResult) -> list[RenderableType]:
    trials = result.trials
    parts: list[RenderableType] = [_iterations(trials[0])] if len(trials) == 1 else [_trials(result)]
    parts += [Text(sentence) for sentence in _sentences(result)]
    return parts


def _iterations(trial: TrialResult) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("iteration", "accuracy", "rank", "MFLOPs", "params (M)"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("architecture", overflow="fold")
    best = trial.best
    for candidate in trial.candidates:
        table.add_row(*_row(candidate), style="bold" if candidate is best else "")
    return table


def _row(candidate: Candidate) -> tuple[str, ...]:
    measurement, cost = candidate.measurement, candidate.cost
    refused = f" ({len(candidate.refusals)} refused)" if candidate.refusals else ""
    return (
        str(candidate.iteration),
        f"{candidate.accuracy:.2f}" if candidate.accuracy is not None else "-",
        _number(measurement.rank if measurement else None),
        f"{cost.flops / 1e6:.2f}" if cost else "-",
        f"{cost.params / 1e6:.3f}" if cost else "-",
        (str(list(candidate.architecture)) if candidate.architecture else "") + (_failure(candidate)) + refused,
    )


def _failure(candidate: Candidate) -> str:
    return f" {candidate.error}" if candidate.error else ""


def _number(value: int | None) -> str:
    return f"{value:,}" if value is not None else "-"


def _trials(result: SearchResult) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("trial", "iterations", "best accuracy", "test accuracy", "rank", "test rank"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("best architecture", overflow="fold")
    for trial in result.trials:
        table.add_row(str(trial.trial), str(len(trial.candidates)), *_best_cells(trial.best))
    return table


def _best_cells(best: Candidate | None) -> tuple[str, ...]:
    if best is None or best.measurement is None:
        return ("-",) * 5
    m = best.measurement
    test = f"{m.test_accuracy:.2f}" if m.test_accuracy is not None else "-"
    return f"{m.accuracy:.2f}", test, _number(m.rank), _number(m.test_rank), str(list(best.architecture or ()))


def _sentences(result: SearchResult) -> list[str]:
    sentences = [""]
    sentences += [_summary(result.summary())] if len(result.trials) > 1 else []
    sentences += [_best(result.best)] if result.best else ["Nothing was measured."]
    sentences += [_protocol(result.settings.space)] if result.settings.space in SOURCES else []
    sentences.append(_usage(result))
    if result.settings.llm == LOCAL:
        sentences.append("The embedded 135M model shows that the loop works; it says nothing about search quality.")
    if not result.finished:
        sentences.append(f"Not finished: go on with `genius resume {result.run}`.")
    return sentences


def _best(best: Candidate) -> str:
    m, where = best.measurement, f"trial {best.trial}, iteration {best.iteration}"
    assert m is not None
    words = [f"best: {list(best.architecture or ())} ({where}), accuracy {m.accuracy:.2f}%"]
    words += [f"rank {m.rank:,}"] if m.rank else []
    words += [f"test accuracy {m.test_accuracy:.2f}%"] if m.test_accuracy is not None else []
    words += [f"test rank {m.test_rank:,}"] if m.test_rank else []
    return ", ".join(words)


def _protocol(space: str) -> str:
    ties = "Ranks are among all architectures of the space; equals share the better rank."
    if sees_test_accuracy(space):
        return f"This table holds test accuracy only, so the search itself saw it. {ties}"
    return f"The search saw validation accuracy; test accuracy is that of the best by validation. {ties}"


def _usage(result: SearchResult) -> str:
    calls = sum(trial.usage.llm_calls for trial in result.trials)
    tokens_in = sum(trial.usage.input_tokens for trial in result.trials)
    tokens_out = sum(trial.usage.output_tokens for trial in result.trials)
    seconds = sum(trial.seconds for trial in result.trials)
    model = f"{calls} calls of {result.settings.llm}, {tokens_in:,} + {tokens_out:,} tokens, " if calls else ""
    return f"{model}{seconds:.1f} s, FLOPs are multiply-adds of one image"


def _summary(summary: Mapping[str, Any]) -> str:
    words = []
    for name in ("accuracy", "test_accuracy", "rank", "test_rank"):
        if spread := summary[name]:
            number = f"{spread['mean']:.2f} ± {spread['std']:.2f} (median {spread['median']:g})"
            words.append(f"{name.replace('_', ' ')} {number}")
    return f"best of each of {summary['trials']} trials, mean ± std: {', '.join(words)}"
