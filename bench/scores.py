"""The scores of a bench's trials: the best architecture that each found, and their comparison."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..guide.features import Floats
from ..record.candidate import Candidate
from ..record.confirmation import UNCONFIRMED, Confirmation, Confirming, confirmed, not_confirmed
from ..record.goal import Goal
from ..record.measurement import Measurement
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
    same function `rank` counts one; `rank_of_all` counts all, as the paper does. `overstatement` is by how much the
    value that the search tells of the best is better than its test value, on noisy tasks the mean of its trainings.
    """

    task: Task
    proposer: str
    rank: Floats
    rank_of_all: Floats
    value: Floats
    regret: Floats
    overstatement: Floats
    deterministic: bool
    objective: Objective = ACCURACY

    def mean(self, values: Floats, evaluations: int) -> Mean:
        """Average the values after a number of evaluations; identical trials count as one."""
        column = values[:, evaluations - 1]
        return mean_of(column[:1] if self.deterministic else column)


@dataclass(frozen=True)
class Row:
    """A line of a report; `difference` is in rank to the first proposer's trials with the same seeds.

    `confirming` is how many evaluations confirmed the best, at most, besides the `evaluations`.
    """

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
    overstatement: Mean
    confirming: int = 0
    objective: Objective = ACCURACY


def score(plan: Plan, trials: Sequence[BenchTrial], data: Path) -> list[Scores]:
    """Look up the scores of a plan's trials, for each task and proposer."""
    found = []
    for task in plan.tasks:
        _, table = load_task(task, data)
        for proposer in plan.proposers:
            own = [t for t in trials if _is_of(t, task, proposer)]
            found.append(_scores(task, table, proposer, own, plan))
    return found


def _is_of(trial: BenchTrial, task: Task, proposer: str) -> bool:
    return (trial.space, trial.pool, trial.noisy, trial.proposer) == (task.space, task.pool, task.noisy, proposer)


def _scores(task: Task, table: Table, proposer: str, trials: Sequence[BenchTrial], plan: Plan) -> Scores:
    found = [list(_best_so_far(task, table, trial, plan)) for trial in trials]
    best = np.array([[place for place, _ in row] for row in found])
    told = np.array([[value for _, value in row] for row in found])
    same = len({(trial.architectures[: plan.iterations], task.noisy and trial.seed) for trial in trials}) == 1
    return Scores(
        task,
        proposer,
        table.function_ranks[best].astype(float),
        table.test_ranks[best].astype(float),
        table.test_values[best],
        table.test_utilities.max() - table.test_utilities[best],
        table.objective.utility(1.0) * (told - table.test_values[best]),
        deterministic=same,
        objective=table.objective,
    )


def _best_so_far(task: Task, table: Table, trial: BenchTrial, plan: Plan) -> Iterator[tuple[int, float]]:
    """Go through the places in the table of the best so far, each with the value that the search tells of it.

    Before the first measurement it is the worst there is.
    """
    best = int(table.utilities.argmin())
    told, seen = float(table.values[best]), dict[int, float]()
    for at in range(plan.iterations):
        architecture = trial.architectures[at] if at < len(trial.architectures) else None
        place = table.place(architecture) if architecture else None
        if place is not None:
            seen[place] = table.run_at(place, trial.seed) if task.noisy else float(table.values[place])
            if task.noisy and plan.confirming.count:
                best, told = _confirmed(table, trial.seed, seen, plan.confirming)
            elif len(seen) == 1 or table.objective.utility(seen[place]) > table.objective.utility(told):
                best, told = place, seen[place]
        yield best, told


def _confirmed(table: Table, seed: int, seen: Mapping[int, float], confirming: Confirming) -> tuple[int, float]:
    """Return the place of the best by further trainings of the best few, and the mean of its trainings."""
    goal = Goal((table.objective,))
    places, candidates = (
        list(seen),
        [Candidate(1, at, measurement=Measurement(seen[p])) for at, p in enumerate(seen, 1)],
    )
    again = [
        Confirmation(1, each.iteration, repeat, 0, Measurement(table.run_at(places[each.iteration - 1], seed, repeat)))
        for each, repeat in not_confirmed(goal, candidates, (), confirming)
    ]
    winner = confirmed(goal, candidates, again, confirming)[0]
    return places[winner.candidate.iteration - 1], winner.mean


def rows(scores: Sequence[Scores], budgets: Sequence[int], confirming: Confirming = UNCONFIRMED) -> list[Row]:
    """Summarise scores after each number of evaluations."""
    first = {each.task: each for each in reversed(scores)}
    return [_row(each, first[each.task], budget, confirming) for each in scores for budget in budgets]


def _row(own: Scores, first: Scores, evaluations: int, confirming: Confirming) -> Row:
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
        own.mean(own.overstatement, evaluations),
        min(confirming.count, evaluations) * confirming.repeats if own.task.noisy else 0,
        own.objective,
    )


def remarks(plan: Plan, scores: Sequence[Scores], data: Path, *, noisy: bool = False) -> list[str]:
    """Make the notes that the numbers need: on deterministic proposers, and on the content of tables.

    `noisy` is whether noisy evaluations were asked for, also on tasks whose tables hold none.
    """
    fixed = sorted({each.proposer for each in scores if each.deterministic and len(each.rank) > 1})
    found = [
        f"{', '.join(fixed)}: every seed gave the same on some tasks; there it is one trial, without an interval."
    ] * bool(fixed)
    for task in plan.tasks:
        _, table = load_task(task, data)
        name = table.objective.name
        if task.noisy:
            found.append(_noise(task, table, plan))
        elif (table.values == table.test_values).all():
            of = f" of each architecture, the mean of {table.trainings} trainings" if table.trainings else ""
            found.append(f"{task.name}: the table holds one {name}{of}, and the search itself sees it.")
        else:
            best = int(table.function_ranks[table.utilities.argmax()])
            found.append(f"{task.name}: the best by the values that the search sees has rank {best:,} by test {name}.")
        if noisy and not task.noisy:
            found.append(f"{task.name}: the table holds no single trainings, and evaluations are as in it.")
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


def _noise(task: Task, table: Table, plan: Plan) -> str:
    """Describe the visible trainings of a table, and the number of evaluations that confirm."""
    words = f"{task.name}: an evaluation is one of {table.trainings} trainings, drawn by the seed"
    words += f". Ranks, regrets and {table.objective.plural} are of the mean of all {table.trainings}."
    again = plan.confirming
    if again.count:
        words += f" The {again.count} best are evaluated {again.repeats} times more: {again.most} further evaluations."
    if again.count and again.repeats + 1 == table.trainings:
        words += " Their means are then the table's own, and overstate nothing."
    return words
