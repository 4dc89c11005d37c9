"""A bench as Markdown, CSV and JSON."""

import csv
import html
import io
import platform
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from ..printable import one_line
from ..record.statistics import Mean, rounded
from ..record.versions import made_with
from ..spaces.objective import ACCURACY, Objective
from .across import Overall
from .plan import Plan
from .scores import Row

if TYPE_CHECKING:
    from .bench import Bench

_QUANTITIES = ("rank", "rank_of_all", "value", "regret", "difference")
_OF_NOISE = "overstatement"  # a further one, where evaluations are noisy
_FIELDS = ("mean", "low", "high", "std", "median")
_MARKS = re.compile(r"[\\`*\[\]|~$]|(?<![^\W_])_|_(?![^\W_])")  # an underscore within a word is none
_FORMULAS = ("=", "+", "-", "@")  # the first letters that make a spreadsheet take text for one


def to_markdown(found: "Bench") -> str:
    """Write a report: for each budget the ranks of all tasks side by side, then those over all tasks and the criteria
    for models, then all numbers, then notes on them."""
    plan = found.plan
    lines = [f"# {as_markdown(found.command)}", "", _how(plan), ""]
    for budget in sorted({row.evaluations for row in found.rows}):
        lines += [f"## Rank of the best after {budget} evaluations", "", *_side_by_side(plan, found.rows, budget), ""]
    lines += [*_over_all_tasks(plan, found.across), ""] if len(plan.tasks) > 1 else []
    lines += ["## How good a model has to be", "", *listed(map(str, found.judged)), ""] if found.judged else []
    lines += ["## Everything", "", *_everything(found.rows, plan.proposers[0]), "", *listed(found.notes)]
    return "\n".join(lines) + "\n"


def listed(texts: Iterable[str]) -> Iterator[str]:
    """Yield texts as the lines of a list."""
    return (f"- {as_markdown(text)}" for text in texts)


def as_markdown(text: str) -> str:
    """Write a text so that Markdown, and the HTML in it, show it as it is."""
    return _MARKS.sub(r"\\\g<0>", html.escape(one_line(text), quote=False))


def _how(plan: Plan) -> str:
    made = made_with("genius-nas", "numpy", "python")
    return (
        f"Seeds 0 to {plan.seeds - 1}; mean ± half of the 95% confidence interval over them; lower ranks are better. "
        f"The best is chosen by the values that the search sees{_confirmed(plan)}, and ranked in its pool by test "
        "accuracy. Of architectures that are the same function a rank counts one; a rank of all counts each, as the "
        f"paper's ranks do. Equal accuracies share the better rank. Made with {made} on {platform.machine()}."
    )


def _confirmed(plan: Plan) -> str:
    count, repeats = plan.confirming.count, plan.confirming.repeats
    return f", with the best {count} evaluated {repeats} times more where evaluations are noisy" if count else ""


