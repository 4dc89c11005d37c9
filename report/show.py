"""A result for people: a table of the iterations, the best architecture, and the meaning of the numbers."""

from collections.abc import Iterable, Mapping, Sequence
from heapq import nsmallest
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..agents.backends import LOCAL
from ..graph.trust import resume_command
from ..printable import one_line
from ..record.candidate import Candidate
from ..record.result import SearchResult, TrialResult
from ..record.settings import Settings
from ..spaces import table_of
from ..spaces.cost import CONVENTIONS, Convention
from .search_picture import PICTURE_FILE

_NARROW = 72  # columns of a terminal below which tables leave out what is less asked for
_BEST, _LATEST = 20, 20  # rows of a table of many
_LONGEST = 300  # characters of an error
_TIES = "equals share the better rank."
_AMONG = f"Ranks are among all architectures of the space; {_TIES}"
_NOTHING_YET = "nothing was measured yet"


def print_tables(result: SearchResult, console: Console, *, everything: bool = False) -> None:
    """Print a result as a table and sentences.

    Of many iterations, or trials, the table has the best and the latest, unless `everything` is asked for.
    """
    narrow = console.width < _NARROW
    if len(result.trials) == 1:
        candidates = result.trials[0].candidates
        places = range(len(candidates)) if everything else _shown([c.accuracy for c in candidates])
        chosen = [candidates[at] for at in places]
        table = _iterations(chosen, result.trials[0].best, narrow, result.settings.limits.convention)
        kind, count = "iterations", len(candidates)
    else:
        best = [trial.best.accuracy if trial.best else None for trial in result.trials]
        places = range(len(best)) if everything else _shown(best)
        table = _trials([result.trials[at] for at in places], narrow)
        kind, count = "trials", len(best)
    if table.row_count:
        console.print(table, "", sep="\n")
    if table.row_count < count:
        print_sentences(console, [f"{table.row_count} of {count:,} {kind}: the best and the latest (all: --all)"])
    print_sentences(console, _sentences(result))
    # The paths on lines of their own and never cut, so that they can be copied.
    if (result.run / PICTURE_FILE).is_file():
        print_sentences(console, [f"picture: {result.run / PICTURE_FILE}"], copied=True)
    print_sentences(console, [f"run:     {result.run}"], copied=True)


def _shown(accuracies: Sequence[float | None]) -> Sequence[int]:
    """Return the places of the rows that a table has: all of a few, of many the best and the latest."""
    count = len(accuracies)
    if count <= _BEST + _LATEST:
        return range(count)
    measured = [at for at, accuracy in enumerate(accuracies) if accuracy is not None]
    best = nsmallest(_BEST, measured, key=lambda at: (-(accuracies[at] or 0.0), at))
    return sorted({*best, *range(count - _LATEST, count)})


def as_text(words: str) -> Text:
    """Return words for a terminal as one line of plain text, whoever wrote them."""
    return Text(one_line(words))


def print_sentences(console: Console, sentences: Iterable[str], *, copied: bool = False) -> None:
    """Print each sentence as plain text; one that is to be `copied` is not wrapped."""
    for sentence in sentences:
        console.print(as_text(sentence), soft_wrap=copied)


