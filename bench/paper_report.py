"""A reproduction of the paper's trials as Markdown and JSON, in the layout of the paper's tables."""

import platform
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..printable import brief
from ..record.candidate import ENDINGS
from ..record.secrets import redact
from ..record.settings import BY_NAME
from ..record.versions import made_with
from ..tables.published import TABLES, Table
from ..tables.random_baseline import random_baseline
from .contamination import Contamination, contamination
from .paper_numbers import ITERATIONS, SOURCE, PaperCurve, Spread, printed_table, spreads
from .repetition import Repetition, repetition, repetition_verdict
from .report import as_markdown, listed, markdown_table, table_lines

if TYPE_CHECKING:
    from .paper import Made, Paper

SAMPLES, REPETITIONS = 10, 10_000
"""Of the paper's random baseline: the samples of each repetition, and the repetitions."""
SUMMARY = ("space", "temperature", "by", "trials", "test accuracy", "rank", "ranks")
"""The columns of the summary."""
_NOT_AT_HAND = "not at hand"


def paper_markdown(found: "Paper") -> str:
    """Write the report: the best of all trials, then a table for each arm, then notes."""
    lines = [f"# {as_markdown(making_command(found))}", "", _how(found), "", *_summary(found), ""]
    for made in found.arms:
        lines += [f"## {as_markdown(_title(made))}", "", *_of_arm(found, made), ""]
    if found.order.repeat:
        lines += ["## Reproducibility", "", *_of_repeats(found), ""]
    if found.order.disguise:
        lines += ["## Contamination", "", *listed(contaminations(found).values()), ""]
    return "\n".join([*lines, *listed(paper_notes(found))]) + "\n"


def making_command(found: "Paper") -> str:
    """Write the command that makes this reproduction again, without options of several values, and without secrets."""
    order = found.order
    words = ["genius", "paper", order.benchmark, *(word for llm in order.llm for word in ("--llm", llm))]
    words += ["--trials", str(order.trials)] if order.trials else []
    words += ["--temperatures", ",".join(f"{each:g}" for each in order.temperatures)] if order.temperatures else []
    words += ["--repeat", str(order.repeat)] if order.repeat else []
    words += ["--disguise"] if order.disguise else []
    for name, value in order.options.items():
        words += [BY_NAME[name].flag, str(value)] if isinstance(value, int | float | str | Path) else []
    return redact(shlex.join([*words, "--out", str(order.out)]))


def _how(found: "Paper") -> str:
    made = made_with("genius-nas", "numpy", "python")
    seeds = "0, the same for all repeats" if found.order.repeat else "the number of the trial less one"
    spent = found.spent
    answered = f" (in its replies {', '.join(map(as_markdown, found.models))})" * bool(found.models)
    cost = f", ${spent.cost:.4g}" + f" and {spent.unpriced} replies of unknown price" * bool(spent.unpriced)
    return (
        f"The plain loop of Algorithm 1, as one conversation with {', '.join(map(as_markdown, found.order.llm))}"
        f"{answered}. "
        f"Each trial has up to {found.order.options.get('iterations', ITERATIONS)} iterations; its seed is {seeds}. "
        "Accuracies are looked up in the published tables: nothing is trained, and no device is used. Ranks are among "
        "all architectures of a space, by test accuracy, and equal accuracies share the better rank. ± is the standard "
        "deviation over the trials themselves, as in the paper. A `-` is an iteration without an accuracy: the model "
        "said that nothing is left, or gave no architecture. "
        f"It took {spent.tokens:,} tokens{cost}. Made with {made} on {platform.machine()}. The paper's numbers: "
        f"{SOURCE}, Tables 7 to 13."
    )


def _summary(found: "Paper") -> Iterator[str]:
    yield "## The best of each trial"
    yield ""
    yield from markdown_table(SUMMARY, list(summary_rows(found)))


def summary_rows(found: "Paper") -> Iterator[list[str]]:
    """Yield the cells of each arm, of the paper's trials beside it, and of each space's random baseline."""
    for made in found.arms:
        arm = made.arm
        by = "in disguise" if arm.disguised else "here"
        yield _row(arm.space, arm.temperature, by, list(made.curves.values()))
        if not arm.disguised:
            printed = printed_table(arm.space, arm.temperature)
            yield _row(arm.space, arm.temperature, "the paper's GPT-4", printed.trials if printed else [])
    for space, (accuracy, rank) in found.random.items():
        means = [accuracy.text(2), rank.text(0)]
        yield [space, "", f"random, best of {SAMPLES}", f"{REPETITIONS:,}", *means, ""]


