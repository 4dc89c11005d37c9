"""Proposers without a language model. They ignore the prompt and are functions of the history and their seed alone."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ..spaces.draws import sample_inside
from ..spaces.inside import largest_inside, listed
from ..spaces.limits import NO_LIMITS, Limits
from ..spaces.nearest import nearest
from ..spaces.space import ENUMERABLE, Architecture, SearchSpace
from ..tools.candidate import NOTHING_LEFT, Candidate, Message, Suggestion, best, measured
from ..tools.guide import GUIDE, Guide, suggest
from .proposer import Proposer

_TRIES = 1_000  # draws before the untried architectures are listed instead
_POPULATION, _SAMPLE = 5, 3  # of the evolution: small, for budgets of tens of evaluations


def _answer(architecture: Architecture | None, reason: str) -> str:
    return f"{reason}\nArchitecture: {list(architecture)}" if architecture else NOTHING_LEFT


def _rng(seed: Sequence[int], history: Sequence[Candidate]) -> np.random.Generator:
    """Return the generator of this iteration: it depends on nothing but the seed and how far the search is."""
    return np.random.default_rng([*seed, len(history)])


def _tried(space: SearchSpace, history: Sequence[Candidate]) -> set[object]:
    return {space.identity(c.architecture) for c in history if c.architecture}


def _untried(
    space: SearchSpace, history: Sequence[Candidate], rng: np.random.Generator, limits: Limits
) -> Architecture | None:
    """Draw uniformly from the architectures within the limits that are no repeat."""
    tried = _tried(space, history)
    architecture = sample_inside(space, limits, rng)
    for _ in range(_TRIES):
        if space.identity(architecture) not in tried:
            return architecture
        architecture = sample_inside(space, limits, rng)
    if space.size > ENUMERABLE:
        return nearest(space, limits, architecture, tried)
    left = [a for a in map(_tuple, listed(space, limits)[0]) if space.identity(a) not in tried]
    return left[rng.integers(len(left))] if left else None


def _tuple(row: npt.NDArray[np.int64]) -> Architecture:
    return tuple(row.tolist())


def _largest(space: SearchSpace, history: Sequence[Candidate], limits: Limits) -> Architecture | None:
    """Return the untried architecture within the limits with the most FLOPs."""
    tried = _tried(space, history)
    return next((a for a in largest_inside(space, limits) if space.identity(a) not in tried), None)


def random_search(space: SearchSpace, seed: Sequence[int], limits: Limits = NO_LIMITS) -> Proposer:
    """Propose uniformly at random, without repeats."""

    async def propose(prompt: Sequence[Message], history: Sequence[Candidate]) -> str:
        found = await asyncio.to_thread(_untried, space, history, _rng(seed, history), limits)
        return _answer(found, "Drawn at random.")

    return propose


def largest_first(space: SearchSpace, seed: Sequence[int], limits: Limits = NO_LIMITS) -> Proposer:
    """Propose the networks with the most FLOPs first; of equals, those with more parameters in a small space."""

    async def propose(prompt: Sequence[Message], history: Sequence[Candidate]) -> str:
        return _answer(await asyncio.to_thread(_largest, space, history, limits), "The largest one left.")

    return propose


def _neighbours(space: SearchSpace, architecture: Architecture) -> Iterator[Architecture]:
    """Go through the architectures that are one step of one decision away."""
    for at, decision in enumerate(space.decisions):
        for option in (architecture[at] - 1, architecture[at] + 1):
            if option in decision.numbers:
                yield (*architecture[:at], option, *architecture[at + 1 :])


def local_search(space: SearchSpace, seed: Sequence[int], limits: Limits = NO_LIMITS) -> Proposer:
    """Propose the largest network, then random neighbours of the best so far, one step of one decision away.

    Where the best has no untried neighbour within the limits, the next best is tried, and so on.
    """

    def proposal(history: Sequence[Candidate]) -> str:
        if not history:
            return _answer(_largest(space, history, limits), "The largest network, to start from.")
        rng, tried = _rng(seed, history), _tried(space, history)
        for centre in sorted(measured(history), key=lambda c: c.accuracy or 0.0, reverse=True):
            near = [a for a in _neighbours(space, centre.architecture or ()) if space.identity(a) not in tried]
            near = _within(space, limits, near)
            if near:
                return _answer(near[rng.integers(len(near))], f"One step from {list(centre.architecture or ())}.")
        return _answer(_untried(space, history, rng, limits), "No neighbour is left; drawn at random.")

    async def propose(prompt: Sequence[Message], history: Sequence[Candidate]) -> str:
        return await asyncio.to_thread(proposal, history)

    return propose


def _within(space: SearchSpace, limits: Limits, architectures: list[Architecture]) -> list[Architecture]:
    if not limits.limited:
        return architectures
    return [a for a in architectures if limits.allow(space.cost(a))]


def evolution(space: SearchSpace, seed: Sequence[int], limits: Limits = NO_LIMITS) -> Proposer:
    """Propose as regularised evolution does (Real et al. 2019, "Regularized Evolution for Image Classifier
    Architecture Search", AAAI).

    The population is the youngest few that were measured: the first are drawn at random, later ones are children of
    the best of a random sample, with one decision changed. A child off the limits is not born.
    """

    def proposal(history: Sequence[Candidate]) -> str:
        rng, tried = _rng(seed, history), _tried(space, history)
        population = measured(history)[-_POPULATION:]
        if len(population) < _POPULATION:
            return _answer(_untried(space, history, rng, limits), "One of the first population, drawn at random.")
        parent = best([population[at] for at in rng.choice(_POPULATION, _SAMPLE, replace=False)])
        assert parent is not None
        for _ in range(_TRIES):
            child = _mutate(space, parent.architecture or (), rng)
            if space.identity(child) not in tried and _within(space, limits, [child]):
                return _answer(child, f"A child of {list(parent.architecture or ())}.")
        return _answer(_untried(space, history, rng, limits), "No child is new; drawn at random.")

    async def propose(prompt: Sequence[Message], history: Sequence[Candidate]) -> str:
        return await asyncio.to_thread(proposal, history)

    return propose


def _mutate(space: SearchSpace, architecture: Architecture, rng: np.random.Generator) -> Architecture:
    at = int(rng.integers(len(architecture)))
    others = [option for option in space.decisions[at].numbers if option != architecture[at]]
    return (*architecture[:at], others[rng.integers(len(others))], *architecture[at + 1 :]) if others else architecture


def guided(space: SearchSpace, seed: Sequence[int], limits: Limits = NO_LIMITS, guide: Guide = GUIDE) -> Proposer:
    """Propose what a surrogate that learns from every measurement expects the most of."""

    def proposal(history: Sequence[Candidate]) -> str:
        found = suggest(space, limits, history, _rng(seed, history), guide)
        return _answer(found[0].architecture, _expected(found[0])) if found else NOTHING_LEFT

    async def propose(prompt: Sequence[Message], history: Sequence[Candidate]) -> str:
        return await asyncio.to_thread(proposal, history)

    return propose


def _expected(suggestion: Suggestion) -> str:
    if suggestion.accuracy is None:
        return "Nothing was measured yet."
    return f"Expected to measure {suggestion.accuracy:.2f}% ± {suggestion.sd:.2f}."


def guided_without_prior(space: SearchSpace, seed: Sequence[int], limits: Limits = NO_LIMITS) -> Proposer:
    """Propose as `guided` does, but take nothing for granted: the first architecture is drawn at random."""
    return guided(space, seed, limits, replace(GUIDE, prior=0.0))


BASELINES = {
    "random": random_search,
    "largest": largest_first,
    "local-search": local_search,
    "evolution": evolution,
    "guided": guided,
    "guided-without-prior": guided_without_prior,
}
