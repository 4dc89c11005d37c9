"""The proposers of a search: named by a call, and opened for each trial."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..agents.arms import open_arms
from ..agents.backends import HUMAN, REPLAY, check_price, default_llm, open_llms
from ..agents.baselines import PROPOSERS
from ..agents.prompting import Prompts
from ..agents.proposer import Proposer
from ..agents.replay import recorded_proposer
from ..errors import GeniusError
from ..record.settings import HYBRID, MODEL, MODEL_BEFORE, Settings
from ..record.settings.llm_settings import Sent
from ..spaces.region import Region

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage
    from langchain_core.runnables import Runnable

    Model = Runnable[Any, AIMessage]
    Llm = str | Model | Sequence[str | Model]

_ASKING = (None, MODEL, HYBRID)


@dataclass(frozen=True)
class OpenProposers:
    """The proposer of each trial, in their order, the arms of each where the search is hybrid, and the parameters that
    each language model was sent so far."""

    of_trial: Sequence[Proposer]
    arms: Sequence[Mapping[str, Proposer]]
    sent: Callable[[], Sequence[Sent]]


def name_proposer(
    llm: "Llm | None", proposer: str | Proposer | None, old: Settings
) -> tuple[dict[str, Any], "list[str | Model]"]:
    """Name the proposer or the language models; return these, too.

    Raises: GeniusError.
    """
    if llm is not None and proposer not in _ASKING:
        raise GeniusError(
            f"an llm and a proposer exclude each other: leave one out; an llm alone searches by --proposer {HYBRID}, "
            "where further proposers offer beside it, each named with --arm"
        )
    if proposer not in _ASKING:
        named = proposer if isinstance(proposer, str) else _name_of(proposer)
        if proposer is named and named != MODEL_BEFORE:
            PROPOSERS.find(named)
        return {"proposer": named, "llm.models": ()}, []
    kept = proposer or (old.proposer if old.proposer in _ASKING else None)
    if llm is None and (proposer is not None or not old.proposer):
        if old.llm.models:  # and the models stay, as the old settings' claims: the call names none
            return {"proposer": kept or default_proposer(old.llm.models, old)}, []
        llm = default_llm()[0]
    llms: list[Any] = [] if llm is None else list(llm) if isinstance(llm, list | tuple) else [llm]
    if not llms:
        return {}, []
    first, *others = (each if isinstance(each, str) else type(each).__name__ for each in llms)
    return {"proposer": kept or default_proposer(llms, old), "llm.models": (first, *others)}, llms


def default_proposer(llms: "Sequence[str | Model]", settings: Settings) -> str:
    """Return the proposer of a search that names language models and no proposer: hybrid, in general.

    A recording has that of its run. A person is asked for every proposal, and a conversation in the paper's form, or a
    model that may stop the search, takes part in the plain loop alone; that is then the default, unless arms are named.
    Raises: BadRecording.
    """
    loop = settings.loop
    if loop.arms:
        return HYBRID
    if HUMAN in llms or loop.memory == "conversation" or loop.when_done == "stop":
        return MODEL
    recordings = [each for each in llms if isinstance(each, str) and each.startswith(f"{REPLAY}:")]
    return recorded_proposer(Path(recordings[0].partition(":")[2])) if recordings else HYBRID


@asynccontextmanager
async def open_proposers(
    settings: Settings,
    llms: "Sequence[str | Model] | None",
    own: Proposer | None,
    region: Region,
    downloads: Path,
    prompts: Prompts,
) -> AsyncIterator[OpenProposers]:
    """Open the proposers; `llms` and `own` are those that were passed as objects.

    Raises: GeniusError.
    """
    seeds = [(settings.loop.first_seed, trial) for trial in range(1, settings.loop.trials + 1)]
    if own is not None or not settings.asks_models:
        make = PROPOSERS.find(settings.proposer) if own is None else PROPOSERS.take(own)
        yield OpenProposers([make(region, seed) for seed in seeds], [{} for _ in seeds], list)
        return
    asked = llms or settings.llm.models
    if settings.loop.max_cost is not None:
        for llm in asked:
            check_price(llm, settings.asking)
    hybrid = settings.proposer == HYBRID
    may_stop = settings.loop.when_done == "stop" and not hybrid
    async with open_llms(
        asked, region.space, settings.asking, downloads, may_stop=may_stop, taught=settings.run.sent
    ) as opened:
        models = [opened.proposer(trial) for _, trial in seeds]
        pairs = zip(seeds, models, strict=True)
        arms = [open_arms(settings.loop.arms, region, seed, model, prompts) if hybrid else {} for seed, model in pairs]
        yield OpenProposers(models, arms, opened.sent)


def _name_of(function: Proposer) -> str:
    return getattr(function, "__name__", type(function).__name__)
