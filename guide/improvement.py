"""The prospects of several arms: how probably an offer improves on the best, and how far a model is to be believed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..record.candidate import Candidate
from ..record.history import History
from ..spaces.region import Region
from ..spaces.space import Architecture
from .features import Floats, encoder
from .guide import GUIDE, best_feasible, feasibility_of, fit, observe
from .means import BELIEFS


@dataclass(frozen=True)
class Prospects:
    """The probabilities of n architectures to be better than the best feasible one, of shape (n,), and the posterior
    probability of a model's beliefs among the mean functions, None where it stated none."""

    improvement: Floats
    belief: float | None = None


def prospects(
    region: Region, history: Sequence[Candidate], rng: np.random.Generator, architectures: Sequence[Architecture]
) -> Prospects | None:
    """Judge n architectures by the surrogate whose mean functions are weighed by the evidence.

    Of several objectives an improvement is that of one utility, with weights drawn anew. Within measured limits its
    probability is multiplied by that to keep them; without a feasible one it is the latter alone. None where nothing
    was measured.
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
    better = 1.0 if best is None else surrogate.predict(encoded).probability_above(best)
    return Prospects(feasible * better, surrogate.shares().get(BELIEFS))
