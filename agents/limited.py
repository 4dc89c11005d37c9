"""What a prompt tells of limits: what options cost, what is allowed, and what is known to be within."""

from collections.abc import Iterable, Iterator, Sequence
from math import inf

import numpy as np

from ..record.history import History
from ..spaces.region import OPEN, Region
from ..spaces.space import Architecture
from ..tools.look_up import adds_up, look_up_table
from ..tools.prices import amount_in_words, number_in_words

_RANGE = """\
The network must keep a hard limit: {limits}. A proposal outside is not trained."""

_QUESTIONS = """\
Before you answer, think it through step by step:
1. Which options make the strongest layers, and what do they cost here?
2. Which part of the network earns most from stronger layers, and where is computation spent for little?
3. Where does the network need depth, and where do few layers suffice?
4. {last}"""

_ADDED = "What do the table's costs of your architecture add up to? Change it until the sum is inside the limit."
_QUESTIONS_OF_VALUES = """\
Before you answer, think it through step by step:
1. Which values earn most, and what do they cost here?
2. {last}"""

_NOT_ADDED = """\
Is your architecture inside the limit? The costs above do not add up, so stay close to architectures whose cost is \
known."""

_NAMED = 5
"""How many untried architectures within limits a prompt names, where costs are no sums over decisions."""


def limits_in_words(region: Region, known: History) -> list[str]:
    """Write the parts of a prompt that tell of limits.

    Where costs are no sums over decisions, they also tell what the best so far leaves to the limits, and name some
    untried architectures within them. Networks are not built for that.
    """
    best = _best(region, known) if region.looked_up else None
    parts = [look_up_table(region, best), _RANGE.format(limits=region.words)]
    return parts if region.is_additive or not region.looked_up else [*parts, *_inside(region, known, best)]


def questions(region: Region) -> str:
    """Return what a model is to think through before it answers."""
    asked = _QUESTIONS if region.space.build is not None else _QUESTIONS_OF_VALUES
    return asked.format(last=_ADDED if adds_up(region) else _NOT_ADDED)


def _best(region: Region, known: History) -> Architecture | None:
    """Return the best architecture so far that is in the region."""
    measured = (candidate.architecture for candidate in known.feasible_first() if candidate.architecture)
    return next((found for found in measured if region.allows(found).all()), None)


def _inside(region: Region, known: History, best: Architecture | None) -> Iterator[str]:
    if best is None:
        drawn = region.draw(np.random.default_rng(0), _NAMED)
        yield _listed(region, drawn.tolist(), "drawn at random")
        return
    if headroom := _headroom(region, best):
        found = region.space.written(best)
        yield f"The best within the limit so far, {found}, leaves {headroom} to the most that is allowed."
    if near := _near(region, known, best):
        yield _listed(region, near, "near the best")


def _headroom(region: Region, best: Architecture) -> str:
    limits, costs = region.limits, region.counted(best)[0].tolist()
    ends = enumerate(zip(limits.ranges, costs, strict=True))
    return " and ".join(amount_in_words(limits, at, end - cost) for at, ((_, end), cost) in ends if end != inf)


def _near(region: Region, known: History, best: Architecture) -> list[Architecture]:
    """Return some untried architectures next to the best, from the highest cost to the lowest; else the nearest."""
    tried = known.tried(region.space)
    found = [tuple(row) for row in region.neighbours(best).tolist()]
    untried = [architecture for architecture in found if region.space.identity(architecture) not in tried]
    if not untried:
        nearest = region.nearest(best, tried)
        return [nearest] if nearest else []
    ordered = np.argsort(-region.counted(untried)[:, region.limits.main], kind="stable")
    return [untried[at] for at in ordered[:: max(1, len(untried) // _NAMED)][:_NAMED]]


def _listed(region: Region, architectures: Iterable[Sequence[int]], where: str) -> str:
    rows = [list(row) for row in architectures]
    quantities = [at for at, ends in enumerate(region.limits.ranges) if ends != OPEN]
    lines = []
    for row, costs in zip(rows, region.counted(rows).tolist(), strict=True):
        told = ", ".join(number_in_words(at, costs[at]) for at in quantities)
        lines.append(f"- {region.space.written(tuple(row))}, {told}")
    names = " and ".join(region.limits.names[at] for at in quantities)
    return "\n".join([f"Untried architectures within the limit, {where}, with their {names}:", *lines])
