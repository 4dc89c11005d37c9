"""How often a search that is repeated takes the same steps."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..record.statistics import share_interval
from ..spaces.space import Architecture


@dataclass(frozen=True)
class Repetition:
    """Of so many repeats of a first search, how many proposed the `same` architecture as it in an iteration, and how
    many the same in all iterations until then; with the 95% confidence intervals of both shares (Wilson)."""

    iteration: int
    repeats: int
    same: int
    same_interval: tuple[float, float]
    same_until: int
    same_until_interval: tuple[float, float]


def repetition(searches: Sequence[Sequence[Architecture | None]]) -> list[Repetition]:
    """Compare the architectures of repeated searches with those of the first, for each of its iterations.

    Where the first search, or a repeat, had none, the two are the same where neither had one.
    """
    first, *others = searches
    length = max(map(len, searches))
    padded = [[*each, *[None] * (length - len(each))] for each in (first, *others)]
    return [_at(iteration, padded) for iteration in range(1, length + 1)] if others else []


def _at(iteration: int, searches: Sequence[Sequence[Architecture | None]]) -> Repetition:
    first, *others = searches
    same = sum(each[iteration - 1] == first[iteration - 1] for each in others)
    until = sum(each[:iteration] == first[:iteration] for each in others)
    intervals = [share_interval(count / len(others), len(others)) for count in (same, until)]
    return Repetition(iteration, len(others), same, intervals[0], until, intervals[1])


def repetition_verdict(found: Sequence[Repetition]) -> str:
    """Say in one sentence whether the search is the same each time."""
    if not found:
        return "nothing was repeated"
    last = found[-1]
    interval = "{:.0%} to {:.0%}".format(*last.same_until_interval)
    share = f"{last.same_until} of {last.repeats} repeats are the first search to the end (95% interval {interval})"
    if last.same_until == last.repeats:
        return f"reproducible as far as was seen: {share}"
    apart = next(each.iteration for each in found if each.same_until < each.repeats)
    return f"not reproducible: {share}; the first one to differ does so in iteration {apart}"
