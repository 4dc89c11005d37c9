"""Repairs of architectures off the limits, in words for a model."""

import re
from collections.abc import Collection, Hashable, Iterator, Sequence
from itertools import compress
from typing import NamedTuple

import numpy as np

from ..spaces.cost import FIELDS, Convention, Cost, total
from ..spaces.figures import in_millions
from ..spaces.region import OPEN, Limits, Region, costs_for
from ..spaces.space import Architecture, SearchSpace
from ..spaces.words import option_in_words

_SUGGESTED = 5  # groups of changes
_ALIKE = 4  # other decisions of a group that are named
_OFF = re.compile(r"\b(skip\w*|none|no|zero\w*|off|identity|nothing|absent|removed?|0)\b", re.IGNORECASE)


def amount_in_words(limits: Limits, at: int, number: float) -> str:
    """Write an amount of a cost with its name: `45.12 M FLOPs`, `memory_mb 512`."""
    words = limits.told(at, number)
    return f"{words} {limits.names[at]}" if at < 2 else f"{limits.names[at]} {words}{limits.suffix(at)}"


def amounts_in_words(limits: Limits, cost: Cost) -> list[str]:
    """Write the amounts of the costs that are limited, each with its name."""
    amounts = enumerate(zip(limits.amounts(cost), limits.ranges, strict=True))
    return [amount_in_words(limits, at, amount) for at, (amount, ends) in amounts if ends != OPEN]


def off_limits(region: Region, architecture: Architecture, cost: Cost, tried: Collection[Hashable] = ()) -> str:
    """Describe the distance of an architecture from the limits, and the single changes that would bring it back.

    The first line is the whole in short; the others give the cost of each stage and the changes, none of which leads to
    an identity that was `tried`. Told are the costs that are limited.
    """
    space, limits = region.space, region.limits
    lines = [f"{space.written(architecture)} breaks the limits: {broken_limits(region, cost)}"]
    lines += _by_stage(space, limits.convention, architecture) if limits.of_flops else []
    return "\n".join([*lines, _changes(region, architecture, tried)])


def broken_limits(region: Region, cost: Cost) -> str:
    """Write the costs that are off their limits, each with its distance, and the limits."""
    limits = region.limits
    amounts = zip(limits.amounts(cost), limits.gap(cost), strict=True)
    broken = [_gap(limits, at, amount, gap) for at, (amount, gap) in enumerate(amounts) if gap]
    return f"{'; '.join(broken)}; allowed: {region.words}"


def _gap(limits: Limits, at: int, amount: float, gap: float) -> str:
    side = "above the most that is allowed" if gap > 0 else "below the least that is allowed"
    name = f"FLOPs ({limits.convention})" if at == 0 else limits.names[at]
    exact = at < 2 and not limits.units
    found = f"{amount:,} {name}" if exact else amount_in_words(limits, at, amount)
    return f"{found}, {'+' if gap > 0 else '-'}{limits.told(at, abs(gap))}{limits.suffix(at)} {side}"


def _by_stage(space: SearchSpace, convention: Convention, architecture: Architecture) -> list[str]:
    """Return a line with the FLOPs of each stage, where the space has stages and its costs come in parts."""
    if not space.parts or not all(decision.stage for decision in space.decisions):
        return []
    costs: dict[str, list[Cost]] = {decision.stage: [] for decision in space.decisions}
    for part in space.parts:
        # a part that depends on several decisions is the work of the last of them
        stage = space.decisions[max(part.decisions)].stage if part.decisions else "outside the stages"
        costs.setdefault(stage, []).append(part.cost(*(architecture[d] for d in part.decisions)))
    words = [f"{stage} {in_millions(total(found).counted(convention))}" for stage, found in costs.items()]
    return [f"FLOPs by stage: {', '.join(words)}."]


class _Change(NamedTuple):
    """Another option of a decision, and the cost with it."""

    at: int
    option: int
    cost: Cost


