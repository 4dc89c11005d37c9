"""What a search works with: its space, its proposer and its evaluator, found by name or passed from Python."""

import asyncio
import hashlib
import json
import os
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..agents.backends import ProposerOfTrial, check_price, default_llm, open_llms
from ..agents.baselines import find_baseline
from ..agents.proposer import Proposer
from ..agents.provider_keys import clean_tracing_keys
from ..agents.replay import load_measurements
from ..errors import GeniusError, GeniusWarning
from ..evaluators.evaluator import Evaluator, Measured, ValueEvaluator
from ..evaluators.from_recording import recorded_evaluator
from ..evaluators.from_table import table_evaluator
from ..evaluators.from_training import OnEpochOf, training_evaluator
from ..evaluators.workers import Workers
from ..record.options import Sent
from ..record.settings import LLM, Settings
from ..spaces import SPACES, get_space
from ..spaces.decision import Decision
from ..spaces.digits import DIGITS
from ..spaces.disguise import Meanings, conceal, disguise, reveal
from ..spaces.mapping import space_of
from ..spaces.region import Region
from ..spaces.space import Architecture, NoNetwork, SearchSpace
from ..spaces.space_file import is_space_file
from ..tables.own import open_table
from ..tables.published import SOURCES, Table, load_table
from ..training.job import Job
from .pool import common_job, open_workers

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage
    from langchain_core.runnables import Runnable

    Model = Runnable[Any, AIMessage]
    Llm = str | Model | Sequence[str | Model]


AnySpace = str | SearchSpace | Mapping[str, object]
"""A space, its name, MODULE:NAME or path, or a dict of its decisions."""


@dataclass(frozen=True)
class Given:
    """Objects passed from Python in place of names. A run that used some needs them again to go on."""

    space: SearchSpace | None = None
    llm: "Sequence[str | Model] | None" = None
    proposer: Proposer | None = None
    evaluator: Evaluator | ValueEvaluator | None = None

    @property
    def parts(self) -> list[str]:
        """The names of the parts that are objects."""
        return [part.name for part in fields(self) if getattr(self, part.name) is not None]


EvaluatorOfTrial = Callable[[int, Path, OnEpochOf], Evaluator]
"""Makes a trial's evaluator; what it writes goes into the run folder, and epochs are told as they end."""


@dataclass(frozen=True)
class Setup:
    """The parts of a search, ready to run."""

    region: Region
    proposers: Sequence[Proposer]  # of each trial
    evaluator: EvaluatorOfTrial
    sent: Callable[[], Sequence[Sent]]  # to each language model, so far
    notes: Sequence[str] = ()  # on what is trained


def choose_parts(
    space: AnySpace | None,
    llm: "Llm | None",
    proposer: str | Proposer | None,
    evaluator: Evaluator | ValueEvaluator | None,
    old: Settings | None = None,
) -> tuple[dict[str, Any], Given]:
    """Name the parts of a search for its settings, and keep those that are objects.

    A new search gets defaults where nothing is named; one that goes on keeps the parts of its `old` settings.
    Raises: GeniusError for an unknown name, or where both an llm and a proposer are given.
    """
    if llm is not None and proposer not in (None, LLM):
        raise GeniusError("an llm and a proposer exclude each other: name one of them")
    names: dict[str, Any] = {}
    if isinstance(proposer, str) and proposer != LLM:
        find_baseline(proposer)
    if llm is None and (proposer == LLM or (proposer is None and old is None)):
        llm = default_llm()[0]
    llms: list[Any] = [] if llm is None else list(llm) if isinstance(llm, list | tuple) else [llm]
    if llms:
        first, *others = (each if isinstance(each, str) else type(each).__name__ for each in llms)
        names = {"proposer": LLM, "llm": first, "fallbacks": others}
    elif proposer is not None:
        name = proposer if isinstance(proposer, str) else _name_of(proposer)
        names = {"proposer": name, "llm": None, "fallbacks": []}
    if isinstance(space, Mapping):
        space = space_of(space)
    own_space = space if isinstance(space, SearchSpace) and SPACES.get(space.name) is not space else None
    if space is not None:
        names["space"] = space.name if isinstance(space, SearchSpace) else _name_of_space(space)
    given = Given(
        space=own_space,
        llm=None if all(isinstance(each, str) for each in llms) else llms,
        proposer=None if isinstance(proposer, str) else proposer,
        evaluator=evaluator,
    )
    replaced = {"llm", "proposer"} if names.get("proposer") else set()
    names["custom"] = sorted(set(given.parts) | (set(old.custom if old else ()) - replaced))
    return names, given


