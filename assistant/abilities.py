"""The tools of an assistant that search nothing: spaces, costs, forecasts, and the results of runs."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from ..errors import GeniusError
from ..graph.forecasts import CLAIMED, Forecasts, forecasts_after
from ..graph.hinting import hint as add_hint
from ..record.candidate import Suggestion
from ..record.result import SearchResult, load, read
from ..spaces import SPACES, get_space
from ..spaces.cost import Convention, check_convention
from ..spaces.listing import describe_space as describe
from ..spaces.objective import ACCURACY
from ..spaces.region import Limits, parse_range
from ..spaces.space import Architecture, CannotBuild, SearchSpace
from ..tools.arguments import several_architectures
from ..tools.toolbox import MOST_ASKED
from .permits import Permits
from .plain_results import UNITS, Json, objective_json, plain, units
from .run_folders import RunFolders

_MOST = 100  # iterations of one result

SpaceNamed = Annotated[str, Field(description="A space, as list_spaces names it.")]
RunNamed = Annotated[str, Field(description="A run, by its path below the server's folder, as list_runs names it.")]
GivenRange = Annotated[
    Sequence[str | float | None],
    Field(min_length=2, max_length=2, description='The low and the high end, as in ["270M", "330M"]; null is open.'),
]
Architectures = Annotated[
    Sequence[Any],
    Field(
        min_length=1,
        max_length=MOST_ASKED,
        description="Architectures, each a list of option numbers or, in a space by value, an object of values.",
    ),
]


BOTH_OPEN = (None, None)


@dataclass(frozen=True)
class Abilities:
    """Tools that read: each takes typed arguments, and returns plain JSON with units."""

    folders: RunFolders
    permits: Permits

    def list_spaces(self) -> Json:
        """List the search spaces: names, decisions, how many architectures, and the objective that is measured."""
        names = [*SPACES.names(), *(name for name in self.permits.own if name not in SPACES.names())]
        return {"spaces": [self._space_json(name) for name in names]}

    def _space_json(self, name: str) -> Json:
        if name not in self.permits.own and name not in SPACES:
            return {"name": name}  # of an installed package, which is not loaded to be listed
        space = get_space(name)
        number = space.size if space.count is None else space.count
        of = {"decisions": len(space.decisions), "architectures": number, "costs_known": space.costed}
        return {"name": name, **of, "objective": objective_json(space.objective or ACCURACY)}

    def describe_space(self, space: SpaceNamed, flops: GivenRange = BOTH_OPEN, params: GivenRange = BOTH_OPEN) -> Json:
        """Describe a search space in words, with the range of its costs and how many architectures keep limits."""
        self.permits.check_space(space)
        found = get_space(space)
        limits = Limits(parse_range(*as_ends(flops)), parse_range(*as_ends(params)))
        decisions = [
            {"name": each.name, "first_number": each.first, "options": list(each.names)} for each in found.decisions
        ]
        return {**self._space_json(space), "words": describe(space, limits), "decision_options": plain(decisions)}

    def cost(self, space: SpaceNamed, architectures: Architectures, flops_convention: Convention = "macs") -> Json:
        """Tell FLOPs, parameters and further costs of up to 20 architectures; nothing is trained."""
        self.permits.check_space(space)
        found, convention = get_space(space), check_convention(flops_convention)
        if not found.costed:
            raise GeniusError(f"{found.name} has no costs")
        asked = several_architectures(architectures, found, MOST_ASKED)
        told = [_cost_json(found, each, convention) for each in asked]
        return {"space": space, "flops_convention": convention, "costs": told, "units": _some("flops", "params")}

    def list_runs(self) -> Json:
        """List the runs of the server's folder, the latest first, each with its space, proposer and best value."""
        return {"runs": [self._run_json(name) for name in self.folders.all()]}

    def _run_json(self, name: str) -> Json:
        try:
            result = read(self.folders.run(name))
        except GeniusError as error:
            return {"run": name, "error": plain(str(error))}
        return {"run": name, **summary(result)}

    def read_result(
        self,
        run: RunNamed,
        first: Annotated[int, Field(ge=1, description="The first iteration that is told.")] = 1,
        count: Annotated[int, Field(ge=0, le=_MOST, description="How many iterations are told.")] = 20,
    ) -> Json:
        """Read a run's result so far: its best, each iteration with reasons, costs and refusals, and what it spent."""
        result = read(self.folders.run(run))
        told: Any = result.to_json()
        for trial in told.get("trials", [told]):
            trial["iterations"] = [each for each in trial["iterations"] if first <= each["iteration"] < first + count]
        found: Json = plain({**told, **summary(result), "units": units(result.goal)})
        return found | {"run": run}

    async def predict(
        self,
        run: RunNamed,
        architectures: Architectures,
        trial: Annotated[int, Field(ge=1, description="Whose measurements count.")] = 1,
    ) -> Json:
        """Forecast up to 20 architectures by a model fitted to a run's measurements: the expected value, its standard
        deviation, and the probability to improve on the best so far. Nothing is trained."""
        folder = self.folders.run(run)
        settings, journal = load(folder)
        self.permits.check(settings, of=CLAIMED)
        own = self.permits.space_of(settings)
        found = await asyncio.to_thread(
            forecasts_after, folder, settings, journal, list(architectures), trial=trial, space=own
        )
        return {"run": run, **_forecasts_json(found)}

    def hint(
        self, run: RunNamed, text: Annotated[str, Field(description="One plain sentence, up to 500 characters.")]
    ) -> Json:
        """Tell the language model of a search something; it reads it before its next proposal."""
        add_hint(self.folders.run(run), text)
        return {"run": run, "told": plain(text)}


