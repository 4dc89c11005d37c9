"""How good a model has to be: the criteria for hybrid searches with simulated models, held against a bench's scores."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..record.statistics import Mean, rounded
from .across import overall
from .entrants import series_of
from .plan import Plan
from .scores import Scores

_HYBRID, _GUIDE, _RANDOM = "hybrid:simulated", "guided", "random"
_AT_CHANCE, _MISLED, _GOOD = 0.0, -0.5, 0.6  # TAU of the models that the criteria name
_TWICE = 0.5  # of the guide's geometric mean of ranks


@dataclass(frozen=True)
class Criterion:
    """A criterion, whether it is met, and the numbers that it goes by; `missed` are the tasks that speak against it."""

    words: str
    met: bool
    numbers: str
    missed: Sequence[str] = ()

    def __str__(self) -> str:
        against = f"; not on {'; '.join(self.missed)}" if self.missed else ""
        return (
            f"{'met' if self.met else 'not met'}: {self.words}{f' ({self.numbers})' if self.numbers else ''}{against}"
        )


def criteria(plan: Plan, scores: Sequence[Scores]) -> list[Criterion]:
    """Judge a bench by the criteria whose proposers are in it, after all evaluations."""
    hybrids = {each[1]: name for name in plan.proposers if (each := series_of(name)) and each[0] == _HYBRID}
    return list(_judged(plan, scores, hybrids))


def _judged(plan: Plan, scores: Sequence[Scores], hybrids: Mapping[float, str]) -> Iterator[Criterion]:
    if _AT_CHANCE in hybrids and _GUIDE in plan.proposers:
        words = "with a model at TAU 0 the hybrid is within the guide's confidence interval, or better, on every task"
        yield _on_every_task(plan, scores, words, hybrids[_AT_CHANCE], _GUIDE, _is_within)
    if _MISLED in hybrids and _RANDOM in plan.proposers:
        words = "with a model at TAU -0.5 the hybrid is better than random on every task"
        yield _on_every_task(plan, scores, words, hybrids[_MISLED], _RANDOM, _is_better)
    if _GOOD in hybrids and _GUIDE in plan.proposers:
        yield _twice_as_good(plan, scores, hybrids[_GOOD])


def _is_within(rank: Mean, guide: Mean) -> bool:
    return rank.mean <= (guide.mean if guide.high is None else guide.high)


def _is_better(rank: Mean, random: Mean) -> bool:
    return rank.mean < random.mean


def _on_every_task(
    plan: Plan, scores: Sequence[Scores], words: str, hybrid: str, other: str, holds: Callable[[Mean, Mean], bool]
) -> Criterion:
    ranks = {(each.task, each.proposer): each.mean(each.rank, plan.iterations) for each in scores}
    pairs = [(task.name, ranks[task, hybrid], ranks[task, other]) for task in plan.tasks]
    missed = [f"{name} ({rank} against {limit})" for name, rank, limit in pairs if not holds(rank, limit)]
    return Criterion(words, not missed, f"{len(pairs) - len(missed)} of {len(pairs)} tasks", missed)


def _twice_as_good(plan: Plan, scores: Sequence[Scores], hybrid: str) -> Criterion:
    ranks = {each.proposer: each.rank.mean for each in overall(plan, scores, [plan.iterations])}
    words = "with a model at TAU 0.6 the hybrid's geometric mean of ranks is at most half of the guide's"
    numbers = f"{rounded(ranks[hybrid])} against {rounded(ranks[_GUIDE])}, over {len(plan.tasks)} tasks"
    return Criterion(words, ranks[hybrid] <= _TWICE * ranks[_GUIDE], numbers)