def markdown_table(head: Sequence[str], body: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table whose cells show their texts as they are."""
    return table_lines(list(map(as_markdown, head)), [list(map(as_markdown, cells)) for cells in body])


def table_lines(head: Sequence[str], body: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table whose cells are Markdown."""
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for cells in body:
        yield f"| {' | '.join(cells)} |"


def _side_by_side(plan: Plan, found: Sequence[Row], budget: int) -> Iterator[str]:
    ranks = {(row.task, row.proposer): row.rank for row in found if row.evaluations == budget}
    body = [[task.name, *(str(ranks[task, name]) for name in plan.proposers)] for task in plan.tasks]
    return markdown_table(["task", *plan.proposers], body)


def _over_all_tasks(plan: Plan, across: Sequence[Overall]) -> Iterator[str]:
    first = plan.proposers[0]
    yield f"## Geometric mean of the ranks over {len(plan.tasks)} tasks"
    yield ""
    yield "Of each task it takes the mean rank; in brackets its 95% confidence interval over seeds."
    yield ""
    yield from markdown_table(
        ["proposer", "evaluations", "rank", f"rank / {first}"],
        [
            [each.proposer, str(each.evaluations), str(each.rank), "" if each.proposer == first else str(each.ratio)]
            for each in across
        ],
    )


def title(found: Sequence[Row]) -> str:
    """Name the value that rows tell: accuracy, or a general name where one of them tells another."""
    return next((name for name in (row.objective.titles[0] for row in found) if name != "accuracy"), "accuracy")


def _quantities(found: Sequence[Row]) -> tuple[str, ...]:
    return (*_QUANTITIES, _OF_NOISE) if any(row.task.noisy for row in found) else _QUANTITIES


def columns(first: str, value: str, *, noisy: bool) -> list[str]:
    """Name the columns of a report; differences are to the first proposer."""
    return [
        "task",
        "proposer",
        "evaluations",
        "trials",
        "rank",
        "median",
        "rank of all",
        value,
        "regret",
        f"rank − {first}",
        *([_OF_NOISE] if noisy else []),
    ]


def evaluations(row: Row) -> str:
    """Write how many evaluations a row is after, and how many confirmed the best, as in 10 + 6."""
    return f"{row.evaluations} + {row.confirming}" if row.confirming else str(row.evaluations)


def cells(row: Row, first: str, *, noisy: bool) -> list[str]:
    """Write a row under these columns."""
    overstated = spread(row.overstatement, row.objective) if row.task.noisy else ""
    return [
        row.task.name,
        row.proposer,
        evaluations(row),
        "1, deterministic" if row.deterministic and row.trials > 1 else str(row.trials),
        str(row.rank),
        rounded(row.rank.median),
        str(row.rank_of_all),
        spread(row.value, row.objective),
        spread(row.regret, row.objective),
        "" if row.proposer == first else str(row.difference),
        *([overstated] if noisy else []),
    ]


def _everything(found: Sequence[Row], first: str) -> Iterator[str]:
    noisy = any(row.task.noisy for row in found)
    return markdown_table(columns(first, title(found), noisy=noisy), [cells(row, first, noisy=noisy) for row in found])


def spread(mean: Mean, objective: Objective) -> str:
    """Write a mean of values with half of its interval."""
    return objective.numbers([mean.mean])[0] if mean.low is None else objective.near(mean.mean, mean.mean - mean.low)


def to_csv(found: Sequence[Row]) -> str:
    """Write a line for each task, proposer and budget."""
    text = io.StringIO()
    quantities = _quantities(found)
    named = [title(found) if quantity == "value" else quantity for quantity in quantities]
    head = [f"{quantity}_{field}" for quantity in named for field in _FIELDS]
    writer = csv.writer(text, lineterminator="\n")
    noisy = len(quantities) > len(_QUANTITIES)
    writer.writerow(["space", "pool", *["noisy"] * noisy, "proposer", "evaluations", "trials", "deterministic", *head])
    for row in found:
        means = [getattr(row, quantity) for quantity in quantities]
        numbers = [getattr(mean, field) for mean in means for field in _FIELDS]
        space, pool, proposer = map(_field, (row.task.space, row.task.pool, row.proposer))
        counts = (*[row.task.noisy] * noisy, proposer, row.evaluations, row.trials, row.deterministic)
        writer.writerow([space, pool, *counts, *("" if value is None else value for value in numbers)])
    return text.getvalue()


def _field(name: str) -> str:
    """Write a name so that a spreadsheet takes it for text."""
    shown = one_line(name)
    return f"'{shown}" if shown.startswith(_FORMULAS) else shown


def to_json(found: "Bench") -> dict[str, object]:
    """Return plain JSON types."""
    quantities = _quantities(found.rows)
    return {
        "command": found.command,
        "seeds": found.plan.seeds,
        "against": found.plan.proposers[0],
        "results": [_in_json(row, quantities) for row in found.rows],
        "geometric_means": [asdict(each) for each in found.across],
        "criteria": [asdict(each) for each in found.judged],
        "notes": list(found.notes),
        "folder": str(found.folder),
    }


def _in_json(row: Row, quantities: Sequence[str]) -> dict[str, object]:
    return {
        "space": row.task.space,
        "pool": row.task.pool,
        "proposer": row.proposer,
        "evaluations": row.evaluations,
        "trials": row.trials,
        "deterministic": row.deterministic,
        **{row.objective.titles[0] if q == "value" else q: asdict(getattr(row, q)) for q in quantities},
        **({} if row.objective == ACCURACY else {"objective": asdict(row.objective)}),
        **({"noisy": True, "confirming": row.confirming} if row.task.noisy else {}),
    }