def as_ends(given: Sequence[str | float | None]) -> tuple[str, str]:
    """Return the ends of a range as the command line names them: `-` leaves one open."""
    low, high = ("-" if end is None else str(end) if isinstance(end, str) else f"{end:.0f}" for end in given)
    return low, high


def summary(result: SearchResult) -> Json:
    """Give a run in a few fields."""
    best, settings = result.best, result.settings
    made = [len(trial.candidates) for trial in result.trials]
    told = {
        "space": settings.space,
        "proposer": settings.proposer,
        "llm": settings.llm.first,
        "objective": objective_json(result.goal.objective),
        "iterations_made": made[0] if len(made) == 1 else made,
        "iterations_planned": settings.loop.iterations,
        "finished": result.finished,
        "stopped_early": result.stopped,
        "best_so_far": None
        if best is None or best.architecture is None
        else {"architecture": list(best.architecture), "values": best.values, "value": best.value},
    }
    found: Json = plain(told)
    return found


def _cost_json(space: SearchSpace, asked: Architecture | str, convention: Convention) -> Json:
    if isinstance(asked, str):
        return {"error": plain(asked)}
    told = {"architecture": list(asked), **_values_json(space, asked)}
    if forbidden := space.forbids(asked):
        return told | {"error": plain(str(forbidden))}
    try:
        cost = space.cost_of(asked)
    except CannotBuild as error:
        return told | {"error": plain(str(error))}
    assert cost is not None
    return {**told, **plain({"flops": cost.counted(convention), "params": cost.params, **cost.named})}


def _values_json(space: SearchSpace, architecture: Architecture) -> Json:
    return {"values": plain(space.plain_values(architecture))} if space.by_value else {}


def _forecasts_json(found: Forecasts) -> Json:
    told = [_forecast_json(found, each, words) for each, words in zip(found.asked, found.standings, strict=True)]
    of, unit = objective_json(found.objective), found.objective.unit or "no unit"
    return {
        "objective": of,
        "measurements": found.measurements,
        "forecasts": told,
        "units": {"expected": unit, "standard_deviation": unit, "probability_to_improve": "from 0 to 1"},
    }


def _forecast_json(found: Forecasts, asked: Suggestion | str, standings: Sequence[str]) -> Json:
    if isinstance(asked, str):
        return {"error": plain(asked)}
    architecture = asked.architecture
    told: Mapping[str, object] = {
        "architecture": list(architecture),
        **_values_json(found.space, architecture),
        "expected": asked.value,
        "standard_deviation": asked.sd,
        "probability_to_improve": asked.improvement,
        "notes": list(standings),
    }
    return {**plain(told)}


def _some(*names: str) -> dict[str, str]:
    return {name: UNITS[name] for name in names}