def _table(columns: Sequence[str], last: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        table.add_column(as_text(name), justify="right", overflow="fold")
    table.add_column(as_text(last), overflow="fold")
    return table


def _iterations(candidates: Sequence[Candidate], best: Candidate | None, narrow: bool, convention: Convention) -> Table:
    flops = "MFLOPs" if convention == "macs" else f"MFLOPs ({convention})"
    table = _table(("iteration", "accuracy", "rank", *(() if narrow else (flops, "params (M)"))), "architecture")
    for candidate in candidates:
        costs = () if narrow else _costs(candidate, convention)
        cells = (*_numbers(candidate), *costs, _architecture(candidate))
        table.add_row(*map(as_text, cells), style="bold" if candidate is best else "")
    return table


def _numbers(candidate: Candidate) -> tuple[str, str, str]:
    rank = candidate.measurement.rank if candidate.measurement else None
    accuracy = f"{candidate.accuracy:.2f}" if candidate.accuracy is not None else "-"
    return str(candidate.iteration), accuracy, _number(rank)


def _costs(candidate: Candidate, convention: Convention) -> tuple[str, str]:
    cost = candidate.cost
    return (f"{cost.counted(convention) / 1e6:.2f}", f"{cost.params / 1e6:.3f}") if cost else ("-", "-")


def _architecture(candidate: Candidate) -> str:
    words = [str(list(candidate.architecture))] if candidate.architecture else []
    words += [one_line(candidate.error, _LONGEST)] if candidate.error else []
    if candidate.repair:
        how = "repaired" if candidate.repair.by == "nearest" else "changed by a person"
        words.append(f"({how} from {list(candidate.repair.proposed)})")
    words += [f"({len(candidate.refusals)} refused)"] if candidate.refusals else []
    return " ".join(words)


def _number(value: int | None) -> str:
    return f"{value:,}" if value is not None else "-"


def _trials(trials: Sequence[TrialResult], narrow: bool) -> Table:
    columns = (
        ("trial", "accuracy", "rank") if narrow else ("trial", "iterations", "accuracy", "rank", "test", "test rank")
    )
    table = _table(columns, "best architecture")
    for trial in trials:
        cells = {"trial": str(trial.trial), "iterations": str(len(trial.candidates)), **_best_cells(trial.best)}
        table.add_row(*(as_text(cells.get(column, "-")) for column in (*columns, "best architecture")))
    return table


def _best_cells(best: Candidate | None) -> dict[str, str]:
    if best is None or best.measurement is None:
        return {}
    m = best.measurement
    return {
        "accuracy": f"{m.accuracy:.2f}",
        "rank": _number(m.rank),
        "test": f"{m.test_accuracy:.2f}" if m.test_accuracy is not None else "-",
        "test rank": _number(m.test_rank),
        "best architecture": str(list(best.architecture or ())),
    }


def _sentences(result: SearchResult) -> list[str]:
    sentences = [_summary(result.summary())] if len(result.trials) > 1 else []
    sentences += [_best(result.best) if result.best else _nothing(result)]
    sentences += _protocol(result.settings)
    sentences += [_limits(result)] if result.settings.limits.ranges.limited else []
    sentences += [_search_cost(device, seconds) for device, seconds in result.device_seconds().items()]
    convention = result.settings.limits.convention
    sentences.append(f"{usage(result)}; FLOPs are {CONVENTIONS[convention]} ({convention})")
    if result.settings.llm.first == LOCAL:
        sentences.append("The embedded 135M model shows that the loop works; it says nothing about search quality.")
    if result.stopped:
        sentences.append(f"Stopped early: {result.stopped}.")
    if not result.finished:
        sentences.append(f"Not finished: go on with `{resume_command(result.run, result.settings)}`.")
    return sentences


def _nothing(result: SearchResult) -> str:
    errors = [candidate.error for trial in result.trials for candidate in trial.candidates if candidate.error]
    return f"nothing was measured: the last reason is: {one_line(errors[-1], _LONGEST)}" if errors else _NOTHING_YET


def _best(best: Candidate) -> str:
    m, where = best.measurement, f"trial {best.trial}, iteration {best.iteration}"
    assert m is not None
    words = [f"best: {list(best.architecture or ())} ({where}), accuracy {m.accuracy:.2f}%"]
    words += [f"rank {m.rank:,}"] if m.rank is not None else []
    words += [f"test accuracy {m.test_accuracy:.2f}%"] if m.test_accuracy is not None else []
    words += [f"test rank {m.test_rank:,}"] if m.test_rank is not None else []
    return ", ".join(words)


def _protocol(settings: Settings) -> list[str]:
    """Say what the accuracies of a run that looked them up are."""
    if settings.training.table is not None:
        return [f"Accuracies are those of the table {settings.training.table}. Ranks are among what it holds; {_TIES}"]
    table = table_of(settings.space)
    if table is None or not settings.looks_up:
        return []
    if table.sees_test_accuracy:
        return [f"This table holds test accuracy only, so the search itself saw it. {_AMONG}"]
    seen = "The search saw validation accuracy; test accuracy is that of the best by validation."
    return [f"{seen} {_AMONG}"]


def _limits(result: SearchResult) -> str:
    candidates = [candidate for trial in result.trials for candidate in trial.candidates]
    refused = sum(len(candidate.refusals) for candidate in candidates)
    repaired = sum(candidate.repair is not None and candidate.repair.by == "nearest" for candidate in candidates)
    return f"limits: {result.settings.limits.ranges.words()}; {refused} replies refused, {repaired} repaired"


def _search_cost(device: str, seconds: float) -> str:
    """Describe the cost of the trainings, as the paper's Table 2 does."""
    unit = "CPU" if device.lower().startswith("cpu") else "GPU"
    return f"search cost: {seconds / 3600:.3g} {unit}-hours ({seconds / 86400:.2g} {unit}-days) of {device}"


def usage(result: SearchResult) -> str:
    """Say how many calls and tokens a run took, and how long."""
    calls = sum(trial.usage.llm_calls for trial in result.trials)
    tokens_in = sum(trial.usage.input_tokens for trial in result.trials)
    tokens_out = sum(trial.usage.output_tokens for trial in result.trials)
    seconds = sum(trial.seconds for trial in result.trials)
    cost = f"${result.spent.cost:.4g}, " if result.spent.cost else ""
    answered = dict.fromkeys(c.llm for trial in result.trials for c in trial.candidates if c.llm)
    names = " and ".join(answered) or result.settings.llm.first
    model = f"{calls} calls of {names}, {tokens_in:,} + {tokens_out:,} tokens, {cost}" if calls else ""
    return f"{model}{seconds:.1f} s{' summed over the trials' * (len(result.trials) > 1)}"


def _summary(summary: Mapping[str, Any]) -> str:
    words = []
    for name in ("accuracy", "test_accuracy", "rank", "test_rank"):
        if spread := summary[name]:
            number = f"{spread['mean']:.2f} ± {spread['std']:.2f} (median {round(spread['median'], 2):g})"
            words.append(f"{name.replace('_', ' ')} {number}")
    return f"best of each of {summary['trials']} trials, mean ± std: {', '.join(words)}"
