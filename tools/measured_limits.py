"""Limits on measures of networks: held before a network is trained, as those on costs are."""

from collections.abc import Sequence
from dataclasses import replace

from ..errors import RunFailed
from ..evaluators.measures import sd_of
from ..evaluators.steady_median import NARROW, Median
from ..record.candidate import Candidate, Refusal
from ..record.goal import Goal, limit_words
from ..record.measurement import Measurement
from ..spaces.space import SearchSpace
from .validator import refuse

REFUSED_AT_FIRST = 5
"""After so many iterations of a trial that all ended with networks beyond the limits, the limits are at fault."""

_ROUNDING = 1.01


def held_to_measures(
    candidate: Candidate, found: Measurement, goal: Goal, space: SearchSpace, max_replies: int
) -> Candidate:
    """Hold a candidate to the measures of its network; refuse one beyond the limits, or that cannot be measured.

    Returns the candidate, or with one refusal more and no reply, to be asked again.
    """
    assert candidate.architecture is not None
    written = space.written(candidate.architecture)
    if found.error is not None:
        return _refused(candidate, f"{written} cannot be measured: {found.error}", found, max_replies)
    if broken := [_gap(goal, name, value) for name, value in found.metrics.items() if goal.forbids(name, value)]:
        where = f" on {found.device}" if found.device else ""
        reason = f"{written} is beyond the limits as measured{where}: {'; '.join(broken)}; allowed: {limit_words(goal)}"
        return _refused(candidate, reason, found, max_replies)
    return candidate


def _refused(candidate: Candidate, reason: str, found: Measurement, max_replies: int) -> Candidate:
    bare = replace(candidate, architecture=None, values=None, cost=None, repair=None, rounded="")
    return refuse(bare, reason, max_replies, candidate.architecture, found.metrics, teaches=True)


def _gap(goal: Goal, name: str, value: float) -> str:
    low, high = goal.limits[name]
    unit = goal.suffix(name)
    if high is not None and value > high:
        return f"{name} {value:.4g}{unit}, +{value - high:.4g}{unit} above the most that is allowed"
    return f"{name} {value:.4g}{unit}, -{(low or 0.0) - value:.4g}{unit} below the least that is allowed"


def doubts(found: Measurement, goal: Goal) -> list[str]:
    """Say which readings of a network have a wide confidence interval, since their time was up."""
    words = []
    for name, value in found.metrics.items():
        if (sd := found.metrics.get(sd_of(name))) and (off := Median.of_sd(value, sd).off) > NARROW * _ROUNDING:
            said = f"{name} {value:.4g}{goal.suffix(name)} ± {100 * off:.1f}%"
            words.append(f"{said}, and not within {100 * NARROW:g}% when the time was up: the machine is busy")
    return words


def check_limits(finished: Candidate, history: Sequence[Candidate], goal: Goal) -> None:
    """Stop a trial in which no network so far was within the measured limits, once: with the candidate that shows it.

    Raises: RunFailed.
    """
    first = history[:REFUSED_AT_FIRST]
    if len(first) < REFUSED_AT_FIRST or first[-1].iteration != finished.iteration:
        return
    if not all(candidate.refusals and candidate.refusals[-1].architecture for candidate in first):
        return
    refused = [refusal for candidate in first for refusal in candidate.refusals if refusal.architecture]
    raise RunFailed(
        f"none of the first {len(refused)} networks that were measured is within the limits; {_why(refused, goal)}"
    )


def _why(refused: Sequence[Refusal], goal: Goal) -> str:
    ranges = []
    for name in goal.limits:
        if found := [refusal.metrics[name] for refusal in refused if name in refusal.metrics]:
            ranges.append(f"{name} went from {min(found):.4g} to {max(found):.4g}{goal.suffix(name)}")
    if not ranges:
        return f"the last: {refused[-1].reason}"
    return (
        f"{', '.join(ranges)}, allowed: {limit_words(goal)}. Widen the limits, or have `genius latency` write a "
        "look-up and name it by --latency-table, so that only networks within are proposed"
    )
