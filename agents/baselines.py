"""Proposers without a language model. They are functions of the history and their seed; of a prompt they read nothing
but which of their proposals were sent back."""

import asyncio
from collections.abc import Callable, Hashable, Iterator, Sequence, Set
from dataclasses import replace
from itertools import compress
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import GeniusError
from ..guide.choices import choose, gather
from ..guide.features import WHOLE
from ..guide.guide import GUIDE, Guide, suggest
from ..record.candidate import NOTHING_LEFT, Candidate, Message, Suggestion, best
from ..record.history import History
from ..spaces.draws import sample_inside
from ..spaces.inside import allowed, largest_inside, listed, option_costs
from ..spaces.limits import NO_LIMITS, Limits
from ..spaces.nearest import nearest
from ..spaces.space import ENUMERABLE, Architecture, SearchSpace
from ..tools.refused import refused
from .proposer import Proposer, Unprompted

_TRIES, _TRIES_BY_RULE = 1_000, 20  # draws before what is untried is looked for; few where a rule makes each slow
_POPULATION, _SAMPLE = 5, 3  # of the evolution: small, for budgets of tens of evaluations


def _answer(space: SearchSpace, architecture: Architecture | None, reason: str) -> str:
    return f"{reason}\nArchitecture: {space.declared(architecture)}" if architecture else NOTHING_LEFT


def _rng(seed: Sequence[int], history: Sequence[Candidate]) -> np.random.Generator:
    """Return the generator of this iteration: it depends on nothing but the seed and how far the search is."""
    return np.random.default_rng([*seed, len(history)])


def _done(space: SearchSpace, prompt: Sequence[Message], history: History) -> Set[Hashable]:
    """Return the identities of what is not proposed again."""
    return history.tried(space, refused(space, prompt, history))


def _untried(space: SearchSpace, done: Set[Hashable], rng: np.random.Generator, limits: Limits) -> Architecture | None:
    """Draw uniformly from the architectures within the limits that are no repeat."""
    large = space.size > ENUMERABLE
    architecture = sample_inside(space, limits, rng)
    for _ in range(_TRIES_BY_RULE if large and space.valid else _TRIES):
        if space.identity(architecture) not in done:
            return architecture
        architecture = sample_inside(space, limits, rng)
    if large:
        sums = option_costs(space, limits.convention) is not None
        return nearest(space, limits, architecture, done) if sums else None
    left = [a for a in map(_tuple, listed(space, limits)[0]) if space.identity(a) not in done]
    return left[rng.integers(len(left))] if left else None


def _tuple(row: npt.NDArray[np.int64]) -> Architecture:
    return tuple(row.tolist())


def _largest(space: SearchSpace, done: Set[Hashable], rng: np.random.Generator, limits: Limits) -> Architecture | None:
    """Return the untried architecture within the limits with the most FLOPs.

    Of a large space whose rule forbids the very largest, it is the largest that is met uphill from draws. Where a space
    has no costs, none is larger than another, and one is drawn.
    """
    if not space.costed:
        return _untried(space, done, rng, limits)
    found = next((a for a in largest_inside(space, limits) if space.identity(a) not in done), None)
    if found or not space.valid or space.size <= ENUMERABLE:
        return found
    met = gather(space, limits, [], lambda encoded: encoded.promise([(1.0, 0.0, 0.0)]), rng)
    best = choose(space, met, space.costs(met.architectures)[:, 0].astype(float), done, 1)
    return met.at(best[0]) if best else _untried(space, done, rng, limits)


def _in_thread(proposal: Callable[[Sequence[Message], History], str]) -> Proposer:
    """Make a proposer of a function that may take its time."""

    async def propose(prompt: Sequence[Message], history: Sequence[Candidate]) -> str:
        return await asyncio.to_thread(proposal, prompt, History.of(history))

    return Unprompted(propose)


def random_search(space: SearchSpace, seed: Sequence[int], limits: Limits = NO_LIMITS) -> Proposer:
    """Propose uniformly at random, without repeats."""

    def proposal(prompt: Sequence[Message], history: History) -> str:
        found = _untried(space, _done(space, prompt, history), _rng(seed, history), limits)
        return _answer(space, found, "Drawn at random.")

    return _in_thread(proposal)


def largest_first(space: SearchSpace, seed: Sequence[int], limits: Limits = NO_LIMITS) -> Proposer:
    """Propose the networks with the most FLOPs first; of equals, those with more parameters in a small space."""

    def proposal(prompt: Sequence[Message], history: History) -> str:
        found = _largest(space, _done(space, prompt, history), _rng(seed, history), limits)
        return _answer(space, found, "The largest one left.")

    return _in_thread(proposal)


