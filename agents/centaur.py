"""Centaur: a language model that is told the state of CMA-ES, and proposes with it in view (arXiv:2603.24647)."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..record.candidate import Candidate, Message
from ..record.history import History
from ..spaces.region import Integers, Region
from ..spaces.space import SearchSpace
from ..spaces.words import option_in_words
from .cma_es import FIRST_STEP, Coding, check_installed, sample_new, strategy_after
from .prompting import Prompts
from .proposer import Brief, briefing
from .untried import not_again, rng_of

if TYPE_CHECKING:
    from cma import CMAEvolutionStrategy

NAME = "centaur"
_SAMPLES = 256  # architectures by which the distribution is told
_LIKELY = 50  # percent of them from which an option is told of
_DECISIONS, _PAIRS = 40, 3  # that are told of at most
_CORRELATED = 0.3  # the least correlation that is told of: five times that of chance


@briefing
def centaur(region: Region, seed: Sequence[int], prompts: Prompts) -> Brief:
    """Tell the model the mean, the step size, the correlations and the candidate of CMA-ES.

    Raises: GeniusError where `cma` is not installed.
    """
    check_installed(NAME)
    coding = Coding(region.space)

    async def brief(prompt: Sequence[Message], history: Sequence[Candidate]) -> Sequence[Message]:
        return await asyncio.to_thread(with_strategy, prompt, History.of(history))

    def with_strategy(prompt: Sequence[Message], history: History) -> Sequence[Message]:
        rng, done = rng_of(seed, history), not_again(region.space, prompt, history)
        strategy = strategy_after(history, coding, rng)
        candidate = sample_new(strategy, coding, region, done)
        at = next((at for at, message in enumerate(prompt) if message["role"] == "user"), None)
        if candidate is None or at is None:
            return prompt
        shown = region.space.declared(candidate)
        words = prompts.render(NAME, candidate=shown, **_told(strategy, coding, region.space))
        told = Message(role="user", content=f"{prompt[at]['content']}\n\n{words}")
        return [*prompt[:at], told, *prompt[at + 1 :]]

    return brief


def _told(strategy: "CMAEvolutionStrategy", coding: Coding, space: SearchSpace) -> Mapping[str, object]:
    """Return the values of the prompt: the strategy's knowledge, in words and shares."""
    drawn = np.array([coding.architecture(np.asarray(point)) for point in strategy.ask(_SAMPLES)])
    return {
        "learnt": int(strategy.countiter),
        "step": round(float(strategy.sigma) / FIRST_STEP, 2),
        "decisions": _decisions(space, drawn),
        "pairs": _pairs(space, drawn),
    }


def _decisions(space: SearchSpace, drawn: Integers) -> list[Mapping[str, object]]:
    """Return the options that most samples take, the surest first."""
    found: list[tuple[int, Mapping[str, object]]] = []
    for at, decision in enumerate(space.decisions):
        options, counts = np.unique(drawn[:, at], return_counts=True)
        share, option = round(100 * counts.max() / len(drawn)), int(options[counts.argmax()])
        if share >= _LIKELY and len(decision.options) > 1:
            words = option_in_words(space, decision, option)
            found.append((share, {"name": decision.name, "option": words, "share": share}))
    return [each for _, each in sorted(found, key=lambda one: -one[0])[:_DECISIONS]]


def _pairs(space: SearchSpace, drawn: Integers) -> list[Mapping[str, object]]:
    """Return the options of two decisions that samples take together, or not, far more often than by chance."""
    taken = [(at, option) for at in range(drawn.shape[1]) for option in np.unique(drawn[:, at]).tolist()]
    columns = np.stack([drawn[:, at] == option for at, option in taken], axis=1).astype(float)
    places = np.array([at for at, _ in taken])
    varied = columns.std(axis=0) > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        correlations = np.nan_to_num(np.corrcoef(columns.T).reshape(len(taken), len(taken)))
    apart = (places[:, None] < places[None, :]) & varied[:, None] & varied[None, :]
    strengths = np.where(apart, np.abs(correlations), 0.0)
    strongest = [divmod(int(at), len(taken)) for at in np.argsort(-strengths, axis=None, kind="stable")[:_PAIRS]]
    named = [f"{space.decisions[at].name} = {option_in_words(space, space.decisions[at], o)}" for at, o in taken]
    return [
        {"first": named[one], "second": named[other], "correlation": round(float(correlations[one, other]), 2)}
        for one, other in strongest
        if strengths[one, other] >= _CORRELATED
    ]
