"""What the options of a space cost, in words for a model: the look-up table, and what to change in an architecture that
breaks the limits."""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import compress, groupby

import numpy as np

from ..spaces.cost import CONVENTIONS, Convention, Cost, total
from ..spaces.decision import Decision
from ..spaces.region import Limits, Region
from ..spaces.space import Architecture, SearchSpace

_SUGGESTED = 5
_DRAWN = 1_000  # architectures of which one stands for the middle of a space
_COLUMNS = 12  # options of a row
_ROWS = 60  # of a look-up table, so that a prompt stays bounded whatever the space


def in_millions(number: float) -> str:
    """Write FLOPs or parameters in millions, small ones with more digits."""
    return f"{number / 1e6:.{2 if abs(number) >= 1e7 else 4}f} M"


def off_limits(region: Region, architecture: Architecture, cost: Cost) -> str:
    """Say how far an architecture is off the limits, and what single changes would bring it back.

    The first line is the whole in short; the others give the cost of each stage and the changes.
    """
    space, limits = region.space, region.limits
    flops, params = limits.gap(cost)
    broken = [_gap(f"FLOPs ({limits.convention})", cost.counted(limits.convention), flops)] if flops else []
    broken += [_gap("parameters", cost.params, params)] if params else []
    lines = [f"{space.written(architecture)} breaks the limits: {'; '.join(broken)}; allowed: {limits.words()}"]
    lines += _by_stage(space, limits.convention, architecture)
    return "\n".join([*lines, _changes(space, limits, architecture, cost)])


def _gap(name: str, value: int, gap: float) -> str:
    side = "above the most that is allowed" if gap > 0 else "below the least that is allowed"
    return f"{value:,} {name}, {'+' if gap > 0 else '-'}{in_millions(abs(gap))} {side}"


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


def _changes(space: SearchSpace, limits: Limits, architecture: Architecture, cost: Cost) -> str:
    """Name single changes that keep the limits, those of the highest FLOPs first, at most one for each decision.

    Where none does, name those that come closest. What the space's rule forbids is no change.
    """
    found = list(_single_changes(space, architecture))
    if not found:
        return "No single change is allowed."
    inside = [change for change in found if limits.allow(change[2])]
    if inside:
        best = sorted(inside, key=lambda change: -change[2].counted(limits.convention))
        return f"One of these changes is enough: {_list(space, limits, architecture, best)}."
    closest = sorted(found, key=lambda change: _distance(limits, change[2]))
    return f"No single change is enough; the largest steps are: {_list(space, limits, architecture, closest)}."


def _single_changes(space: SearchSpace, architecture: Architecture) -> Iterator[tuple[int, int, Cost]]:
    """Go through the decisions, options and costs of the architectures that differ in one decision."""
    counting = space.visible(architecture)
    options = [
        (at, option)
        for at, decision in enumerate(space.decisions)
        for option in decision.numbers
        if option != architecture[at] and counting[at]
    ]
    changed = [(*architecture[:at], option, *architecture[at + 1 :]) for at, option in options]
    changed = [space.settled(each) for each in changed]
    costs = space.costs(changed)
    kept = space.allows(changed) & (costs >= 0).all(axis=1)
    for (at, option), row in compress(zip(options, costs, strict=True), kept):
        yield at, option, Cost(*map(int, row))


def _distance(limits: Limits, cost: Cost) -> float:
    """Measure how far a cost is off the limits, in shares of itself, FLOPs and parameters together."""
    flops, params = limits.gap(cost)
    return abs(flops) / max(cost.counted(limits.convention), 1) + abs(params) / max(cost.params, 1)


def _list(
    space: SearchSpace, limits: Limits, architecture: Architecture, changes: Sequence[tuple[int, int, Cost]]
) -> str:
    # layers that are alike would give the same numbers: one of them is enough
    unlike = {(cost.flops, cost.params): (at, option, cost) for at, option, cost in reversed(changes)}
    one_each = {at: (at, option, cost) for at, option, cost in unlike.values()}
    chosen = [change for change in changes if change in one_each.values()][:_SUGGESTED]
    return "; ".join(
        f"{differences(space, architecture, (*architecture[:at], option, *architecture[at + 1 :]))} gives "
        f"{_both(limits, cost)}"
        for at, option, cost in chosen
    )


