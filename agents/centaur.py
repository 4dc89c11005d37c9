"""Centaur: a language model that is told the state of CMA-ES, and proposes with it in view (arXiv:2603.24647)."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..record.call import Reply
from ..record.candidate import Candidate, Message
from ..record.history import History
from ..spaces.region import Integers, Region
from ..spaces.space import SearchSpace
from ..spaces.words import option_in_words
from .cma_es import FIRST_STEP, Coding, check_installed, sample_new, strategy_after
from .prompting import Prompts
from .proposer import Form, Proposer, Thinking, asked, with_model
from .untried import not_again, rng_of

if TYPE_CHECKING:
    from cma import CMAEvolutionStrategy

NAME = "centaur"
_SAMPLES = 256  # architectures by which the distribution is told
_LIKELY = 50  # percent of them from which an option is told of
_DECISIONS, _PAIRS = 40, 3  # that are told of at most
_CORRELATED = 0.3  # the least correlation that is told of: five times that of chance


@with_model
def centaur(region: Region, seed: Sequence[int], model: Proposer, prompts: Prompts) -> Proposer:
    """Have the model propose, with the mean, the step size, the correlations and the candidate of CMA-ES in its prompt.

    Raises: GeniusError where `cma` is not installed.
    """
    check_installed(NAME)
    coding = Coding(region.space)

    async def propose(prompt: Sequence[Message], history: Sequence[Candidate]) -> Reply | str:
        known = History.of(history)
        rng, done = rng_of(seed, known), not_again(region.space, prompt, known)
        strategy = strategy_after(known, coding, rng)
        candidate = sample_new(strategy, coding, region, done)
        messages = list(prompt)
        if candidate is not None and messages:
            shown = region.space.declared(candidate)
            words = prompts.render(NAME, candidate=shown, **_told(strategy, coding, region.space))
            at = next(at for at, message in enumerate(messages) if message["role"] == "user")
            messages[at] = Message(role="user", content=f"{messages[at]['content']}\n\n{words}")
        if isinstance(model, Thinking):
            return await model.think(messages, history, Form("proposal", arm=NAME))
        return await asked(model, messages, history)

    return propose


def _told(strategy: "CMAEvolutionStrategy", coding: Coding, space: SearchSpace) -> Mapping[str, object]:
    """Return the values of the prompt: what the strategy has learnt, in words and shares."""
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
