"""Shortlists for whoever proposes: architectures to exploit, to explore, and to test the prior with.

None of them has a bonus for curiosity or an architecture at random: the value that is expected, its standard deviation
and the probability of improvement are told, and the proposer weighs them. The guide's own choices are in `guide.py`.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..record.candidate import Candidate, Suggestion
from ..record.history import History
from ..spaces.region import Integers, Region
from ..spaces.space import Architecture
from ..spaces.words import option_in_words
from .choices import Choices, Score, choose, gather
from .features import Encoded, Floats, encoder
from .guide import ADVISER, best_observed, suggest
from .means import NONE, MeanFunction
from .outlook import Outlook, outlook

_CLIMBED = 16  # single changes of the best from which a second one is made
_PLAUSIBLE = 0.5  # of the choices, by expected value: those that are explored
_WORSE, _LAST = 0.5, 1e6  # standard deviations of the space that are worse by the prior; a score behind all others
_FURTHER = "further away"
_NAMED = 3  # decisions that a reason names

Purpose = Literal["exploit", "explore", "test"]
"""The purpose of a shortlist."""


@dataclass(frozen=True)
class _Making:
    """The making of a shortlist: the outlook, the history, and the architectures that were refused."""

    outlook: Outlook
    known: History
    refused: Collection[Architecture]

    @property
    def region(self) -> Region:
        return self.outlook.region

    @property
    def rng(self) -> np.random.Generator:
        return self.outlook.rng()

    def tried(self, *others: Architecture) -> Collection[object]:
        """Return the identities of the architectures that are left out, and of some others."""
        return self.known.tried(self.region.space, [*self.refused, *others])

    def gathered(self, score: Score) -> Choices:
        """Return the architectures to choose from."""
        return gather(self.region, best_observed(self.outlook.observed), score, self.rng)


def shortlist(
    purpose: Purpose,
    region: Region,
    history: Sequence[Candidate],
    seed: Sequence[int],
    count: int,
    refused: Collection[Architecture] = (),
) -> list[Suggestion]:
    """Return the untried architectures that serve a purpose, at most `count`, each with its forecast and the reason.

    - `exploit`: the highest expected value within two changes of the best, half of them swaps where a limit allows no
      more of a decision without less of another; where fewer than `count` are left there, others follow. Where nothing
      was measured, the guide's first picks.
    - `explore`: the most uncertain value among the better half; where there are such, they differ from each other in
      more than one decision.
    - `test`: the highest expected value among those that the prior takes to be worse than the best. One that is
      measured as good as the best speaks against the prior. None where there is no prior.

    None of them was `refused`, or is the same function as an earlier one.
    """
    known = History.of(history)
    found = outlook(region, known, seed)
    if found is not None:
        return _MAKERS[purpose](_Making(found, known, refused), count)
    rng = np.random.default_rng([*seed, len(known)])
    return suggest(region, known, rng, count=count, refused=refused) if purpose == "exploit" else []


def forecast(
    region: Region, history: Sequence[Candidate], seed: Sequence[int], architectures: Sequence[Architecture]
) -> list[Suggestion]:
    """Forecast architectures: the value to expect, its standard deviation and the probability of improvement.

    All three are None where nothing was measured.
    """
    choices = _choices(region, np.array(architectures, dtype=np.int64))
    found = outlook(region, history, seed)
    if found is None or choices is None:
        return [Suggestion(architecture) for architecture in architectures]
    return found.suggestions(choices, range(len(choices)), lambda _: "")


def swaps(
    region: Region, history: Sequence[Candidate], seed: Sequence[int], architecture: Architecture, count: int
) -> list[Suggestion]:
    """Return untried architectures within limits that have more in one decision and less in another than a given one,
    at most `count`, the highest expected value first; none where no single change breaks the limits."""
    known = History.of(history)
    found = outlook(region, known, seed)
    choices = _choices(region, _swapped(found, region, architecture))
    if choices is None:
        return []
    score = found.mean(choices.encoded) if found else np.zeros(len(choices))
    places = choose(region.space, choices, score, known.tried(region.space), count)
    chosen = [Suggestion(choices.at(place)) for place in places]
    return found.suggestions(choices, places, lambda _: "") if found else chosen


def _exploit(making: _Making, count: int) -> list[Suggestion]:
    best = _incumbent(making)
    near = _near(making, best, count) if best else None
    found: list[Suggestion] = []
    if near:
        found = _highest(making, near, making.tried(), count, lambda at: _changed(making.region, best, near, at))
    if len(found) < count:
        tried = making.tried(*(each.architecture for each in found))
        found += _highest(making, making.gathered(making.outlook.mean), tried, count - len(found), lambda _: _FURTHER)
    return found


def _near(making: _Making, best: Architecture, count: int) -> Choices | None:
    """Return the untried architectures of the highest expected value within two changes of the best, of which half the
    places are for swaps: where a limit binds, reductions alone would come first."""
    swapped = _top(making, _swapped(making.outlook, making.region, best), count // 2)
    rows = _top(making, _within_two(making, best), count)
    others = [row for row in rows if row not in swapped]
    return _choices(making.region, np.array([*swapped, *others[: count - len(swapped)]], dtype=np.int64))


def _top(making: _Making, rows: Integers, count: int) -> list[Architecture]:
    choices = _choices(making.region, rows)
    if choices is None or not count:
        return []
    places = choose(making.region.space, choices, _value(making, choices), making.tried(), count)
    return [choices.at(place) for place in places]


def _highest(
    making: _Making, choices: Choices, tried: Collection[object], count: int, why: Callable[[int], str]
) -> list[Suggestion]:
    """Return the choices of the highest expected value."""
    places = choose(making.region.space, choices, _value(making, choices), tried, count)
    return making.outlook.suggestions(choices, places, why)


def _value(making: _Making, choices: Choices) -> Floats:
    """Return the expected values of the choices; of equal ones the more probable improvement has the higher one."""
    return making.outlook.mean(choices.encoded) + 1e-6 * making.outlook.improvement(choices.encoded)


def _incumbent(making: _Making) -> Architecture | None:
    """Return the best measured architecture, a feasible one where there is one."""
    known = making.known
    ones = (known.goal.best(known.measured), *known.best_first())
    return next((one.architecture for one in ones if one and one.architecture), None)


def _within_two(making: _Making, best: Architecture) -> Integers:
    """Return the architectures one change from the best, one further change from the promising ones, and swaps."""
    outlook, region = making.outlook, making.region
    one = region.neighbours(best)
    two = region.neighbours(_promising(outlook, one))
    return np.unique(np.concatenate([one, two, _swapped(outlook, region, best)]), axis=0)


def _swapped(outlook: Outlook | None, region: Region, architecture: Architecture) -> Integers:
    """Return the architectures where a change makes up for a promising one that breaks the limits."""
    return region.swaps(architecture, _promising(outlook, region.off_by_one(architecture)))


def _promising(outlook: Outlook | None, rows: Integers) -> Integers:
    """Return the architectures of the highest expected value among some."""
    if outlook is None or not len(rows):
        return rows[:_CLIMBED]
    score = outlook.mean(encoder(outlook.region.space).encode(rows))
    return rows[np.argsort(-score, kind="stable")[:_CLIMBED]]


def _choices(region: Region, rows: Integers) -> Choices | None:
    return Choices(rows, encoder(region.space).encode(rows)) if len(rows) else None


def _explore(making: _Making, count: int) -> list[Suggestion]:
    outlook = making.outlook
    choices = making.gathered(outlook.sd)
    if not len(choices):
        return []
    mean = outlook.mean(choices.encoded)
    plausible = mean >= np.quantile(mean, 1 - _PLAUSIBLE)
    score = np.where(plausible, outlook.sd(choices.encoded), -1.0)
    places = _spread(making.region, choices, score, making.tried(), count)
    counts = _tries(making.known, making.region)
    return outlook.suggestions(choices, places, lambda place: _least_tried(making.region, counts, choices.at(place)))


def _spread(region: Region, choices: Choices, score: Floats, tried: Collection[object], count: int) -> list[int]:
    """Return the places of the highest scores, of which each differs from the others in at least two decisions."""
    ordered = choose(region.space, choices, score, tried, 50 * count)
    found: list[int] = []
    for place in ordered:
        rows = choices.architectures[found]
        if not found or ((rows != choices.architectures[place]).sum(axis=1) > 1).all():
            found.append(place)
    return [*found, *(place for place in ordered if place not in found)][:count]


def _tries(known: History, region: Region) -> list[Counter[int]]:
    """Count how often each option of each decision was tried; hidden decisions count for nothing."""
    counts: list[Counter[int]] = [Counter() for _ in region.space.decisions]
    for candidate in known:
        if candidate.architecture:
            visible = region.space.visible(candidate.architecture)
            for counter, option, counting in zip(counts, candidate.architecture, visible, strict=True):
                counter[option] += bool(counting)
    return counts


def _least_tried(region: Region, counts: Sequence[Counter[int]], architecture: Architecture) -> str:
    """Name the options of an architecture that were tried least."""
    space, visible = region.space, region.space.visible(architecture)
    tries = [
        (counts[at][option], at)
        for at, option in enumerate(architecture)
        if visible[at] and len(space.decisions[at].options) > 1
    ]
    least = sorted(tries)[:_NAMED]
    untried = [at for number, at in tries if not number]
    if untried:
        more = f" and {len(untried) - _NAMED} more" if len(untried) > _NAMED else ""
        return f"never tried: {_options(region, architecture, untried[:_NAMED])}{more}"
    words = ", ".join(f"{_options(region, architecture, [at])} {number}×" for number, at in least)
    return f"rarely tried: {words}"


def _options(region: Region, architecture: Architecture, places: Sequence[int]) -> str:
    chosen = ((region.space.decisions[at], architecture[at]) for at in places)
    return ", ".join(
        f"{decision.name} = {option_in_words(region.space, decision, option)}" for decision, option in chosen
    )


def _changed(region: Region, best: Architecture | None, choices: Choices | None, place: int) -> str:
    """Name the decisions in which a choice differs from the best."""
    if best is None or choices is None:
        return ""
    architecture = choices.at(place)
    apart = [at for at, option in enumerate(architecture) if option != best[at]]
    return f"the best with {_options(region, architecture, apart)}"


def _probe(making: _Making, count: int) -> list[Suggestion]:
    best, prior = _incumbent(making), _prior(making)
    if not best or not prior:
        return []
    most = float(prior(encoder(making.region.space).encode([best]))[0]) - _WORSE

    def score(architectures: Encoded) -> Floats:
        return np.where(prior(architectures) <= most, making.outlook.mean(architectures), -_LAST)

    choices = making.gathered(score)
    scores = score(choices.encoded) if len(choices) else np.empty(0)
    places = _spread(making.region, choices, scores, making.tried(), count)
    kept = [place for place in places if scores[place] > -_LAST]
    return making.outlook.suggestions(choices, kept, lambda place: _doubted(choices, place, prior, most))


def _prior(making: _Making) -> MeanFunction | None:
    """Return the mean of the prior's mean functions by their odds; None without a prior."""
    known = making.known
    means = [mean for mean in ADVISER.of(known.goal).means(making.region, known.beliefs) if mean.name != NONE]
    if not means:
        return None
    odds = sum(mean.odds for mean in means)
    return lambda architectures: sum(mean.odds / odds * mean.function(architectures) for mean in means) + np.zeros(1)


def _doubted(choices: Choices, place: int, prior: MeanFunction, most: float) -> str:
    below = most + _WORSE - float(prior(choices.encoded[[place]])[0])
    return (
        f"by the prior worse than the best ({below:.1f} SD of the space): as good as it would speak against the prior"
    )


_MAKERS: Mapping[Purpose, Callable[[_Making, int], list[Suggestion]]] = {
    "exploit": _exploit,
    "explore": _explore,
    "test": _probe,
}
