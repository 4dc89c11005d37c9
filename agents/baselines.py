"""Proposers without a language model. They are functions of the history and their seed; of a prompt they read nothing
but which of their proposals were sent back."""

import asyncio
from collections.abc import Callable, Hashable, Iterator, Sequence, Set
from dataclasses import replace
from itertools import compress

import numpy as np
import numpy.typing as npt

from ..guide.features import WHOLE
from ..guide.guide import GUIDE, Guide, suggest
from ..plugins import Plugins
from ..record.candidate import NOTHING_LEFT, Candidate, Message, Suggestion
from ..record.history import History
from ..spaces.objective import Objective
from ..spaces.region import Region
from ..spaces.space import ENUMERABLE, Architecture, SearchSpace
from ..tools.refused import refused_architectures
from .proposer import MakeProposer, Proposer, Unprompted, maker_of

_TRIES, _TRIES_BY_RULE = 1_000, 20  # draws before what is untried is looked for; few where a rule makes each slow
_POPULATION, _SAMPLE = 5, 3  # of the evolution: small, for budgets of tens of evaluations


def _answer(region: Region, architecture: Architecture | None, reason: str) -> str:
    return f"{reason}\nArchitecture: {region.space.declared(architecture)}" if architecture else NOTHING_LEFT


def _rng(seed: Sequence[int], history: Sequence[Candidate]) -> np.random.Generator:
    """Return the generator of this iteration: it depends on nothing but the seed and how far the search is."""
    return np.random.default_rng([*seed, len(history)])


def _done(space: SearchSpace, prompt: Sequence[Message], history: History) -> Set[Hashable]:
    """Return the identities of the architectures that are not proposed again."""
    return history.tried(space, refused_architectures(space, prompt, history))


def _untried(region: Region, done: Set[Hashable], rng: np.random.Generator) -> Architecture | None:
    """Draw uniformly from the architectures within the limits that are no repeat."""
    space = region.space
    large = space.size > ENUMERABLE
    architecture = region.sample(rng)
    for _ in range(_TRIES_BY_RULE if large and space.valid else _TRIES):
        if space.identity(architecture) not in done:
            return architecture
        architecture = region.sample(rng)
    if (listed := region.listed()) is None:
        return region.nearest(architecture, done)
    left = [a for a in map(_tuple, listed) if space.identity(a) not in done]
    return left[rng.integers(len(left))] if left else None


def _tuple(row: npt.NDArray[np.int64]) -> Architecture:
    return tuple(row.tolist())


def _largest(region: Region, done: Set[Hashable], rng: np.random.Generator) -> Architecture | None:
    """Return the untried architecture within the limits with the most FLOPs; where none is found, any.

    Where a space has no costs, none is larger than another, and one is drawn.
    """
    return (region.largest(done) if region.space.costed else None) or _untried(region, done, rng)


def _in_thread(proposal: Callable[[Sequence[Message], History], str]) -> Proposer:
    """Make a proposer of a function that may take its time."""

    async def propose(prompt: Sequence[Message], history: Sequence[Candidate]) -> str:
        return await asyncio.to_thread(proposal, prompt, History.of(history))

    return Unprompted(propose)


def random_search(region: Region, seed: Sequence[int]) -> Proposer:
    """Propose uniformly at random, without repeats."""

    def proposal(prompt: Sequence[Message], history: History) -> str:
        found = _untried(region, _done(region.space, prompt, history), _rng(seed, history))
        return _answer(region, found, "Drawn at random.")

    return _in_thread(proposal)


def largest_first(region: Region, seed: Sequence[int]) -> Proposer:
    """Propose the networks with the most FLOPs first; of equals, those with more parameters in a small space."""

    def proposal(prompt: Sequence[Message], history: History) -> str:
        found = _largest(region, _done(region.space, prompt, history), _rng(seed, history))
        return _answer(region, found, "The largest one left.")

    return _in_thread(proposal)


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
        rng, done = _rng(seed, history), _done(space, prompt, history)
        if not history:
            return _answer(region, _largest(region, done, rng), "The largest network, to start from.")
        for centre in history.feasible_first():
            near = [a for a in _neighbours(space, centre.architecture or ()) if space.identity(a) not in done]
            near = _within(region, near)
            if near:
                where = space.written(centre.architecture or ())
                return _answer(region, near[rng.integers(len(near))], f"One step from {where}.")
        return _answer(region, _untried(region, done, rng), "No neighbour is left; drawn at random.")

    return _in_thread(proposal)


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
        rng, done = _rng(seed, history), _done(space, prompt, history)
        population = history.measured[-_POPULATION:]
        if len(population) < _POPULATION:
            return _answer(region, _untried(region, done, rng), "One of the first population, drawn at random.")
        parent = history.goal.best([population[at] for at in rng.choice(_POPULATION, _SAMPLE, replace=False)])
        assert parent is not None
        for _ in range(_TRIES):
            child = _mutate(space, parent.architecture or (), rng)
            if space.identity(child) not in done and _within(region, [child]):
                return _answer(region, child, f"A child of {space.written(parent.architecture or ())}.")
        return _answer(region, _untried(region, done, rng), "No child is new; drawn at random.")

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


def guided(region: Region, seed: Sequence[int], guide: Guide = GUIDE) -> Proposer:
    """Propose the best architecture by a surrogate that is fitted to all measurements."""

    def proposal(prompt: Sequence[Message], history: History) -> str:
        rng, sent_back = _rng(seed, history), refused_architectures(region.space, prompt, history)
        found = suggest(region, history, rng, guide, refused=sent_back)
        if found or region.space.size <= WHOLE:
            words = _expected(found[0], history.goal.objective) if found else ""
            return _answer(region, found[0].architecture, words) if found else NOTHING_LEFT
        left = _untried(region, _done(region.space, prompt, history), rng)
        return _answer(region, left, "All that was met was tried; drawn at random.")

    return _in_thread(proposal)


def _expected(suggestion: Suggestion, objective: Objective) -> str:
    if suggestion.value is None or suggestion.sd is None:
        return "Nothing was measured yet."
    return f"Expected to measure {objective.near(suggestion.value, suggestion.sd)}{objective.suffix}."


def guided_without_prior(region: Region, seed: Sequence[int]) -> Proposer:
    """Propose as `guided` does, but take nothing for granted: the first architecture is drawn at random."""
    return guided(region, seed, replace(GUIDE, prior=0.0))


_BUILTIN: dict[str, MakeProposer] = {
    "random": random_search,
    "largest": largest_first,
    "local-search": local_search,
    "evolution": evolution,
    "guided": guided,
    "guided-without-prior": guided_without_prior,
}
PROPOSERS = Plugins("proposer", _BUILTIN, maker_of, "a function of a prompt and a history")
"""What makes the proposers without a model, and the door for one's own."""
