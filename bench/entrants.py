"""The entrants of a bench: proposers by their names, with the models and starts in them."""

from dataclasses import dataclass
from pathlib import Path

from ..agents.backends import check_llm
from ..agents.baselines import PROPOSERS
from ..agents.proposer import Briefing
from ..errors import GeniusError
from ..printable import brief
from ..record.settings import HYBRID
from ..record.settings.llm_settings import LLMSettings
from .simulated import SIMULATED, read_simulated
from .starts import read_starts

LLM_PREFIX = "llm:"
_ADVICE, _DISGUISE, _STARTS = "+advice", "+disguise", "+starts:"


@dataclass(frozen=True)
class Entrant:
    """A proposer of a bench, or a hybrid search.

    `base` is `llm:SPEC`, `simulated:TAU`, or the name of one without a model; of a hybrid it is the model, empty where
    it has none. `advice` and `disguise` are whether its prompts hold a surrogate's advice and neutral names; `starts`
    is the file of the architectures that it gets first.
    """

    base: str
    hybrid: bool = False
    advice: bool = False
    disguise: bool = False
    starts: Path | None = None

    @property
    def llm(self) -> str | None:
        """The language model that is called, if one is."""
        return self.base.removeprefix(LLM_PREFIX) if self.base.startswith(LLM_PREFIX) else None

    @property
    def simulated(self) -> str | None:
        """The simulated model, if it is one."""
        return self.base if self.base.startswith(SIMULATED) else None


def read_entrant(name: str) -> Entrant:
    """Take a name apart; whether there is such a proposer is not checked."""
    words, behind, file = name.partition(_STARTS)
    base = words.replace(_ADVICE, "").replace(_DISGUISE, "")
    first, _, model = base.partition(":")
    hybrid = first == HYBRID
    starts = Path(file) if behind else None
    return Entrant(model if hybrid else base, hybrid, _ADVICE in words, _DISGUISE in words, starts)


def series_of(name: str) -> tuple[str, float] | None:
    """Return the name of a proposer with a simulated model without its TAU, and TAU; None for all others."""
    entrant = read_entrant(name)
    if entrant.simulated is None:
        return None
    written = entrant.base.removeprefix(SIMULATED).partition(":")[0]
    return name.replace(f"{SIMULATED}{written}", SIMULATED[:-1], 1), read_simulated(entrant.simulated)[0]


def models_at(tau: float) -> tuple[str, str]:
    """Name the proposers with a simulated model: the plain loop, and the hybrid search."""
    plain = f"{SIMULATED}{tau:g}"
    return plain, f"{HYBRID}:{plain}"


def check_proposer(name: str) -> None:
    """Make sure that there is a proposer of this name.

    Raises: GeniusError.
    """
    entrant = read_entrant(name)
    if entrant.starts is not None:
        read_starts(entrant.starts)
    if entrant.llm is not None:
        check_llm(entrant.llm, LLMSettings())
    elif entrant.simulated:
        read_simulated(entrant.simulated)
        if entrant.disguise:
            raise GeniusError(f"a simulated model reads no names, so that a disguise changes nothing: {brief(name)}")
    elif entrant.advice or entrant.disguise:
        raise GeniusError(f"only a language model can be given advice or a disguise: write {LLM_PREFIX}{name}")
    elif entrant.hybrid:
        if name.startswith(f"{HYBRID}:"):
            raise GeniusError(
                f"a hybrid search is {HYBRID}:{LLM_PREFIX}SPEC, {HYBRID}:{SIMULATED}TAU or, without a model, {HYBRID}, "
                f"got {brief(repr(name))}"
            )
    else:
        _check_named(entrant.base)


def _check_named(name: str) -> None:
    if ":" not in name and PROPOSERS.known(name) is None:
        raise GeniusError(
            f"there is no proposer {name!r}; the proposers are: {', '.join(PROPOSERS.names())}, language models as "
            f"{LLM_PREFIX}SPEC, with {_ADVICE} or {_DISGUISE} behind it, simulated ones as {SIMULATED}TAU, {HYBRID} "
            f"searches as {HYBRID}:{LLM_PREFIX}SPEC, and your own as MODULE:NAME; each with {_STARTS}FILE"
        )
    if isinstance(PROPOSERS.find(name), Briefing):
        raise GeniusError(f"{name} asks a language model: it is an arm of hybrid searches, and no proposer of a bench")
