"""A proposer of one's own for `genius bench`, as MODULE:NAME: the guided one with a wrong prior.

genius bench all --proposers guided,examples.peers:reversed_prior
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import genius
from genius.agents.baselines import guided
from genius.guide.guide import GUIDE
from genius.spaces.region import Region

Propose = Callable[[Sequence[object], Sequence[genius.Candidate]], object]


@genius.seeded
def reversed_prior(region: Region, seed: Sequence[int]) -> Propose:
    """Take the smallest networks to be the best until measurements say otherwise."""
    return guided(region, seed, replace(GUIDE, prior=-GUIDE.prior))
