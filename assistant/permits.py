"""The permits of an assistant: the modules, servers, paths and budgets that its server was started with."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from ..agents.backends import HUMAN
from ..errors import GeniusError
from ..evaluators.measures import MEASURES
from ..graph.setup import parts_of_space
from ..graph.trust import Claim, claims
from ..printable import brief
from ..python_files import split_file
from ..record.budget import Spent
from ..record.settings import HYBRID, OPTIONS, Settings, by_path, read_set
from ..spaces import SPACES
from ..spaces.objective import OBJECTIVES, Better
from ..training.recipes import RECIPE_FIELDS

BUDGETS: Mapping[str, Callable[[Spent], float]] = {
    "loop.max_cost": lambda spent: spent.cost,
    "loop.max_llm_tokens": lambda spent: spent.tokens,
    "loop.max_hours": lambda spent: spent.hours,
}
"""The limits on what a search may spend, by their settings, and what counts against each."""
_PARTS = ("space", "proposer", "evaluator", "llm.models", "downloads")
"""The settings that calls take by arguments of their own."""


@dataclass(frozen=True)
class Permits:
    """What a server was started with: options of its searches, further settings, and spaces of the user's own."""

    options: Mapping[str, Any]
    set: Sequence[str]
    own: Mapping[str, Settings]
    base: Settings
    claims: Collection[Claim]

    def check_space(self, name: str) -> None:
        """Raises GeniusError for a space that is neither built in, nor installed, nor one of the server's."""
        if name not in self.own and SPACES.known(name) is None:
            known = ", ".join([*SPACES.names(), *self.own])
            raise GeniusError(
                f"there is no space {brief(name)!r} here; the spaces are: {known}. One of the user's own is named "
                "where the server is started, as in `genius mcp train.py`"
            )

    def check_quantities(self, names: Iterable[str]) -> None:
        """Raises GeniusError for an objective, or the name of a limit, that would be imported."""
        for name in names:
            made = name.rpartition(":")[2] in get_args(Better) and split_file(name) is None
            known = ":" not in name or made or MEASURES.known(name) or OBJECTIVES.known(name)
            if not known and Claim("measures.names", name) not in self.claims:
                raise GeniusError(
                    f"the quantity {brief(repr(name))} is one of the user's own, and an assistant uses no more than "
                    "its server was started with: the user starts it with --measure"
                )

    def asked(self, options: Mapping[str, Any], set: Sequence[str]) -> Settings:
        """Return the settings of a search, as far as they can be told before it is opened.

        Raises: GeniusError for what the server was not started with.
        """
        settings = self.base.changed(by_path(options))
        settings = settings.changed(read_set(set, settings, RECIPE_FIELDS))
        self.check(settings, given=("space",))
        if settings.space or settings.decisions != self.base.decisions:
            raise GeniusError("the space is named by the argument `space`, and by no setting")
        return settings

    def resumed(self, old: Settings, set: Sequence[str]) -> Settings:
        """Return the settings with which a run goes on, `old` until now.

        Raises: GeniusError for what the server was not started with, also where the run's own files name it.
        """
        settings = old.changed(read_set(set, old, RECIPE_FIELDS))
        self.check(settings)
        return settings

    def check(self, settings: Settings, *, given: Collection[str] = (), of: Collection[str] = tuple(OPTIONS)) -> None:
        """Refuse a module, server, command or path that the server was not started with, in some settings.

        Raises: GeniusError.
        """
        if self.base.loop.max_cost is not None and settings.llm.price != self.base.llm.price:
            raise GeniusError("the server's budget counts by the prices that it was started with: --price")
        if HUMAN in settings.llm.models:
            raise GeniusError("no person sits at a terminal here to answer as the language model `human`")
        found = [claim for claim in _claims(settings, given) if claim.setting in of]
        if alone := [claim for claim in found if claim not in self.claims]:
            words = ", ".join(claim.words for claim in alone)
            raise GeniusError(
                f"this search names {words}, and an assistant uses no more than its server was started with: the user "
                f"starts it with {' '.join(_flag(claim) for claim in alone)}"
            )

    def named_again(self, settings: Settings) -> dict[str, Any]:
        """Return the arguments by which a run's claims, all of them permitted, are named in the call that goes on."""
        found = {claim.setting for claim in claims(settings)}
        names = {OPTIONS[path].name: settings.at(path) for path in found if path not in _PARTS}
        llms = {"llm": list(settings.llm.models)} if "llm.models" in found else {}
        parts = {path: settings.at(path) for path in _PARTS if path in found and path != "llm.models"}
        return {**names, **parts, **llms}

    def space_of(self, settings: Settings) -> str | None:
        """Return the name of a run's space where it is the user's own; None for another."""
        return settings.space if any(claim.setting == "space" for claim in claims(settings)) else None


def permits(spaces: Sequence[str], options: Mapping[str, Any], set: Sequence[str]) -> Permits:
    """Read what a server is started with; spaces of one's own are imported.

    Raises: GeniusError.
    """
    base = Settings().changed(by_path(options))
    base = base.changed(read_set(set, base, RECIPE_FIELDS))
    own = {name: base.changed(parts_of_space(name, base.evaluator, base)) for name in spaces}
    own = {name: settings for name, settings in own.items() if SPACES.known(name) is None}
    found = [claim for settings in (base, *own.values()) for claim in _claims(settings)]
    return Permits(options, set, own, base, frozenset(found))


def budgets_of(settings: Settings) -> Mapping[str, Callable[[Spent], float]]:
    """Return the budgets that a search can draw on: one without a language model spends neither dollars nor tokens."""
    asks = settings.asks_models or not settings.proposer
    return BUDGETS if asks else {path: of for path, of in BUDGETS.items() if path == "loop.max_hours"}


def limited(asked: Settings, left: Mapping[str, float]) -> dict[str, float]:
    """Return the limits on a run: those asked for, and at most what the budgets of the server have `left` for it."""
    return {path: min(most, float(str(asked.at(path) or most))) for path, most in left.items()}


def enforced(permitted: Settings, limits: Mapping[str, float]) -> list[str]:
    """Return the settings that hold whatever is asked for: approval where the server asks for it, and the limits."""
    approval = ["loop.approve=true"] if permitted.loop.approve else []
    return [*approval, *(f"{path}={_number(path, limit)}" for path, limit in limits.items())]


def _number(path: str, limit: float) -> float | int:
    return int(limit) if path == "loop.max_llm_tokens" else limit


def _claims(settings: Settings, given: Collection[str] = ()) -> list[Claim]:
    """List the claims of settings; where no proposer is named yet, those of a search that asks models."""
    asking = settings if settings.proposer else settings.changed({"proposer": HYBRID})
    return [claim for claim in claims(asking, given) if claim.value]


def _flag(claim: Claim) -> str:
    return "SPACE" if claim.setting == "space" else OPTIONS[claim.setting].flag