def _both(limits: Limits, cost: Cost) -> str:
    return f"{in_millions(cost.counted(limits.convention))} FLOPs, {in_millions(cost.params)} parameters"


def differences(space: SearchSpace, before: Architecture, after: Architecture) -> str:
    """Name the decisions in which two architectures differ."""
    pairs = zip(space.decisions, before, after, strict=True)
    return ", ".join(
        f"{decision.name} from {option_in_words(space, decision, old)} to {option_in_words(space, decision, new)}"
        for decision, old, new in pairs
        if old != new
    )


def option_in_words(space: SearchSpace, decision: Decision, number: int) -> str:
    """Write an option as the space's architectures are written: its number, or its name in a space by value."""
    return decision.names[number - decision.first] if space.by_value else str(number)


@cache
def look_up_table(region: Region) -> str:
    """Write what each option of each decision adds to the FLOPs, a line for decisions that cost alike.

    Where costs do not simply add up, the lines tell the whole network's FLOPs with one decision changed and the others
    at their middle option, or near it where the space's rule forbids that.
    """
    space, convention = region.space, region.limits.convention
    title = f"FLOPs in millions, {CONVENTIONS[convention]}"
    if space.parts and all(len(part.decisions) <= 1 for part in space.parts):
        fixed = total([part.cost() for part in space.parts if not part.decisions]).counted(convention)
        head = f"What each option adds to the network ({title}); what no decision changes adds {in_millions(fixed)}:"
        rows: list[tuple[int | None, ...]] = [_added(space, convention, at) for at in range(len(space.decisions))]
    else:
        middle = _middle(space)
        others = space.written(middle)
        head = f"What the whole network costs with one decision changed and the others at {others} ({title}):"
        rows = [_totals(space, convention, middle, at) for at in range(len(space.decisions))]
    lines = _lines(space, rows)
    more = [f"and {len(lines) - _ROWS} lines more"] if len(lines) > _ROWS else []
    return "\n".join([head, *lines[:_ROWS], *more])


def _added(space: SearchSpace, convention: Convention, at: int) -> tuple[int, ...]:
    parts = [part for part in space.parts if part.decisions == (at,)]
    numbers = space.decisions[at].numbers
    return tuple(total([part.cost(option) for part in parts]).counted(convention) for option in numbers)


def _middle(space: SearchSpace) -> Architecture:
    """Return the architecture of the middle options; where the rule forbids it, the nearest of some draws."""
    middle = space.settled(tuple(decision.numbers[len(decision.numbers) // 2] for decision in space.decisions))
    if space.forbids(middle) is None:
        return middle
    drawn = space.draw(np.random.default_rng(0), _DRAWN)
    return tuple(drawn[(drawn != np.array(middle)).sum(axis=1).argmin()].tolist())


def _totals(space: SearchSpace, convention: Convention, middle: Architecture, at: int) -> tuple[int | None, ...]:
    """Return the FLOPs with each option of a decision; None where there is no network to count them on."""
    variants = [(*middle[:at], option, *middle[at + 1 :]) for option in space.decisions[at].numbers]
    costs = (Cost(*map(int, row)) for row in space.costs(variants))
    return tuple(None if cost.flops < 0 else cost.counted(convention) for cost in costs)


def _lines(space: SearchSpace, rows: Sequence[tuple[int | None, ...]]) -> list[str]:
    """Write the rows, neighbours that are equal in one line: their first decision to their last."""
    found = []
    for row, group in groupby(zip(rows, space.decisions, strict=True), key=lambda pair: pair[0]):
        alike = [decision for _, decision in group]
        names = alike[0].name if len(alike) == 1 else f"each of {alike[0].name} to {alike[-1].name}"
        options = [option_in_words(space, alike[0], number) for number in alike[0].numbers]
        costs = _shortened([f"{option}: {_millions(cost)}" for option, cost in zip(options, row, strict=True)])
        found.append(f"- {names}: {', '.join(costs)}")
    return found


def _shortened(costs: list[str]) -> list[str]:
    """Name as many of a decision's options as a line holds, from the first to the last."""
    if len(costs) <= _COLUMNS:
        return costs
    return [costs[at * (len(costs) - 1) // (_COLUMNS - 1)] for at in range(_COLUMNS)]


def _millions(flops: int | None) -> str:
    return "not allowed" if flops is None else f"{flops / 1e6:.4g}"
