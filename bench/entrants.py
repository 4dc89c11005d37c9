"""The entrants of a bench: proposers by their names, with what stands behind these."""

from dataclasses import dataclass
from pathlib import Path

from ..agents.backends import check_llm
from ..agents.baselines import PROPOSERS
from ..errors import GeniusError
from ..printable import brief
from ..record.settings.llm_settings import LLMSettings
from .simulated import SIMULATED, read_simulated
from .starts import read_starts

LLM_PREFIX = "llm:"
_ADVICE, _DISGUISE, _STARTS = "+advice", "+disguise", "+starts:"


@dataclass(frozen=True)
class Entrant:
    """A proposer of a bench: `llm:SPEC`, `simulated:TAU`, or one without a model.

    `advice` and `disguise` are whether its prompts hold a surrogate's advice and neutral names; `starts` is the file of
    the architectures that it gets first.
    """

    base: str
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
    return Entrant(base, _ADVICE in words, _DISGUISE in words, Path(file) if behind else None)


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
    else:
        _check_named(entrant.base)


def _check_named(name: str) -> None:
    if ":" not in name and PROPOSERS.known(name) is None:
        raise GeniusError(
            f"there is no proposer {name!r}; the proposers are: {', '.join(PROPOSERS.names())}, language models as "
            f"{LLM_PREFIX}SPEC, simulated ones as {SIMULATED}TAU, with {_ADVICE} or {_DISGUISE} behind it, your own as "
            f"MODULE:NAME, and each with {_STARTS}FILE"
        )
    PROPOSERS.find(name)
