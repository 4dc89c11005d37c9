"""The request of a call: its objects, and the settings that it names, read and held against those of a run."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ..agents.baselines import PROPOSERS
from ..agents.proposer import Proposer
from ..errors import GeniusError, warn
from ..evaluators.evaluator import Evaluator, ValueEvaluator
from ..evaluators.told import NotEvaluated
from ..record.settings import (
    COMMAND,
    HYBRID,
    MODEL,
    OPTIONS,
    SETTINGS_FILE,
    Options,
    Settings,
    by_path,
    read_file,
    read_set,
    working_folder,
)
from ..record.settings.llm_settings import Sent
from ..spaces.disguise import Disguise, draw_disguise
from ..spaces.objective import Objective
from ..tables.cost_table import cost_table_sha256
from ..tables.own import table_sha256
from ..training.recipes import RECIPE_FIELDS
from .fits import changes_in_words, check_fits, fingerprint
from .meters import choose_evaluator
from .seal import sealed_settings
from .setup import (
    AnySpace,
    Given,
    choose_goal,
    choose_limits,
    choose_parts,
    named_space,
    parts_of_space,
)
from .trust import Claim, check_claims, claims

if TYPE_CHECKING:
    from .proposers import Llm

_OF_NAMED_MODELS = ("llm.temperature", "llm.reasoning_effort", "llm.num_ctx", "llm.options", "llm.base_url")


@dataclass(frozen=True)
class Arguments:
    """The arguments that `search`, `resume`, `fork` and `open` have in common."""

    space: AnySpace | None
    llm: "Llm | None"
    proposer: str | Proposer | None
    evaluator: str | Evaluator | ValueEvaluator | None
    downloads: Path | str | None
    set: Sequence[str]
    options: Options


@dataclass(frozen=True)
class Aim:
    """The parts of the goal that a call names."""

    objectives: Sequence[str | Objective] | str | Objective
    limits: Mapping[str, Sequence[float | None]] | None
    pareto: bool


NO_AIM = Aim((), None, False)


@dataclass(frozen=True)
class Opening:
    """A call that begins a search, or goes on with it where its folder holds one already."""

    arguments: Arguments
    settings: Settings | Path | str | None
    aim: Aim
    trust: bool

    def begin(self) -> tuple[Settings, Given]:
        """Return the settings of the new run, and the objects of the call.

        Raises: GeniusError for a search that cannot work.
        """
        base = _base(self.settings)
        asked = _read_call(self.arguments, base)
        if _are_of_a_run(self.settings) and not self.trust:
            _check_named(Path(str(self.settings)), base.changed(asked.named), asked, {"space": "search"})
        return _begun(asked, base, self.aim), asked.given

    def go_on(self, folder: Path, old: Settings) -> tuple[Settings, Given]:
        """Return the settings with which a run goes on, and the objects of the call.

        Raises: GeniusError where the call does not fit the run.
        """
        going = continuation(self.arguments, folder, old, trust=self.trust)
        going.check()
        going.check_space()
        _check_aim(self.aim, going.settings, going.given)
        return going.settings, going.given


@dataclass(frozen=True)
class Continuation:
    """A call that goes on with the run in a folder: its request, and the settings until now and from now on."""

    folder: Path
    old: Settings
    asked: "Request"
    settings: Settings
    trust: bool

    @property
    def given(self) -> Given:
        """The objects of the call."""
        return self.asked.given

    def check(self) -> None:
        """Hold the run against the call; warn of the parts that it goes on without.

        Raises: GeniusError, also for a module, server or path that `search.json` alone names and not the call.
        """
        if not self.trust:
            _check_named(self.folder / SETTINGS_FILE, self.settings, self.asked)
        for sentence in changes_in_words(self.old, self.settings):
            warn(sentence)

    def check_space(self) -> None:
        """Make sure that the space is the run's; it may be imported for that.

        Raises: GeniusError.
        """
        check_fits(self.old, self.settings, self.given)


def continuation(arguments: Arguments, folder: Path, old: Settings, *, trust: bool) -> Continuation:
    """Read a call that goes on with a run; nothing that the run's files alone name is used.

    Raises: GeniusError where it cannot be meant, or does not fit the run.
    """
    asked = _read_call(arguments, old)
    settings = _continued(asked, old, trust=trust or sealed_settings(folder) is not None)
    return Continuation(folder, old, asked, settings, trust)


def _check_aim(aim: Aim, settings: Settings, given: Given) -> None:
    """Raises GeniusError where a call names another goal than that of the run."""
    if aim == NO_AIM:
        return
    space = given.space or named_space(settings)
    measured, computed = choose_limits(space, settings, aim.limits)
    goal, _ = choose_goal(space, settings, given, aim.objectives, measured, aim.pareto)
    if goal != settings.goal or dict(computed) != dict(settings.limits.others):
        raise GeniusError(
            "a search keeps the objectives and limits that it began with, and this call names others: begin another run"
        )


@dataclass(frozen=True)
class Request:
    """The request of a call: its objects, and the settings that it names, by their paths.

    `llm_options` are the names of a provider's options that the call itself names: others stay beside them.
    """

    given: Given
    named: Mapping[str, object]
    llm_options: Collection[str]

    def names(self, claim: Claim) -> bool:
        """Tell whether the call, too, names the claim of a file."""
        if claim.setting == "llm.options":
            return claim.value.partition("=")[0] in self.llm_options
        return claim.setting in self.named


def _base(settings: Settings | Path | str | None) -> Settings:
    """Return the settings that a new search starts from, without facts of another run.

    Raises: GeniusError for a file that cannot be used.
    """
    found = read_file(Path(settings)) if isinstance(settings, str | Path) else settings
    if found is None:
        return Settings()
    if _are_of_a_run(settings) and found.llm.models and not found.proposer:
        found = found.changed({"proposer": MODEL})  # as it was; to choose one, a recording that it names would be read
    return found.as_new()


def _are_of_a_run(settings: Settings | Path | str | None) -> bool:
    return isinstance(settings, str | Path) and Path(settings).name == SETTINGS_FILE


def _read_call(call: Arguments, old: Settings) -> Request:
    """Read a call.

    Raises: GeniusError where it cannot be meant.
    """
    flags = by_path(call.options) | ({} if call.downloads is None else {"downloads": str(call.downloads)})
    named, alone = (flags | read_set(call.set, each.changed(flags), RECIPE_FIELDS) for each in (old, Settings()))
    llm: Any = named.pop("llm.models", None) if call.llm is None else call.llm
    if call.evaluator not in (None, COMMAND) and "command" in named:
        raise GeniusError("a command and an evaluator exclude each other: name one of them")
    names, given = choose_parts(call.space, llm, call.proposer, call.evaluator, old.changed(named))
    if "loop.arms" not in named and names.get("proposer", HYBRID) != HYBRID:
        names["loop.arms"] = ()  # those of the hybrid search that it was until now
    if "command" in named:
        own = [part for part in names["run.custom"] if part != "evaluator"]
        names |= {"evaluator": call.evaluator, "run.custom": own}
    _check_object(given, named)
    return Request(given, {**named, **names}, cast("Mapping[str, object]", alone.get("llm.options", {})))


def _begun(asked: Request, base: Settings, aim: Aim) -> Settings:
    """Return the settings of a new run, with the facts of its space and its table.

    Raises: GeniusError.
    """
    settings = base.changed(asked.named).check()
    if "space" not in asked.named and not settings.decisions:
        settings = settings.changed(parts_of_space(settings.space, asked.given.evaluator, settings))
    space = asked.given.space or named_space(settings)
    _check_object(asked.given, [path for path in _OF_NAMED_MODELS if settings.at(path) not in (None, {})])
    check_reads(settings, asked.given)
    hidden = draw_disguise(space, settings.loop.first_seed) if settings.loop.disguise else Disguise(())
    settings = settings.changed({"run.look_up_sha256": _hash_of_look_up(settings)})
    measured, computed = choose_limits(space, settings, aim.limits)
    goal, measures = choose_goal(space, settings, asked.given, aim.objectives, measured, aim.pareto)
    return settings.changed(
        {
            "goal": goal,
            "evaluator": choose_evaluator(settings, goal, measures, given=asked.given.evaluator is not None),
            "limits.others": computed,
            "measures.names": measures,
            "run.fingerprint": fingerprint(space),
            "run.meanings": hidden.meanings,
            "run.places": hidden.places,
            "run.units": hidden.units,
            "run.table_sha256": _hash_of_table(asked, settings),
        }
    ).check()


def _continued(asked: Request, old: Settings, *, trust: bool) -> Settings:
    """Return the settings of a run that goes on with some changes.

    Short paths that the call names lead from the current folder, and so do all where a file without `trust` tells
    another. Raises: GeniusError where they do not fit the run.
    """
    settings = old.changed({**asked.named, "run.sent": _still_known(old, asked.named)}).check()
    if not trust or any(asked.names(claim) and not claim.is_fixed for claim in claims(settings)):
        settings = settings.changed({"run.working_folder": working_folder()})
    if settings.space != old.space:
        raise GeniusError(f"this run searches {old.space}, and {settings.space} is another space: start a new search")
    if settings.loop.disguise != old.loop.disguise:
        raise GeniusError("a run is in disguise from its beginning or not at all")
    hashed = {"run.table_sha256": _hash_of_table(asked, settings)} if "training.table" in asked.named else {}
    if "measures.table" in asked.named:
        hashed["run.look_up_sha256"] = _hash_of_look_up(settings)
    return settings.changed(hashed)


def check_reads(settings: Settings, given: Given) -> None:
    """Refuse options of a language model for a search without any.

    Raises: GeniusError.
    """
    if settings.proposer not in PROPOSERS or given.proposer is not None:
        return
    if settings.loop.advice:
        raise GeniusError(f"{settings.proposer} reads no prompt: only a language model can be given advice")
    if settings.asks_beliefs or settings.reflects_every or settings.asks_principles:
        raise GeniusError(f"{settings.proposer} asks no language model, and nobody else has beliefs or a notebook")


def check_evaluates(settings: Settings) -> None:
    """Raises NotEvaluated for a search whose values are told."""
    if settings.is_told:
        raise NotEvaluated


def _check_named(file: Path, settings: Settings, asked: Request, flags: Mapping[str, str] | None = None) -> None:
    """Refuse the modules, servers and paths that the file of a run alone names, and not the call.

    Raises: GeniusError.
    """
    alone = [claim for claim in claims(settings, asked.given.parts) if not asked.names(claim)]
    check_claims(file, alone, flags, settings.run.working_folder)


def _still_known(old: Settings, named: Mapping[str, Any]) -> list[Sent]:
    """Return the known refusals of the servers, but for the parameters that are changed: these are tried anew."""
    tried = {path.rpartition(".")[2] for path in named} | set(named.get("llm.options", ()))
    found = []
    for one in old.run.sent:
        known = {name: value for name, value in one.items() if name not in tried}
        left_out = [name for name in one.get("left_out", ()) if name not in tried]
        found.append(cast("Sent", known | {"left_out": left_out}))
    return found


def _check_object(given: Given, named: Collection[str]) -> None:
    """Refuse options of a model's replies for models that are objects, which have their own."""
    asked = [OPTIONS[path].name for path in _OF_NAMED_MODELS if path in named]
    if asked and given.llm is not None and not any(isinstance(llm, str) for llm in given.llm):
        raise GeniusError(f"a model object has its own {asked[0]}: set it there, not in the search")


def _hash_of_table(asked: Request, settings: Settings) -> str | None:
    """Return the SHA-256 of the table, so that another one at its path is noticed; errors call it as the call does."""
    table = asked.named.get("training.table", settings.training.table)
    return None if table is None else table_sha256(Path(str(table)))


def _hash_of_look_up(settings: Settings) -> str | None:
    return None if settings.measures.table is None else cost_table_sha256(Path(settings.measures.table))


def as_path(given: Path | str | None) -> Path | None:
    """Return a path, or None where there is none."""
    return None if given is None else Path(given)
