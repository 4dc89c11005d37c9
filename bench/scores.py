"""The scores of a bench's trials: the best architecture that each found, and their comparison."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..guide.features import Floats
from ..record.statistics import Mean, mean_of
from ..spaces.objective import ACCURACY, Objective
from ..tables.published import Table
from .plan import Plan
from .starts import MOST_STARTS, recorded_for
from .task import Task, load_task
from .trial import BenchTrial


@dataclass(frozen=True, eq=False)
class Scores:
    """The best so far of a proposer's trials on a task, a row a trial and a column an evaluation.

    The best is chosen by the values that the search sees; `rank` in the pool, `value` of the objective and `regret`,
    how far it is from the pool's best, are by test value where the table tells it apart. Of architectures that are the
    same function `rank` counts one; `rank_of_all` counts all, as the paper does.
    """

    task: Task
    proposer: str
    rank: Floats
    rank_of_all: Floats
    value: Floats
    regret: Floats
    deterministic: bool
    objective: Objective = ACCURACY

    def mean(self, values: Floats, evaluations: int) -> Mean:
        """Average the values after a number of evaluations; identical trials count as one."""
        column = values[:, evaluations - 1]
        return mean_of(column[:1] if self.deterministic else column)


@dataclass(frozen=True)
class Row:
    """A line of a report; `difference` is in rank to the first proposer's trials with the same seeds."""

    task: Task
    proposer: str
    evaluations: int
    trials: int
    deterministic: bool
    rank: Mean
    rank_of_all: Mean
    value: Mean
    regret: Mean
    difference: Mean
    objective: Objective = ACCURACY


def score(plan: Plan, trials: Sequence[BenchTrial], data: Path) -> list[Scores]:
    """Look up the scores of a plan's trials, for each task and proposer."""
    found = []
    for task in plan.tasks:
        _, table = load_task(task, data)
        for proposer in plan.proposers:
            own = [t for t in trials if (t.space, t.pool, t.proposer) == (task.space, task.pool, proposer)]
            found.append(_scores(task, table, proposer, own, plan.iterations))
    return found


def _scores(task: Task, table: Table, proposer: str, trials: Sequence[BenchTrial], evaluations: int) -> Scores:
    best = np.array([list(_best_places(table, trial, evaluations)) for trial in trials])
    same = len({trial.architectures[:evaluations] for trial in trials}) == 1
    return Scores(
        task,
        proposer,
        table.function_ranks[best].astype(float),
        table.test_ranks[best].astype(float),
        table.test_values[best],
        table.test_utilities.max() - table.test_utilities[best],
        deterministic=same,
        objective=table.objective,
    )


def _best_places(table: Table, trial: BenchTrial, evaluations: int) -> Iterator[int]:
    """Go through the places in the table of the best so far; before the first measurement it is the worst there is."""
    best = int(table.utilities.argmin())
    for at in range(evaluations):
        architecture = trial.architectures[at] if at < len(trial.architectures) else None
        place = table.place(architecture) if architecture else None
        if place is not None and table.utilities[place] > table.utilities[best]:
            best = place
        yield best


def rows(scores: Sequence[Scores], budgets: Sequence[int]) -> list[Row]:
    """Summarise scores after each number of evaluations."""
    first = {each.task: each for each in reversed(scores)}
    return [_row(each, first[each.task], budget) for each in scores for budget in budgets]


def _row(own: Scores, first: Scores, evaluations: int) -> Row:
    apart = (own.rank - first.rank)[:, evaluations - 1]
    both = own.deterministic and first.deterministic
    return Row(
        own.task,
        own.proposer,
        evaluations,
        len(own.rank),
        own.deterministic,
        own.mean(own.rank, evaluations),
        own.mean(own.rank_of_all, evaluations),
        own.mean(own.value, evaluations),
        own.mean(own.regret, evaluations),
        mean_of(apart[:1] if both else apart),
        own.objective,
    )


def remarks(plan: Plan, scores: Sequence[Scores], data: Path) -> list[str]:
    """Make the notes that the numbers need: on deterministic proposers, and on the content of tables."""
    fixed = sorted({each.proposer for each in scores if each.deterministic and len(each.rank) > 1})
    found = [
        f"{', '.join(fixed)}: every seed gave the same on some tasks; there it is one trial, without an interval."
    ] * bool(fixed)
    for task in plan.tasks:
        _, table = load_task(task, data)
        name = table.objective.name
        if (table.values == table.test_values).all():
            found.append(f"{task.name}: the table holds one {name}, and the search itself sees it.")
        else:
            best = int(table.function_ranks[table.utilities.argmax()])
            found.append(f"{task.name}: the best by what the search sees has rank {best:,} by test {name}.")
        if table.functions < len(table):
            found.append(f"{task.name}: its {len(table):,} architectures are {table.functions:,} different functions.")
    return [*found, *_on_starts(plan, data)]


def _on_starts(plan: Plan, data: Path) -> Iterator[str]:
    """Name the tasks for which a file holds no starts, or more than are used."""
    for file in dict.fromkeys(plan.starts.values()):
        counts = {task.name: len(recorded_for(file, task, data)) for task in plan.tasks}
        if lacking := [name for name, count in counts.items() if not count]:
            yield f"{file} holds no starts for {', '.join(lacking)}: there the proposers with it go without."
        if more := [f"{name} ({count})" for name, count in counts.items() if count > MOST_STARTS]:
            yield f"Of the starts in {file} the first {MOST_STARTS} are used: there are more for {', '.join(more)}."