def _row(space: str, temperature: float, by: str, trials: Sequence[PaperCurve]) -> list[str]:
    accuracy, rank = spreads(trials)
    ranks = ", ".join(f"{trial.test_rank:,}" for trial in trials if trial.test_rank is not None)
    means = [accuracy.text(2) if accuracy else _NOT_AT_HAND, rank.text(0) if rank else _NOT_AT_HAND]
    return [space, f"{temperature:g}", by, str(len(trials)), *means, ranks]


def random_spreads(table: Table) -> tuple[Spread, Spread]:
    """Return the test accuracy and the rank of the paper's random baseline on a table."""
    found = random_baseline(table, SAMPLES, REPETITIONS, 0)
    accuracy, rank = (found[name] for name in ("test_accuracy", "test_rank"))
    of_accuracy, of_rank = (Spread(each["mean"], each["std"], REPETITIONS) for each in (accuracy, rank))
    return of_accuracy, of_rank


def _title(made: "Made") -> str:
    printed = printed_table(made.arm.space, made.arm.temperature)
    number = f" (Table {printed.number})" if printed and not made.arm.disguised else ""
    return f"{made.arm.words}{number}"


def _of_arm(found: "Paper", made: "Made") -> Iterator[str]:
    """Write the trials of an arm as the paper does, and the paper's own below."""
    space, table = made.arm.space, found.tables[made.arm.space]
    write = (
        partial(_rows_with_ranks, optimum=table.test_values.max())
        if TABLES[space].sees_test_accuracy
        else _row_with_test
    )
    printed = None if made.arm.disguised else printed_table(made.arm.space, made.arm.temperature)
    length = max(ITERATIONS, found.order.options.get("iterations", ITERATIONS))
    rows = [row for trial, curve in made.curves.items() for row in write(f"trial {trial}", curve, length)]
    for trial, curve in enumerate(printed.trials if printed else (), start=1):
        rows += write(f"the paper, trial {trial}", curve, length)
    last = ["Optimal"] if TABLES[made.arm.space].sees_test_accuracy else ["Test Acc", "Ranking"]
    yield from table_lines(["", "", *(f"T = {at}" for at in range(length)), *last], rows)
    if printed is None and not made.arm.disguised:
        yield ""
        yield f"The paper prints no trials of this space at this temperature: {_NOT_AT_HAND}."


def _rows_with_ranks(name: str, curve: PaperCurve, length: int, optimum: float) -> Iterator[list[str]]:
    """Yield the rows of accuracies and of ranks, where the search sees test accuracies."""
    yield [name, "Acc", *_accuracies(curve, length), f"{optimum:.2f}"]
    ranks = [None if rank is None else f"{rank:,}" for rank in curve.ranks]
    yield ["", "Ranking", *_cells(ranks, curve.best, length), "1"]


def _row_with_test(name: str, curve: PaperCurve, length: int) -> Iterator[list[str]]:
    """Yield the row of validation accuracies, with the test accuracy and the rank of the best."""
    test = ["-", "-"]
    if curve.test_accuracy is not None and curve.test_rank is not None:
        test = [f"{curve.test_accuracy:.2f}", f"{curve.test_rank:,}"]
    yield [name, "Validation Acc", *_accuracies(curve, length), *test]


def _accuracies(curve: PaperCurve, length: int) -> list[str]:
    return _cells([None if each is None else f"{each:.2f}" for each in curve.accuracies], curve.best, length)


def _cells(words: Sequence[str | None], best: int | None, length: int) -> list[str]:
    """Write the cells of a row, the best one in bold."""
    padded = [*words, *[None] * (length - len(words))]
    return ["-" if word is None else f"**{word}**" if at == best else word for at, word in enumerate(padded)]


def repetitions(found: "Paper") -> dict[str, list[Repetition]]:
    """Return how often the same steps were taken, by space."""
    searches = {
        made.arm.space: [[c.architecture for c in result.candidates] for result in made.results.values()]
        for made in found.arms
    }
    return {space: repetition(each) for space, each in searches.items() if each}


