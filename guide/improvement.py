"""The probability that an architecture improves on the best one so far: what the offers of several arms are held to."""

from collections.abc import Sequence

import numpy as np

from ..record.candidate import Candidate
from ..record.history import History
from ..spaces.region import Region
from ..spaces.space import Architecture
from .features import Floats, encoder
from .guide import GUIDE, best_feasible, feasibility_of, fit, observe


def improvement(
    region: Region, history: Sequence[Candidate], rng: np.random.Generator, architectures: Sequence[Architecture]
) -> Floats | None:
    """Return the probability of n architectures to be better than the best feasible one: shape (n,).

    Of several objectives it is that of one utility, with weights drawn anew. Within measured limits it is multiplied by
    the probability to keep them; without a feasible one it is that probability alone. None where nothing was measured.
    """
    known = History.of(history)
    weights = rng.dirichlet(np.ones(len(known.goal.objectives))) if known.goal.pareto else None
    observed = observe(known, weights)
    if not len(observed):
        return None
    surrogate = fit(region, observed, rng, GUIDE.of(known.goal), beliefs=known.beliefs)
    encoded = encoder(region.space).encode(architectures)
    feasible = feasibility_of(region, known, observed, surrogate, rng).probability(encoded)
    best = best_feasible(known, observed)
    return feasible if best is None else feasible * surrogate.predict(encoded).probability_above(best)
