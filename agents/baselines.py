"""Proposers without a language model. They are functions of the history and their seed; of a prompt they read nothing
but which of their proposals were sent back."""

from collections.abc import Hashable, Iterator, Sequence, Set
from dataclasses import replace
from itertools import compress

import numpy as np

from ..guide.features import WHOLE
from ..guide.guide import GUIDE, Guide, suggest
from ..plugins import OWN, Plugins
from ..record.candidate import NOTHING_LEFT, Message, Suggestion
from ..record.history import History
from ..record.settings import HYBRID, MODEL
from ..spaces.objective import Objective
from ..spaces.region import Region
from ..spaces.space import Architecture, SearchSpace
from ..tools.refused import refused_architectures
from .centaur import NAME as CENTAUR
from .centaur import centaur
from .cma_es import cma_es
from .optuna_samplers import OPTUNA
from .proposer import MakeProposer, Proposer, maker_of
from .untried import not_again, offloaded, reasoned, rng_of, untried

_TRIES = 1_000  # children that are drawn before anything else is
_POPULATION, _SAMPLE = 5, 3  # of the evolution: small, for budgets of tens of evaluations


def _largest(region: Region, done: Set[Hashable], rng: np.random.Generator) -> Architecture | None:
    """Return the untried architecture within the limits with the most FLOPs; where none is found, any.

    Where a space has no costs, none is larger than another, and one is drawn.
    """
    return (region.largest(done) if region.space.costed else None) or untried(region, done, rng)


def random_search(region: Region, seed: Sequence[int]) -> Proposer:
    """Propose uniformly at random, without repeats."""

    def proposal(prompt: Sequence[Message], history: History) -> str:
        found = untried(region, not_again(region.space, prompt, history), rng_of(seed, history))
        return reasoned(region, found, "Drawn at random.")

    return offloaded(proposal)


def largest_first(region: Region, seed: Sequence[int]) -> Proposer:
    """Propose the networks with the most FLOPs first; of equals, those with more parameters in a small space."""

    def proposal(prompt: Sequence[Message], history: History) -> str:
        found = _largest(region, not_again(region.space, prompt, history), rng_of(seed, history))
        return reasoned(region, found, "The largest one left.")

    return offloaded(proposal)


def _neighbours(space: SearchSpace, architecture: Architecture) -> Iterator[Architecture]:
    """Go through the architectures that are one step of one decision that counts away."""
    for at, (decision, counts) in enumerate(zip(space.decisions, space.visible(architecture), strict=True)):
        for option in (architecture[at] - 1, architecture[at] + 1):
            if counts and option in decision.numbers:
                yield space.settled((*architecture[:at], option, *architecture[at + 1 :]))


def local_search(region: Region, seed: Sequence[int]) -> Proposer:
    """Propose the largest network, then random neighbours of the best so far, one step of one decision away.

    Where the best has no untried neighbour within the limits, the next best is tried, and so on.
    """

    space = region.space

    def proposal(prompt: Sequence[Message], history: History) -> str:
        rng, done = rng_of(seed, history), not_again(space, prompt, history)
        if not history:
            return reasoned(region, _largest(region, done, rng), "The largest network, to start from.")
        for centre in history.feasible_first():
            near = [a for a in _neighbours(space, centre.architecture or ()) if space.identity(a) not in done]
            near = _within(region, near)
            if near:
                where = space.written(centre.architecture or ())
                return reasoned(region, near[rng.integers(len(near))], f"One step from {where}.")
        return reasoned(region, untried(region, done, rng), "No neighbour is left; drawn at random.")

    return offloaded(proposal)


def _within(region: Region, architectures: list[Architecture]) -> list[Architecture]:
    return list(compress(architectures, region.allows(architectures)))


def evolution(region: Region, seed: Sequence[int]) -> Proposer:
    """Propose as regularised evolution does (Real et al. 2019, "Regularized Evolution for Image Classifier
    Architecture Search", AAAI).

    The population is the youngest few that were measured: the first are drawn at random, later ones are children of
    the best of a random sample, with one decision changed. A child off the limits, or that breaks the space's rule, is
    not born.
    """

    space = region.space

    def proposal(prompt: Sequence[Message], history: History) -> str:
        rng, done = rng_of(seed, history), not_again(space, prompt, history)
        population = history.measured[-_POPULATION:]
        if len(population) < _POPULATION:
            return reasoned(region, untried(region, done, rng), "One of the first population, drawn at random.")
        parent = history.goal.best([population[at] for at in rng.choice(_POPULATION, _SAMPLE, replace=False)])
        assert parent is not None
        for _ in range(_TRIES):
            child = _mutate(space, parent.architecture or (), rng)
            if space.identity(child) not in done and _within(region, [child]):
                return reasoned(region, child, f"A child of {space.written(parent.architecture or ())}.")
        return reasoned(region, untried(region, done, rng), "No child is new; drawn at random.")

    return offloaded(proposal)


def _mutate(space: SearchSpace, architecture: Architecture, rng: np.random.Generator) -> Architecture:
    """Change one decision that counts: a range by one level, any other to another option."""
    counting = [at for at, counts in enumerate(space.visible(architecture)) if counts]
    at = counting[int(rng.integers(len(counting)))]
    decision, option = space.decisions[at], architecture[at]
    others = [n for n in decision.numbers if n != option and (decision.scale is None or abs(n - option) == 1)]
    if not others:
        return architecture
    return space.settled((*architecture[:at], others[rng.integers(len(others))], *architecture[at + 1 :]))


def guided(region: Region, seed: Sequence[int], guide: Guide = GUIDE) -> Proposer:
    """Propose the best architecture by a surrogate that is fitted to all measurements."""

    def proposal(prompt: Sequence[Message], history: History) -> str:
        rng, sent_back = rng_of(seed, history), refused_architectures(region.space, prompt, history)
        found = suggest(region, history, rng, guide, refused=sent_back)
        if found or region.space.size <= WHOLE:
            words = _expected(found[0], history.goal.objective) if found else ""
            return reasoned(region, found[0].architecture, words) if found else NOTHING_LEFT
        left = untried(region, not_again(region.space, prompt, history), rng)
        return reasoned(region, left, "All that was met was tried; drawn at random.")

    return offloaded(proposal)


def _expected(suggestion: Suggestion, objective: Objective) -> str:
    if suggestion.value is None or suggestion.sd is None:
        return "Nothing was measured yet."
    return f"Expected to measure {objective.near(suggestion.value, suggestion.sd)}{objective.suffix}."


def guided_without_prior(region: Region, seed: Sequence[int]) -> Proposer:
    """Propose as `guided` does, but take nothing for granted: the first architecture is drawn at random."""
    return guided(region, seed, replace(GUIDE, prior=0.0))


def guided_without_beliefs(region: Region, seed: Sequence[int]) -> Proposer:
    """Propose as `guided` does, without the beliefs of a language model."""
    return guided(region, seed, replace(GUIDE, believes=False))


_BUILTIN: dict[str, MakeProposer] = {
    "random": random_search,
    "largest": largest_first,
    "local-search": local_search,
    "evolution": evolution,
    "guided": guided,
    "guided-without-prior": guided_without_prior,
    "guided-without-beliefs": guided_without_beliefs,
    "cma-es": cma_es,
    **OPTUNA,
    CENTAUR: centaur,
}
PROPOSERS = Plugins(
    "proposer",
    _BUILTIN,
    maker_of,
    "a function of a prompt and a history",
    own=f"{OWN}; with a language model it is {MODEL} or {HYBRID}",
)
"""The makers of the proposers without a model, and of the arms of a hybrid search, and the door for one's own."""
