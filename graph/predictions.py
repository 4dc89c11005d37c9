"""The region of a search, with the cost that a look-up of the user's predicts."""

from dataclasses import replace
from pathlib import Path

from ..errors import GeniusError
from ..record.settings import Settings
from ..spaces.region import PredictedCost, Region
from ..spaces.space import SearchSpace
from ..tables.cost_table import cost_table_sha256, read_cost_table


def shown_region(space: SearchSpace, settings: Settings) -> Region:
    """Check the region of a search, and return it as its proposers see it, perhaps in disguise.

    Raises: GeniusError where nothing is in it, and for a look-up that is not the one that the run began with.
    """
    region = region_of(settings, space)
    region.check()
    return region.disguised(settings.disguise) if settings.disguise else region


def region_of(settings: Settings, space: SearchSpace) -> Region:
    """Return the region of a search in the space as it is.

    Raises: GeniusError for a look-up that is not the one that the run began with.
    """
    return Region(space, replace(settings.limits.ranges, predicted=look_up_of(settings, space)))


def look_up_of(settings: Settings, space: SearchSpace) -> tuple[PredictedCost, ...]:
    """Return the cost that a look-up of the user's predicts, if one is named.

    Raises: GeniusError where it is not the one that the run began with.
    """
    if settings.measures.table is None:
        return ()
    path = Path(settings.measures.table)
    if cost_table_sha256(path) != settings.run.look_up_sha256:
        raise GeniusError(
            f"the look-up {path} was changed since the run began: put the old one back, or go on with the new one "
            "now by naming it with --latency-table"
        )
    return (read_cost_table(path, space)[0],)


def notes_on_look_up(settings: Settings, space: SearchSpace) -> list[str]:
    """Say how the look-up of a search was made, and by how much it is off."""
    if settings.measures.table is None:
        return []
    cost, file = read_cost_table(Path(settings.measures.table), space)
    made = f"{file.samples} networks ({file.conditions})"
    return [f"{cost.name} is predicted by a look-up, fitted to {made}: {cost.words}"]
