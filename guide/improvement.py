"""The probability that an architecture improves on the best one so far: what the offers of several arms are held to."""

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtr

from ..record.candidate import Candidate
from ..record.history import History
from ..spaces.region import Region
from ..spaces.space import Architecture
from .features import Floats, encoder
from .guide import GUIDE, feasibility_of, fit, observe


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
    surrogate = fit(region, observed, rng, GUIDE.of(known.goal))
    encoded = encoder(region.space).encode(architectures)
    predicted = surrogate.predict(encoded)
    better: Floats = ndtr((predicted.mean - observed.utility.max()) / np.maximum(predicted.sd, 1e-12))
    if not known.goal.limits:
        return better
    feasible = feasibility_of(region, known, observed, surrogate, rng)
    return feasible.probability(encoded) * (better if feasible.best is not None else 1.0)