def fingerprint(space: SearchSpace) -> str:
    """Return what tells a space from another: its decisions, their options and numbers, as a SHA-256."""
    decisions = [[decision.name, decision.names, decision.first, *_more(decision)] for decision in space.decisions]
    return hashlib.sha256(json.dumps(decisions).encode()).hexdigest()


def _more(decision: Decision) -> list[object]:
    """Return what a decision is beyond texts to choose from: the types of its options, its scale and its condition."""
    if decision.plain:
        return []
    return [[type(option).__name__ for option in decision.options], decision.scale, decision.condition]


def check_fits(old: Settings, new: Settings, given: Given) -> None:
    """Make sure that what a run goes on with is of the space that it began with; warn of another language model.

    Raises: GeniusError.
    """
    space = given.space or (None if "space" in old.custom else get_space(old.space))
    if space is not None and old.fingerprint and fingerprint(space) != old.fingerprint:
        raise GeniusError(
            f"the space {space.name} has other decisions or options than when this run began: its architectures would "
            "mean something else; start a new search"
        )
    if old.table_sha256 != new.table_sha256:
        warnings.warn(f"from now on accuracies are those of the table {new.table}", GeniusWarning, stacklevel=4)
    before, after = (one.llms or [one.proposer] for one in (old, new))
    if before != after:
        warnings.warn(
            f"{', '.join(before)} made this run; from now on {', '.join(after)} proposes", GeniusWarning, stacklevel=4
        )


def _name_of_space(name: str) -> str:
    """Return a space's own name, MODULE:NAME as it is, or a file's full path: the workers find it by that."""
    if is_space_file(name):
        return os.path.abspath(name)
    found = get_space(name)
    return found.name if SPACES.get(found.name) is found else name


def _name_of(function: Proposer) -> str:
    return getattr(function, "__name__", type(function).__name__)


@asynccontextmanager
async def open_setup(settings: Settings, given: Given, data: Path) -> AsyncIterator[Setup]:
    """Find the parts that the settings name; whatever is missing is said here, before anything is written.

    Raises: GeniusError.
    """
    clean_tracing_keys()
    if missing := set(settings.custom) - set(given.parts):
        raise GeniusError(
            f"this run was given its own {' and '.join(sorted(missing))}: pass the same again from Python"
        )
    space, table = await asyncio.to_thread(_space_and_table, settings, given)
    shown = Region(disguise(space, settings.meanings) if settings.disguise else space, settings.limits)
    await asyncio.to_thread(_check, Region(space, settings.limits), settings)
    async with (
        _open_evaluators(settings, given, space, table, data) as (evaluator, notes),
        _open_proposers(settings, given, shown, data) as (of_trial, sent),
    ):
        if settings.disguise:
            evaluator = _of_shown(evaluator, settings.meanings)
        yield Setup(shown, [of_trial(trial) for trial in range(1, settings.trials + 1)], evaluator, sent, notes)


def _space_and_table(settings: Settings, given: Given) -> tuple[SearchSpace, Table | None]:
    """Return the space, and a table of one's own, if there is one: then the space is what it holds.

    Raises: GeniusError where the table is not the one that the run began with.
    """
    space = given.space or get_space(settings.space)
    if settings.table is None:
        return space, None
    if given.evaluator is not None:
        raise GeniusError("a table and an evaluator exclude each other: accuracies are looked up or evaluated")
    narrowed, table = open_table(space, Path(settings.table))
    if table.sha256 != settings.table_sha256:
        raise GeniusError(
            f"the table {settings.table} was changed since the run began: put the old one back, or go on with what it "
            "holds now by naming it with --table"
        )
    return narrowed, table


