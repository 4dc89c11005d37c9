"""The setup of a search: its space, proposer and evaluator, found by name or passed from Python."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..agents.prompting import Prompts
from ..agents.proposer import Proposer, Thinking, reads_prompts
from ..agents.provider_keys import clean_tracing_keys
from ..errors import GeniusError
from ..evaluators.evaluator import Evaluator, Measured, ValueEvaluator
from ..evaluators.measures import find_measures
from ..evaluators.meter import Weigh
from ..evaluators.pools import Pool
from ..printable import brief
from ..record.goal import GOAL, OF_COSTS, Goal, default_goal
from ..record.ranges import NamedRanges, read_limits
from ..record.settings import COMMAND, Settings
from ..spaces import SPACES, full_name, get_space, read_script
from ..spaces.disguise import Disguise
from ..spaces.mapping import plain_decisions, space_of
from ..spaces.objective import ACCURACY, TOP5, Objective
from ..spaces.region import Region, further_costs
from ..spaces.space import Architecture, SearchSpace
from ..tables.fetch import downloads_folder
from ..tables.own import open_table
from ..tables.published import Table, load_table
from ..training.job import Epoch
from ..training.tasks import job_of
from .measuring import EVALUATORS, Measuring, OpenEvaluator, OwnEvaluator, evaluator_named, own_evaluator
from .meters import (
    EvaluatorOf,
    Measures,
    Series,
    names_of_measures,
    objective_of,
    open_measures,
    weigh_shown,
    with_measures,
)
from .pool import procedure_in_words
from .predictions import look_up_of, notes_on_look_up, shown_region
from .proposers import OpenProposers, name_proposer, open_proposers
from .thinking import open_reflectors

if TYPE_CHECKING:
    from .proposers import Llm, Model


AnySpace = str | Path | SearchSpace | Mapping[str, object]
"""A space, its name, MODULE:NAME or path, perhaps of a script, or a dict of its decisions."""


@dataclass(frozen=True)
class Given:
    """Objects passed from Python in place of names. A run that used some needs them again to go on."""

    space: SearchSpace | None = None
    llm: "Sequence[str | Model] | None" = None
    proposer: Proposer | None = None
    evaluator: Evaluator | ValueEvaluator | None = None
    pool: Pool | None = None  # open already, and lent

    @property
    def parts(self) -> list[str]:
        """The names of the parts that are objects."""
        return [part.name for part in fields(self) if getattr(self, part.name) is not None]


@dataclass(frozen=True)
class Setup:
    """The parts of a search, ready to run."""

    region: Region  # as the proposers are shown it
    space: SearchSpace  # as it is
    proposers: OpenProposers
    evaluator: EvaluatorOf
    notes: Sequence[str] = ()  # on the training and its data
    weigh: Weigh | None = None  # of a network, before it is trained
    prompts: Prompts = field(default_factory=Prompts)
    procedure: str = ""  # of a measurement, in words for a model
    reflectors: Sequence[Thinking] = ()  # of each trial, where they are others than the proposers

    @property
    def facts(self) -> dict[str, object]:
        """The facts of the run that its parts tell, by their paths."""
        prompted = reads_prompts(self.proposers.of_trial[0], self.proposers.arms[0])
        return {"run.sent": self.proposers.sent(), "run.prompts_sha256": self.prompts.sha256 if prompted else None}


def choose_parts(
    space: AnySpace | None,
    llm: "Llm | None",
    proposer: str | Proposer | None,
    evaluator: str | Evaluator | ValueEvaluator | None,
    old: Settings,
    pool: Pool | None = None,
) -> tuple[dict[str, Any], Given]:
    """Name the parts of a search for its settings, and keep those that are objects.

    A part that is not named stays as the `old` settings name it; where they name no proposer there is a default.
    Raises: GeniusError for an unknown name, or where both an llm and a proposer are given.
    """
    named, own_space = _name_space(space, evaluator, old)
    asked, llms = name_proposer(llm, proposer, old)
    names = named | asked
    given = Given(
        space=own_space,
        llm=None if all(isinstance(each, str) for each in llms) else llms,
        proposer=None if isinstance(proposer, str) else proposer,
        evaluator=None if isinstance(evaluator, str) else evaluator,
        pool=pool,
    )
    if evaluator not in (None, COMMAND):
        names["command"] = None
    replaced = ({"llm", "proposer"} if "llm.models" in names else set()) | {"evaluator", "space"} & set(names)
    names["run.custom"] = sorted(set(given.parts) | (set(old.run.custom) - replaced))
    return names, given


def _name_space(
    space: AnySpace | None, evaluator: str | Evaluator | ValueEvaluator | None, old: Settings
) -> tuple[dict[str, Any], SearchSpace | None]:
    """Name the space and the evaluator; return the space, too, where it is an object that no name finds again.

    Raises: GeniusError.
    """
    named: dict[str, Any] = {}
    if evaluator is not None:
        named["evaluator"] = evaluator if isinstance(evaluator, str) else None
    if isinstance(space, str | Path):
        return named | parts_of_space(str(space), evaluator, old) | {"decisions": {}}, None
    if space is None:
        return named, None
    decisions = plain_decisions(space) if isinstance(space, Mapping) else None
    made = space_of(space) if isinstance(space, Mapping) else space
    found_again = decisions is not None or SPACES.get(made.name) is made
    return named | {"space": made.name, "decisions": decisions or {}}, None if found_again else made


def parts_of_space(name: str, evaluator: str | Evaluator | ValueEvaluator | None, old: Settings) -> dict[str, Any]:
    """Return the full name of a space; that of a script brings its own function as the evaluator, if none is named.

    Raises: GeniusError for a file that cannot be used, and where both it and the evaluator name a function.
    """
    if (script := read_script(name)) is None:
        found = get_space(name)
        return {"space": found.name if SPACES.get(found.name) is found else full_name(name)}
    if script.chosen and evaluator is not None:
        raise GeniusError(f"{brief(name)} names a function, and the evaluator is another one: name one of them")
    if script.chosen or (script.function and evaluator is None and not old.says_who_measures):
        return {"space": script.space, "evaluator": script.function}
    return {"space": script.space}


def choose_goal(
    space: SearchSpace,
    settings: Settings,
    given: Given,
    objectives: Sequence[str | Objective] | str | Objective,
    limits: NamedRanges,
    pareto: bool,
) -> tuple[Goal, tuple[str, ...]]:
    """Return the goal of a search, and the names of its measures.

    Its objectives are the named ones, else those of its settings, else the measured one. `limits` are those on measured
    quantities. `open_setup` checks that the evaluator, or a measure, tells them all.
    Raises: GeniusError for a name of no objective.
    """
    named = [objectives] if isinstance(objectives, str | Objective) else objectives
    found = [objective_of(each) for each in named]
    own = _own_evaluator(settings, given) is not None or settings.command is not None
    names = names_of_measures(settings, [measure for _, measure in found], limits, own=own)
    chosen = tuple(objective for objective, _ in found)
    if not chosen and settings.goal == GOAL:
        chosen = (_measured(space, settings, given),)
    chosen = chosen or settings.goal.objectives
    metrics = [measure.objective for measure in find_measures(names).values() if measure.objective not in chosen]
    return Goal(chosen, limits, pareto or settings.goal.pareto, tuple(metrics)), names


def choose_limits(
    space: SearchSpace, settings: Settings, named: Mapping[str, Sequence[float | None]] | None
) -> tuple[NamedRanges, NamedRanges]:
    """Return the limits on measured quantities, and those on costs that the space's own `cost` names.

    They are the named ones, else those of the settings.
    Raises: GeniusError for a range that cannot be read, or where `cost` fails.
    """
    ranges = settings.goal.limits if named is None else read_limits(named)
    told = {*further_costs(space), *(cost.name for cost in look_up_of(settings, space))} if ranges else set()
    computed = {name: ends for name, ends in ranges.items() if name in told}
    measured = {name: ends for name, ends in ranges.items() if name not in told}
    return measured, {**settings.limits.others, **computed} if named is None else computed


def _own_evaluator(settings: Settings, given: Given) -> Evaluator | ValueEvaluator | None:
    return given.evaluator or own_evaluator(settings.evaluator)


def _measured(space: SearchSpace, settings: Settings, given: Given) -> Objective:
    """Return the objective that is measured where none is named: published tables and trainings tell accuracy.

    Of told values it is that of the function beside the space, where a script holds both.
    """
    own = _own_evaluator(settings, given)
    ours = own is None and settings.command is None and settings.training.table is None
    script = read_script(settings.space) if settings.is_told and given.space is None else None
    beside = own_evaluator(script.function) if script and script.function else None
    return job_of(space).objective if ours else default_goal(space, beside or own).objective


def _check_measured(goal: Goal, space: SearchSpace, settings: Settings, given: Given, *, trains: bool) -> None:
    """Check that the evaluator measures the quantities of the goal, as far as that is known beforehand.

    `trains` is whether the evaluator is our training.

    Raises: GeniusError.
    """
    own, named, measured = _own_evaluator(settings, given), goal.objective, _measured(space, settings, given)
    besides = {measure.name for measure in find_measures(settings.measures.names).values()}
    classifies = trains and job_of(space).objective == ACCURACY
    told = {*OF_COSTS, *besides, named.name, *([TOP5.name] if classifies else [])}
    ours = own is None and settings.command is None
    if (ours or hasattr(own, "objective")) and named != measured and named.name not in besides:
        raise GeniusError(
            f"{measured.words}, is measured here, and {named.words}, is named as the first objective: name "
            f"{measured.name} first, or an evaluator that measures {named.name}"
        )
    if known := [name for name in goal.limits if name in OF_COSTS]:
        raise GeniusError(
            f"{known[0]} are known before anything is measured: limit them by `{known[0]}`, not by `limit`"
        )
    unknown = [name for name in goal.others if name not in told]
    if ours and unknown:
        raise GeniusError(f"nothing measures {brief(unknown[0])} here: name an evaluator whose measurements tell it")


def named_space(settings: Settings) -> SearchSpace:
    """Return the space that settings name, or whose decisions they hold.

    Raises: GeniusError.
    """
    return space_of(settings.decisions, settings.space) if settings.decisions else get_space(settings.space)


@asynccontextmanager
async def open_setup(settings: Settings, given: Given) -> AsyncIterator[Setup]:
    """Find the parts that the settings name; a missing one is an error here, before anything is written.

    Raises: GeniusError.
    """
    clean_tracing_keys()
    if missing := set(settings.run.custom) - set(given.parts):
        raise GeniusError(
            f"this run was given its own {' and '.join(sorted(missing))}: pass the same again from Python"
        )
    downloads = downloads_folder(Path(settings.downloads) if settings.downloads else None)
    prompts = await asyncio.to_thread(Prompts, Path(settings.loop.prompts) if settings.loop.prompts else None)
    space, table = await asyncio.to_thread(space_and_table, settings, given)
    named = "" if given.evaluator is not None else evaluator_named(Measuring(settings, space, table, downloads))
    await asyncio.to_thread(_check_measured, settings.goal, space, settings, given, trains=named == "train")
    shown = await asyncio.to_thread(shown_region, space, settings)
    predicted = await asyncio.to_thread(notes_on_look_up, settings, space)
    if named == "table" and table is None:
        table = await asyncio.to_thread(load_table, space, downloads)
    open_evaluator = _evaluator_opener(settings, given, named)
    async with (
        open_measures(settings, space, downloads) as measures,
        open_evaluator(Measuring(settings, space, table, downloads, measures, given.pool)) as (evaluator, notes),
        open_proposers(settings, given.llm, given.proposer, shown, downloads, prompts) as proposers,
        open_reflectors(settings, space, downloads) as (reflectors, sent_to_reflectors),
    ):
        evaluator, weigh = _measuring_too(settings, evaluator, measures, _measured(space, settings, given))
        asked = replace(proposers, sent=lambda: [*proposers.sent(), *sent_to_reflectors()])
        procedure = _procedure(settings, space, named, table)
        said = (*predicted, *notes, *_confirming(settings))
        setup = Setup(shown, space, asked, evaluator, said, weigh, prompts, procedure, reflectors)
        yield replace(setup, notes=(*setup.notes, *_changed_prompts(settings, setup)))


def _procedure(settings: Settings, space: SearchSpace, named: str, table: Table | None) -> str:
    """Say how the evaluator of a name measures a value; nothing where that is unknown."""
    if named == "table" and table is not None:
        return table.procedure_in_words(single=settings.training.single_run)
    return procedure_in_words(settings, space) if named == "train" else ""


def _evaluator_opener(settings: Settings, given: Given, named: str) -> OpenEvaluator:
    """Return the function that opens the evaluator, of a name or the given one.

    Raises: GeniusError where it goes with other settings.
    """
    found = EVALUATORS.find(named) if given.evaluator is None else EVALUATORS.take(given.evaluator)
    if settings.training.in_process and not isinstance(found, OwnEvaluator):
        raise GeniusError("in_process runs a function of your own in this process: name it as the evaluator")
    if settings.training.single_run and found is not EVALUATORS["table"]:
        raise GeniusError(
            "--single-run draws one of a table's trainings, and this search looks nothing up: leave it out"
        )
    return found


def _measuring_too(
    settings: Settings, evaluator: EvaluatorOf, measures: Measures, told: Objective
) -> tuple[EvaluatorOf, Weigh | None]:
    """Return an evaluator that takes all measures too, and the one of untrained networks; both undo a disguise."""
    here = settings.training.on == "local" or not settings.trains
    evaluator, weigh = with_measures(evaluator, measures, settings, told, here=here), measures.meter
    if (disguise := settings.disguise) is None:
        return evaluator, weigh
    return _of_shown(evaluator, disguise), weigh and weigh_shown(weigh, disguise)


def _confirming(settings: Settings) -> Iterator[str]:
    """State the further evaluations of a search that confirms its best."""
    if settings.loop.confirm:
        most = settings.loop.confirming.most
        times = f"{settings.loop.confirm_seeds} times more with other seeds"
        yield (
            f"the best {settings.loop.confirm} are evaluated {times} in the end: up to {most} evaluations besides the "
            f"{settings.loop.iterations:,}{' of each trial' * (settings.loop.trials > 1)}"
        )


def _changed_prompts(settings: Settings, setup: Setup) -> Iterator[str]:
    """Say where a run goes on with other prompts."""
    known, now = settings.run.prompts_sha256, setup.facts["run.prompts_sha256"]
    if None not in (known, now) and known != now:
        yield "from now on the prompts are others than this run had until here"


def space_and_table(settings: Settings, given: Given) -> tuple[SearchSpace, Table | None]:
    """Return the space, and a table of one's own, if there is one, to which the space is then narrowed.

    Raises: GeniusError where the table is not the one that the run began with.
    """
    space = given.space or named_space(settings)
    if settings.training.table is None:
        return space, None
    if given.evaluator is not None or settings.command is not None or settings.evaluator not in (None, "table"):
        raise GeniusError("a table and an evaluator exclude each other: values are looked up or evaluated")
    narrowed, table = open_table(space, Path(settings.training.table))
    if table.sha256 != settings.run.table_sha256:
        raise GeniusError(
            f"the table {settings.training.table} was changed since the run began: put the old one back, or go on with "
            "the new one by naming it with --table"
        )
    return narrowed, table


def _of_shown(evaluator: EvaluatorOf, disguise: Disguise) -> EvaluatorOf:
    """Make an evaluator that maps a disguised architecture to the original, and evaluates this one."""

    def of_series(series: Series) -> Evaluator:
        def on_epoch(real: Architecture, epoch: Epoch) -> None:
            series.on_epoch(disguise.conceal(real), epoch)

        evaluate = evaluator(replace(series, on_epoch=on_epoch))

        async def evaluate_shown(architecture: Architecture) -> Measured:
            returned = evaluate(disguise.reveal(architecture))
            return await returned if isinstance(returned, Awaitable) else returned

        return evaluate_shown

    return of_series