def _changes(region: Region, architecture: Architecture, tried: Collection[Hashable]) -> str:
    """Name untried single changes that keep the limits, those of the highest cost first.

    Changes of other decisions that cost the same are named with them. Options that switch a layer off come last. Where
    no change keeps the limits, those are named that come closest. A change that the space's rule forbids is none.
    """
    limits = region.limits
    found = list(_single_changes(region, architecture, tried))
    if not found:
        return "No single change is allowed."
    inside = [change for change in found if limits.allow(change.cost)]
    if inside:
        best = sorted(inside, key=lambda change: (_is_off(region, change), -_main(limits, change.cost)))
        return f"One of these changes is enough: {_list(region, architecture, best)}."
    closest = sorted(found, key=lambda change: (_is_off(region, change), _distance(limits, change.cost)))
    return f"No single change is enough; the largest steps are: {_list(region, architecture, closest)}."


def _main(limits: Limits, cost: Cost) -> float:
    return limits.amounts(cost)[limits.main]


def _is_off(region: Region, change: _Change) -> bool:
    """Tell whether an option switches a layer off, by its name."""
    decision = region.space.decisions[change.at]
    return bool(_OFF.search(decision.names[change.option - decision.first]))


def _single_changes(region: Region, architecture: Architecture, tried: Collection[Hashable]) -> Iterator[_Change]:
    """Go through the options of decisions that lead to another architecture of the space, which was not tried."""
    space, limits = region.space, region.limits
    counting = space.visible(architecture)
    options = [
        (at, option)
        for at, decision in enumerate(space.decisions)
        for option in decision.numbers
        if option != architecture[at] and counting[at]
    ]
    changed = [(*architecture[:at], option, *architecture[at + 1 :]) for at, option in options]
    changed = [space.settled(each) for each in changed]
    costs = costs_for(limits, space, np.array(changed, dtype=np.int64).reshape(-1, len(architecture)))
    kept = space.allows(changed) & (costs >= 0).all(axis=1)
    for (at, option), row, after in compress(zip(options, costs.tolist(), changed, strict=True), kept):
        if space.identity(after) not in tried:
            named = {name: amount for (name, _), amount in zip(limits.others, row[FIELDS:], strict=True)}
            yield _Change(at, option, Cost(*map(int, row[:FIELDS]), named=named))


def _distance(limits: Limits, cost: Cost) -> float:
    """Measure how far a cost is off the limits, in shares of itself, all that are limited together."""
    amounts = enumerate(zip(limits.amounts(cost), limits.gap(cost), strict=True))
    return sum(abs(gap) / max(amount, 1 if at < 2 else abs(gap)) for at, (amount, gap) in amounts if gap)


def _list(region: Region, architecture: Architecture, changes: Sequence[_Change]) -> str:
    """List changes by their costs: those that cost alike together, and at most one group for each decision."""
    alike: dict[tuple[float, ...], list[_Change]] = {}
    for change in changes:
        further = change.cost.named.values()
        key = (change.cost.flops, change.cost.params, *further, architecture[change.at], change.option)
        alike.setdefault(key, []).append(change)
    named: set[int] = set()
    groups = []
    for group in alike.values():
        if not named.intersection(change.at for change in group):
            named.update(change.at for change in group)
            groups.append(group)
    return "; ".join(_group(region, architecture, group) for group in groups[:_SUGGESTED])


def _group(region: Region, architecture: Architecture, group: Sequence[_Change]) -> str:
    (at, option, cost), limits = group[0], region.limits
    names = [region.space.decisions[change.at].name for change in group]
    others = f" (or of {', '.join(names[1 : _ALIKE + 1])}{', …' * (len(names) > _ALIKE + 1)})" if names[1:] else ""
    decision = region.space.decisions[at]
    before, after = (option_in_words(region.space, decision, number) for number in (architecture[at], option))
    return f"{decision.name} from {before} to {after}{others} gives {', '.join(amounts_in_words(limits, cost))}"


def differences(space: SearchSpace, before: Architecture, after: Architecture) -> str:
    """Name the decisions in which two architectures differ."""
    pairs = zip(space.decisions, before, after, strict=True)
    return ", ".join(
        f"{decision.name} from {option_in_words(space, decision, old)} to {option_in_words(space, decision, new)}"
        for decision, old, new in pairs
        if old != new
    )
