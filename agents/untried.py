"""The parts that every proposer without a language model has: random numbers, the architectures that it may still
propose, and the form of a reply."""

import asyncio
from collections.abc import Callable, Hashable, Sequence, Set

import numpy as np

from ..record.candidate import NOTHING_LEFT, Candidate, Message
from ..record.history import History
from ..spaces.region import Region
from ..spaces.space import ENUMERABLE, Architecture, SearchSpace
from ..tools.refused import refused_architectures
from .proposer import Proposer, Unprompted

_TRIES, _TRIES_BY_RULE = 1_000, 20  # draws before untried ones are looked for; few where a rule makes each slow


def reasoned(region: Region, architecture: Architecture | None, reason: str) -> str:
    """Write a reply; without an architecture it says that nothing is left."""
    return f"{reason}\nArchitecture: {region.space.declared(architecture)}" if architecture else NOTHING_LEFT


def rng_of(seed: Sequence[int], history: Sequence[Candidate]) -> np.random.Generator:
    """Return the generator of this iteration: it depends on nothing but the seed and how far the search is."""
    return np.random.default_rng([*seed, len(history)])


def not_again(space: SearchSpace, prompt: Sequence[Message], history: History) -> Set[Hashable]:
    """Return the identities of the architectures that are not proposed again."""
    return history.tried(space, refused_architectures(space, prompt, history))


def untried(region: Region, done: Set[Hashable], rng: np.random.Generator) -> Architecture | None:
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
    left = [a for a in map(tuple, listed.tolist()) if space.identity(a) not in done]
    return left[rng.integers(len(left))] if left else None


def offloaded(proposal: Callable[[Sequence[Message], History], str]) -> Proposer:
    """Make a proposer of a function that may take its time."""

    async def propose(prompt: Sequence[Message], history: Sequence[Candidate]) -> str:
        return await asyncio.to_thread(proposal, prompt, History.of(history))

    return Unprompted(propose)