def _of_repeats(found: "Paper") -> Iterator[str]:
    for space, each in repetitions(found).items():
        yield f"{as_markdown(space)}: {as_markdown(repetition_verdict(each))}."
        yield ""
        head = ["iteration", "repeats", "as in the first search", "share, 95%", "the same until then", "share, 95%"]
        yield from markdown_table(head, [_repetition_cells(one) for one in each])
        yield ""


def _repetition_cells(one: Repetition) -> list[str]:
    same, until = ("{:.0%} to {:.0%}".format(*ends) for ends in (one.same_interval, one.same_until_interval))
    return [str(one.iteration), str(one.repeats), str(one.same), same, str(one.same_until), until]


def contaminated(found: "Paper") -> dict[str, Contamination]:
    """Compare the plain trials with those in disguise, by the words of the plain arm."""
    compared = {}
    for made in (each for each in found.arms if each.arm.disguised):
        plain = found.plain(made)
        if (one := contamination(_ranks(plain), _ranks(made))) is not None:
            compared[plain.arm.words] = one
    return compared


def contaminations(found: "Paper") -> dict[str, str]:
    """Return a sentence on each plain arm and that in disguise."""
    return {words: f"{words}: {one.verdict}." for words, one in contaminated(found).items()}


def _ranks(made: "Made") -> list[float]:
    return [float(curve.test_rank) for curve in made.curves.values() if curve.test_rank is not None]


def verdicts(found: "Paper") -> list[str]:
    """Return the sentences on reproducibility and on contamination."""
    repeated = repetitions(found).items() if found.order.repeat else ()
    return [*(f"{space}: {repetition_verdict(each)}." for space, each in repeated), *contaminations(found).values()]


def paper_notes(found: "Paper") -> Iterator[str]:
    """Yield what a reader of the numbers has to know."""
    yield f"The paper draws its random baseline in figures, and its text prints no number of it: {_NOT_AT_HAND}."
    for made in found.arms:
        for trial, result in made.results.items():
            if result.stopped and result.settings.loop.budget.reached(result.spent):
                yield f"{made.arm.words}, trial {trial}: {result.stopped}."
            for candidate in result.candidates:
                if candidate.error and candidate.error not in ENDINGS:
                    where = f"{made.arm.words}, trial {trial}, T = {candidate.iteration - 1}"
                    yield f"{where}: {brief(candidate.error)}."
            left_out = sorted({name for one in result.settings.run.sent for name in one.get("left_out", ())})
            if left_out:
                yield f"{made.arm.words}, trial {trial}: the model's server refused {', '.join(left_out)}."
    for made, (_, count) in zip(found.arms, found.order.arms, strict=True):
        if len(made.results) < count:
            yield f"{made.arm.words}: {len(made.results)} of {count} trials were made; then the budget was spent."


def paper_json(found: "Paper") -> dict[str, object]:
    """Return plain JSON types."""
    repeated = repetitions(found) if found.order.repeat else {}
    return {
        "command": making_command(found),
        "benchmark": found.order.benchmark,
        "llm": list(found.order.llm),
        "models": found.models,
        "source": SOURCE,
        "arms": [_arm_json(made) for made in found.arms],
        "random": {space: _random_json(*each) for space, each in found.random.items()},
        "repetition": {space: [asdict(one) for one in each] for space, each in repeated.items()},
        "contamination": {words: asdict(one) for words, one in contaminated(found).items()},
        "verdicts": verdicts(found),
        "notes": list(paper_notes(found)),
        "spent": asdict(found.spent),
        "folder": str(found.order.out),
    }


def _random_json(accuracy: Spread, rank: Spread) -> dict[str, object]:
    return {"test_accuracy": asdict(accuracy), "test_rank": asdict(rank)}


def _arm_json(made: "Made") -> dict[str, object]:
    printed = None if made.arm.disguised else printed_table(made.arm.space, made.arm.temperature)
    trials = [
        {"trial": trial, "run": str(made.results[trial].run), **asdict(curve)} for trial, curve in made.curves.items()
    ]
    return {**asdict(made.arm), "trials": trials, "paper": asdict(printed) if printed else None}
