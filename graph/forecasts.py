"""Forecasts of architectures after a run's measurements, by the guide's surrogate."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import GeniusError
from ..guide.shortlists import forecast
from ..record.candidate import Suggestion
from ..record.history import History
from ..record.journal import Journal
from ..record.result import check_journal
from ..record.settings import Settings
from ..spaces import get_space
from ..spaces.objective import Objective
from ..spaces.region import Region
from ..spaces.space import Architecture, SearchSpace
from ..tools.arguments import several_architectures
from ..tools.standing import standing
from ..tools.toolbox import MOST_ASKED
from .predictions import shown_region
from .setup import Given, space_and_table

CLAIMED = ("space", "measures.table", "training.table")
"""The claims of a run that lead to what a forecast reads."""


@dataclass(frozen=True)
class Forecasts:
    """What the measurements of a trial lead to expect of architectures.

    Each of `asked` is a forecast, or the reason why there is none. `standings` are the limits that each breaks, or its
    earlier evaluation.
    """

    space: SearchSpace
    objective: Objective
    measurements: int
    asked: Sequence[Suggestion | str]
    standings: Sequence[Sequence[str]]


def forecasts_after(
    run: Path, settings: Settings, journal: Journal, architectures: object, *, trial: int = 1, space: str | None = None
) -> Forecasts:
    """Forecast up to 20 architectures after the measurements of a trial; `space` names one's own, as the run does.

    The caller has held the claims of `settings` against what is allowed, see `graph.trust`. A model's beliefs have no
    part in it. Raises: GeniusError, BadArgument.
    """
    if not 1 <= trial <= settings.loop.trials:
        raise GeniusError(f"{run} has the trials 1 to {settings.loop.trials}, got {trial}")
    found, _ = space_and_table(settings, Given(get_space(space) if space else None))
    region = shown_region(found, settings)
    check_journal(journal, settings, region.space)
    history = journal.history(trial, len(journal.finished(trial)), goal=settings.goal)
    asked = several_architectures(architectures, found, MOST_ASKED)
    told = [_one(each, found, region, history, settings, trial) for each in asked]
    of = settings.goal.objective
    return Forecasts(found, of, len(history.measured), [each for each, _ in told], [words for _, words in told])


def _one(
    asked: Architecture | str, space: SearchSpace, region: Region, history: History, settings: Settings, trial: int
) -> tuple[Suggestion | str, Sequence[str]]:
    if isinstance(asked, str):
        return asked, ()
    if forbidden := space.forbids(asked):
        return str(forbidden), ()
    disguise = settings.disguise
    shown = disguise.conceal(asked) if disguise else asked
    (found,) = forecast(region, history, (settings.loop.first_seed, trial), [shown])
    told = Suggestion(asked, found.value, found.sd, found.improvement)
    return told, [] if disguise else list(standing(shown, region, history))