def _neighbours(space: SearchSpace, architecture: Architecture) -> Iterator[Architecture]:
    """Go through the architectures that are one step of one decision that counts away."""
    for at, (decision, counts) in enumerate(zip(space.decisions, space.visible(architecture), strict=True)):
        for option in (architecture[at] - 1, architecture[at] + 1):
            if counts and option in decision.numbers:
                yield space.settled((*architecture[:at], option, *architecture[at + 1 :]))


def local_search(space: SearchSpace, seed: Sequence[int], limits: Limits = NO_LIMITS) -> Proposer:
    """Propose the largest network, then random neighbours of the best so far, one step of one decision away.

    Where the best has no untried neighbour within the limits, the next best is tried, and so on.
    """

    def proposal(prompt: Sequence[Message], history: History) -> str:
        rng, done = _rng(seed, history), _done(space, prompt, history)
        if not history:
            return _answer(space, _largest(space, done, rng, limits), "The largest network, to start from.")
        for centre in history.best_first():
            near = [a for a in _neighbours(space, centre.architecture or ()) if space.identity(a) not in done]
            near = _within(space, limits, near)
            if near:
                return _answer(
                    space, near[rng.integers(len(near))], f"One step from {space.written(centre.architecture or ())}."
                )
        return _answer(space, _untried(space, done, rng, limits), "No neighbour is left; drawn at random.")

    return _in_thread(proposal)


def _within(space: SearchSpace, limits: Limits, architectures: list[Architecture]) -> list[Architecture]:
    rows = np.array(architectures, dtype=np.int64).reshape(-1, len(space.decisions))
    return list(compress(architectures, allowed(space, limits, rows)))


def evolution(space: SearchSpace, seed: Sequence[int], limits: Limits = NO_LIMITS) -> Proposer:
    """Propose as regularised evolution does (Real et al. 2019, "Regularized Evolution for Image Classifier
    Architecture Search", AAAI).

    The population is the youngest few that were measured: the first are drawn at random, later ones are children of
    the best of a random sample, with one decision changed. A child off the limits, or that breaks the space's rule, is
    not born.
    """

    def proposal(prompt: Sequence[Message], history: History) -> str:
        rng, done = _rng(seed, history), _done(space, prompt, history)
        population = history.measured[-_POPULATION:]
        if len(population) < _POPULATION:
            return _answer(space, _untried(space, done, rng, limits), "One of the first population, drawn at random.")
        parent = best([population[at] for at in rng.choice(_POPULATION, _SAMPLE, replace=False)])
        assert parent is not None
        for _ in range(_TRIES):
            child = _mutate(space, parent.architecture or (), rng)
            if space.identity(child) not in done and _within(space, limits, [child]):
                return _answer(space, child, f"A child of {space.written(parent.architecture or ())}.")
        return _answer(space, _untried(space, done, rng, limits), "No child is new; drawn at random.")

    return _in_thread(proposal)


def _mutate(space: SearchSpace, architecture: Architecture, rng: np.random.Generator) -> Architecture:
    """Change one decision that counts: a range by one level, any other to another option."""
    counting = [at for at, counts in enumerate(space.visible(architecture)) if counts]
    at = counting[int(rng.integers(len(counting)))]
    decision, option = space.decisions[at], architecture[at]
    others = [n for n in decision.numbers if n != option and (decision.scale is None or abs(n - option) == 1)]
    if not others:
        return architecture
    return space.settled((*architecture[:at], others[rng.integers(len(others))], *architecture[at + 1 :]))


def guided(space: SearchSpace, seed: Sequence[int], limits: Limits = NO_LIMITS, guide: Guide = GUIDE) -> Proposer:
    """Propose what a surrogate that learns from every measurement expects the most of."""

    def proposal(prompt: Sequence[Message], history: History) -> str:
        rng, sent_back = _rng(seed, history), refused(space, prompt, history)
        found = suggest(space, limits, history, rng, guide, refused=sent_back)
        if found or space.size <= WHOLE:
            return _answer(space, found[0].architecture, _expected(found[0])) if found else NOTHING_LEFT
        left = _untried(space, _done(space, prompt, history), rng, limits)
        return _answer(space, left, "All that was met was tried; drawn at random.")

    return _in_thread(proposal)


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


def find_baseline(name: str) -> Any:
    """Return what makes a proposer without a model, by its name.

    Raises: GeniusError for an unknown one.
    """
    if name not in BASELINES:
        raise GeniusError(f"there is no proposer {name!r}; the proposers are: llm, {', '.join(BASELINES)}")
    return BASELINES[name]