def _of_shown(evaluator: EvaluatorOfTrial, meanings: Meanings) -> EvaluatorOfTrial:
    """Have what a shown architecture stands for evaluated."""

    def of_trial(trial: int, folder: Path, on_epoch: OnEpochOf) -> Evaluator:
        evaluate = evaluator(trial, folder, lambda real, epoch: on_epoch(conceal(real, meanings), epoch))

        def evaluate_shown(architecture: Architecture) -> Measured | Awaitable[Measured]:
            return evaluate(reveal(architecture, meanings))

        return evaluate_shown

    return of_trial


def _check(region: Region, settings: Settings) -> None:
    """Raises GeniusError where no architecture keeps the limits, or none could be found near one that does not."""
    region.check()
    if settings.repair == "nearest":
        region.check_nearest()


@asynccontextmanager
async def _open_proposers(
    settings: Settings, given: Given, region: Region, data: Path
) -> AsyncIterator[tuple[ProposerOfTrial, Callable[[], Sequence[Sent]]]]:
    """Open the proposer of each trial; tells what is sent to language models."""
    if given.proposer is not None:
        passed = given.proposer
        yield (lambda trial: passed), list
    elif settings.proposer != LLM:
        make = find_baseline(settings.proposer)
        yield (lambda trial: make(region, (settings.seed, trial))), list
    else:
        llms = given.llm or settings.llms
        if settings.max_cost is not None:
            for llm in llms:
                check_price(llm, settings.asking)
        may_stop = settings.when_done == "stop"
        async with open_llms(
            llms, region.space, settings.asking, data, may_stop=may_stop, taught=settings.sent
        ) as opened:
            yield opened.proposer, opened.sent


@asynccontextmanager
async def _open_evaluators(
    settings: Settings, given: Given, space: SearchSpace, table: Table | None, data: Path
) -> AsyncIterator[tuple[EvaluatorOfTrial, Sequence[str]]]:
    """Open what evaluates in each trial, with notes on what it trains on."""
    if given.evaluator is not None:
        passed = space.handing(given.evaluator)
        yield (lambda trial, folder, on_epoch: passed), ()
    elif table is not None:
        look_up = table_evaluator(table)
        yield (lambda trial, folder, on_epoch: look_up), ()
    elif given.space is not None:
        raise GeniusError(
            f"the space {space.name!r} is your own: pass an evaluator or a table for it, or name it as MODULE:NAME and "
            "what to train it on"
        )
    elif settings.trains or space.name == DIGITS.name:
        if space.build is None:
            raise NoNetwork(space)
        common, notes = await asyncio.to_thread(common_job, settings, data)
        async with await asyncio.to_thread(open_workers, settings, common.data) as workers:
            yield _trainers(settings, space, common, workers), notes
    elif space.name in SOURCES:
        published = table_evaluator(await asyncio.to_thread(load_table, space, data))
        yield (lambda trial, folder, on_epoch: published), ()
    elif (recording := _recording(settings.llm)) is not None:
        yield await asyncio.to_thread(_recorded, settings, space, recording), ()
    elif space.build is None:
        raise GeniusError(
            f"{space.name} has no network to train: pass an evaluator of your own, or give it a table by --table"
        )
    else:
        raise GeniusError(
            f"{space.name} has no table: name images to train on, as in --train-on imagenet:PATH, give it one by "
            "--table, or pass an evaluator from Python"
        )


def _recording(llm: str | None) -> Path | None:
    kind, _, path = (llm or "").partition(":")
    return Path(path) if kind == "replay" else None


def _recorded(settings: Settings, space: SearchSpace, recording: Path) -> EvaluatorOfTrial:
    trials = range(1, settings.trials + 1)
    evaluators = [
        recorded_evaluator(space, load_measurements(recording, space, trial), recording.name) for trial in trials
    ]
    return lambda trial, folder, on_epoch: evaluators[trial - 1]


def _trainers(settings: Settings, space: SearchSpace, common: Job, workers: Workers) -> EvaluatorOfTrial:
    """Train on shared workers; each trial trains with a seed of its own."""

    def of_trial(trial: int, folder: Path, on_epoch: OnEpochOf) -> Evaluator:
        place = folder / "evaluations" / f"trial-{trial}"
        return training_evaluator(
            space,
            replace(common, seed=settings.seed + trial - 1, folder=place),
            workers,
            queue=trial,
            deadline=settings.deadline,
            silence=settings.silence,
            on_epoch=on_epoch,
        )

    return of_trial
