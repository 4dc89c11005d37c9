"""The part of a prompt on limits: the costs of options, the allowed ranges, and known architectures within."""

from collections.abc import Sequence
from math import inf

import numpy as np

from ..record.history import History
from ..spaces.region import OPEN, Region
from ..spaces.space import Architecture
from ..tools.look_up import adds_up, look_up_table
from ..tools.prices import amount_in_words
from .prompting import Prompts

_SWAPPED = 64  # single changes that break the limits and are made up for
_NAMED = 5
"""How many untried architectures within limits a prompt names, where costs are no sums over decisions."""


def limits_in_words(region: Region, known: History, prompts: Prompts) -> str:
    """Write the part of a prompt that tells of limits.

    Where costs are no sums over decisions, it also tells how far the best so far lies below the limits, and names some
    untried architectures within them. Networks are not built for that.
    """
    best = _best(region, known) if region.looked_up else None
    is_told = region.looked_up and not region.is_additive
    found, where = _untried(region, known, best) if is_told else ([], "")
    quantities = [at for at, ends in enumerate(region.limits.ranges) if ends != OPEN]
    return prompts.render(
        "limits",
        table=look_up_table(region, best),
        limits=region.words,
        best=region.space.written(best) if best else "",
        headroom=_headroom(region, best) if best and is_told else "",
        found=_listed(region, found, quantities),
        where=where,
        quantities=" and ".join(region.limits.names[at] for at in quantities),
    )


def questions(region: Region, prompts: Prompts) -> str:
    """Return the questions that a model is to think through before it answers."""
    return prompts.render("questions", networks=region.space.build is not None, adds_up=adds_up(region))


def _best(region: Region, known: History) -> Architecture | None:
    """Return the best architecture so far that is in the region."""
    measured = (candidate.architecture for candidate in known.feasible_first() if candidate.architecture)
    return next((found for found in measured if region.allows(found).all()), None)


def _untried(region: Region, known: History, best: Architecture | None) -> tuple[list[Architecture], str]:
    """Return some untried architectures within limits, and where they are."""
    if best is None:
        drawn = region.draw(np.random.default_rng(0), _NAMED)
        return [tuple(row) for row in drawn.tolist()], "drawn at random"
    return _near(region, known, best), "near the best"


def _headroom(region: Region, best: Architecture) -> str:
    limits, costs = region.limits, region.counted(best)[0].tolist()
    ends = enumerate(zip(limits.ranges, costs, strict=True))
    return " and ".join(amount_in_words(limits, at, end - cost) for at, ((_, end), cost) in ends if end != inf)


def _near(region: Region, known: History, best: Architecture) -> list[Architecture]:
    """Return some untried architectures next to the best, from the highest cost to the lowest; else the nearest.

    Where a single change breaks the limits, those are next to it, too, in which another one makes up for that.
    """
    tried = known.tried(region.space)
    swaps = region.swaps(best, region.off_by_one(best)[:_SWAPPED])
    found = [tuple(row) for row in np.concatenate([region.neighbours(best), swaps]).tolist()]
    untried = [architecture for architecture in found if region.space.identity(architecture) not in tried]
    if not untried:
        nearest = region.nearest(best, tried)
        return [nearest] if nearest else []
    ordered = np.argsort(-region.counted(untried)[:, region.limits.main], kind="stable")
    return [untried[at] for at in ordered[:: max(1, len(untried) // _NAMED)][:_NAMED]]


def _listed(region: Region, found: Sequence[Architecture], quantities: Sequence[int]) -> list[dict[str, str]]:
    """Write architectures, each with its amounts of the limited quantities."""
    rows = region.counted(found).tolist() if found else []
    return [
        {
            "written": region.space.written(architecture),
            "costs": ", ".join(region.limits.told(at, costs[at]) for at in quantities),
        }
        for architecture, costs in zip(found, rows, strict=True)
    ]
