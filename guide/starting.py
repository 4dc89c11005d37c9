"""The start of a search: what is balanced, deep and near the limits, before anything was measured.

The balance of an architecture is the mean worth of its decisions. Options stand on a ladder by the costs that they
bring, those of equal costs on one rung, and each further step is worth less than the one before: so resources are
spread, and nothing is at its lowest while something else is at its highest. A longer longest path is better, and a
shorter shortest one, where the space tells them: deep networks are trained well with a shortcut (He et al. 2016, "Deep
Residual Learning for Image Recognition", CVPR). Of equals the larger one is better.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import inf

import numpy as np

from ..spaces.region import Integers, Limits, Range, Region
from ..spaces.space import SearchSpace
from .features import Encoded, Encoder, Floats, encoder

_COMPARED = 16  # architectures in which the options of a decision are compared
_SAME = 1e-3  # standard deviations of the size within which two options cost the same
_LARGER = 0.1  # standard deviations of the mean worth that one of the size is worth
_STOPS = 64  # architectures of an ascent that are looked at, at most
_LEFT_OUT = 24  # steps that do not fit, until an ascent ends


@dataclass(frozen=True, eq=False)
class Ladder:
    """The options of a decision by the costs that they bring.

    `height` is that of each option from 0 to 1, by its number from 0; a hidden decision is at 0. `rungs` are the
    options on the way up, one of each place, and `size` holds the mean FLOPs and parameters with each: (rungs, 2).
    """

    height: Floats
    rungs: Integers
    size: Floats

    @property
    def worth(self) -> Floats:
        """What each option is worth: from 0 to 1, by ever smaller steps."""
        found: Floats = self.height * (2 - self.height)
        return found


class Balance:
    """The balance of the architectures of a space, in standard deviations of the space: a mean function."""

    def __init__(self, coder: Encoder) -> None:
        self.ladders = _ladders(coder)
        self._coder, self._worths = coder, [ladder.worth for ladder in self.ladders]
        reference = coder.encode(coder.reference)
        self._longest, self._shortest = (max(float(each.max()), 1.0) for each in coder.paths(coder.reference).T)
        self._spread = float(self._mean_worth(reference).std())
        raw = self._raw(reference)
        self._centre, self._deviation = float(raw.mean()), float(raw.std()) or np.inf

    def __call__(self, architectures: Encoded) -> Floats:
        """Return the balance of n architectures: shape (n,)."""
        found: Floats = (self._raw(architectures) - self._centre) / self._deviation
        return found

    def _raw(self, architectures: Encoded) -> Floats:
        longest, shortest = self._coder.paths(self._coder.numbers(architectures)).T
        size = _LARGER * self._spread * architectures.promises[:, 0]
        found: Floats = self._mean_worth(architectures) + longest / self._longest - shortest / self._shortest + size
        return found

    def _mean_worth(self, architectures: Encoded) -> Floats:
        found = np.zeros(len(architectures))
        for worth, options in zip(self._worths, architectures.options.T, strict=True):
            found += worth[options]
        return found / len(self._worths)


@lru_cache(maxsize=4)
def balance(space: SearchSpace) -> Balance:
    """Return the balance of a space, which is made once."""
    return Balance(encoder(space))


def _ladders(coder: Encoder) -> list[Ladder]:
    """Compare the options of each decision in the same architectures, so that equal costs are found equal."""
    rows = [_varied(coder, at) for at in range(len(coder.space.decisions))]
    sizes = np.split(coder.sizes(np.concatenate(rows)), np.cumsum([len(each) for each in rows])[:-1])
    spread = float(coder.sizes(coder.reference).sum(axis=1).std())
    options = [len(decision.options) for decision in coder.space.decisions]
    return [
        _ladder(each.reshape(-1, count, 2), int(hidden), _SAME * spread)
        for each, count, hidden in zip(sizes, options, coder.counts, strict=True)
    ]


def _varied(coder: Encoder, at: int) -> Integers:
    """Return some architectures with each option of a decision in turn: shape (architectures × options, decisions)."""
    space, rows = coder.space, coder.reference
    counting = rows[space.conditions.visible(rows)[:, at]] if space.conditions else rows
    chosen = counting if len(counting) else rows[:1]
    chosen = chosen[np.linspace(0, len(chosen) - 1, min(_COMPARED, len(chosen))).astype(int)]
    numbers = space.decisions[at].numbers
    varied = np.repeat(chosen, len(numbers), axis=0)
    varied[:, at] = np.tile(numbers, len(chosen))
    return space.conditions.settled(varied) if space.conditions else varied


def _ladder(sizes: Floats, count: int, same: float) -> Ladder:
    """Sort options by the mean logarithm of FLOPs and parameters: shape (architectures, options, 2).

    An option stands as high as its place in that order or, in whole places, as its share of the costs, whichever is
    higher: so a first step that brings most of the costs is most of the way.
    """
    mean = sizes.sum(axis=2).mean(axis=0)
    order = np.argsort(mean, kind="stable")
    steps = np.diff(mean[order], prepend=mean[order[0]]) > same
    rungs = order[np.flatnonzero(np.concatenate([[True], steps[1:]]))]
    size, level, height = np.expm1(sizes).mean(axis=0)[rungs], np.cumsum(steps), np.zeros(count)
    if level[-1]:
        share = ((size - size[0]) / np.maximum(np.ptp(size, axis=0), 1e-9)).max(axis=1)
        height[order] = np.maximum(level, np.floor(share * level[-1] + 1e-6)[level].clip(0, level[-1])) / level[-1]
    return Ladder(height, rungs, size)


@lru_cache(maxsize=4)
def ascent(region: Region) -> Integers:
    """Return balanced architectures of a region from small to large, up to the limits: shape (n, decisions).

    Decisions go up step by step: in one order by the worth of a step, in another by its worth for its costs.
    """
    if not encoder(region.space).sized:
        return np.empty((0, len(region.space.decisions)), dtype=np.int64)
    return np.unique(np.concatenate([_way_up(region, thrifty) for thrifty in (False, True)]), axis=0)


def _way_up(region: Region, thrifty: bool) -> Integers:
    ladders = balance(region.space).ladders
    steps = _that_fit(region, ladders, _steps(ladders, region.limits, thrifty))
    stops = _stops(region, ladders, steps, np.unique(np.linspace(0, len(steps), _STOPS).astype(int)))
    inside = stops[region.allows(stops)]
    if len(inside) and (inside[-1] == stops[-1]).all():
        return inside
    near = region.nearest(tuple(stops[-1].tolist()))
    return inside if near is None else np.concatenate([inside, [near]])


def _that_fit(region: Region, ladders: Sequence[Ladder], steps: Integers) -> Integers:
    """Leave out the first step that goes beyond the upper limits, and the first one behind it that does, and so on."""
    below = Region(region.space.without_rule, _without_least(region.limits))
    begun = 0  # steps that fit
    for _ in range(_LEFT_OUT if region.looked_up else 1):
        low, high = begun, len(steps) + 1  # counts of steps that fit, and that do not
        while high - low > 1:
            middle = (low + high) // 2
            fits = below.allows(_stops(region, ladders, steps, [middle])).all()
            low, high = (middle, high) if fits else (low, middle)
        begun, steps = low, np.delete(steps, slice(low, low + 1))
        if begun >= len(steps):
            break
    return steps[:begun]


def _steps(ladders: Sequence[Ladder], limits: Limits, thrifty: bool) -> Integers:
    """Return the decisions that go up by a rung, in their order."""
    least = [end if np.isfinite(end) and end > 0 else inf for _, end in (limits.flops, limits.params)]
    budget = np.array(least if min(least) < inf else [1.0, inf])
    merits, decisions, rungs = [], [], []
    for at, ladder in enumerate(ladders):
        gain = np.diff(ladder.worth[ladder.rungs])
        cost = np.maximum(np.diff((ladder.size / budget).sum(axis=1)), 1e-12) if thrifty else 1.0
        merits.append(np.minimum.accumulate(gain / cost))
        decisions.append(np.full(len(gain), at))
        rungs.append(np.arange(len(gain)))
    order = np.lexsort((np.concatenate(rungs), -np.concatenate(merits)))
    found: Integers = np.concatenate(decisions)[order]
    return found


def _stops(region: Region, ladders: Sequence[Ladder], steps: Integers, taken: Sequence[int] | Integers) -> Integers:
    """Return the architectures after so many steps: shape (n, decisions)."""
    space = region.space
    counts = [np.bincount(steps[:count], minlength=len(ladders)) for count in taken]
    rows = np.array([[ladder.rungs[up] for ladder, up in zip(ladders, each, strict=True)] for each in counts])
    rows = rows + [decision.first for decision in space.decisions]
    return space.conditions.settled(rows) if space.conditions else rows


def _without_least(limits: Limits) -> Limits:
    """Return the limits without their lower ends."""

    def opened(ends: Range) -> Range:
        return (-inf, ends[1])

    others = tuple((name, opened(ends)) for name, ends in limits.others)
    return replace(limits, flops=opened(limits.flops), params=opened(limits.params), others=others)
