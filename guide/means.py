"""Mean functions of a surrogate: what is taken to be better before anything was measured.

Each comes with prior odds. The draws of a surrogate have one mean function each, and the evidence weighs them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import GeniusError
from ..record.notebook import Beliefs
from ..spaces.space import SearchSpace
from .features import Encoded, Floats, Leaning, encoder
from .starting import balance

MeanFunction = Callable[[Encoded], Floats]
"""The utility that is expected of n architectures: shape (n,), in standard deviations of the space."""

SIZE: tuple[Leaning, ...] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
"""Larger is better in a whole space: by FLOPs and depth, or by parameters and depth, which differs between spaces."""

SIZE_WITHIN: tuple[Leaning, ...] = ((1.0, 0.0, 0.0),)
"""The same within limits: by FLOPs and depth. More parameters are had there for fewer FLOPs."""

NONE, SIZE_OF_NETWORKS, BALANCED, BELIEFS = "none", "size", "balance", "beliefs"

_ODDS: Mapping[str, float] = {NONE: 1.0, SIZE_OF_NETWORKS: 1.0, BELIEFS: 1.0}


@dataclass(frozen=True)
class PriorMean:
    """A mean function, the name under which reports add it up, and its prior odds."""

    name: str
    function: MeanFunction
    odds: float


def nothing(architectures: Encoded) -> Floats:
    """Expect the same of all architectures."""
    return np.zeros(len(architectures))


NO_PRIOR = (PriorMean(NONE, nothing, _ODDS[NONE]),)
"""The mean functions of a surrogate that takes nothing for granted."""


def size_means(leanings: Sequence[Leaning], prior: float, share: float = 1.0) -> tuple[PriorMean, ...]:
    """Return a mean function for each leaning, which have a share of the odds; `prior` multiplies them all."""
    odds = share * _ODDS[SIZE_OF_NETWORKS] / len(leanings)
    return tuple(PriorMean(SIZE_OF_NETWORKS, _leaning(np.array(leaning), prior), odds) for leaning in leanings)


def prior_means(space: SearchSpace, leanings: Sequence[Leaning], prior: float) -> tuple[PriorMean, ...]:
    """Return the mean functions of a prior, which multiplies them: size has half of the odds, balance the rest."""
    balanced = balance(space)
    odds = 0.5 * _ODDS[SIZE_OF_NETWORKS]
    mean = PriorMean(BALANCED, lambda architectures: prior * balanced(architectures), odds)
    return (*size_means(leanings, prior, 0.5), mean)


def belief_means(space: SearchSpace, beliefs: Beliefs, prior: Sequence[PriorMean]) -> tuple[PriorMean, ...]:
    """Return the mean functions of a model's beliefs, if they state anything that tells architectures apart.

    A model may state all that it expects, or differences to a prior alone. Half of the odds are those of the beliefs
    by themselves, half of their sums with the mean functions of the prior; without one they stand alone.
    """
    if not beliefs.states_anything:
        return ()
    believed, odds = belief_mean(space, beliefs), _ODDS[BELIEFS]
    if not prior:
        return (PriorMean(BELIEFS, believed, odds),)
    share = 0.5 * odds / sum(mean.odds for mean in prior)
    added = [PriorMean(BELIEFS, _sum(mean.function, believed), share * mean.odds) for mean in prior]
    return (PriorMean(BELIEFS, believed, 0.5 * odds), *added)


def _sum(one: MeanFunction, other: MeanFunction) -> MeanFunction:
    return lambda architectures: one(architectures) + other(architectures)


def belief_mean(space: SearchSpace, beliefs: Beliefs) -> MeanFunction:
    """Return the mean function that beliefs state: scores of options, of pairs of options, and of costs, added up.

    A cost counts by its score for each standard deviation. The sum has a mean of 0 and a deviation of 1 over the
    architectures that stand for the space, or is 0 where the beliefs tell none of them apart.
    Raises: GeniusError where a belief names a decision, an option or a cost that the space lacks.
    """
    coder = encoder(space)
    believed = _Believed.of(space, beliefs)
    whole = believed(coder.encode(coder.reference))
    centre, deviation = float(whole.mean()), float(whole.std())
    scale = 1 / deviation if deviation > 1e-9 else 0.0
    return lambda architectures: (believed(architectures) - centre) * scale


@dataclass(frozen=True)
class _Believed:
    """The sum of scores, options counted from 0 as in `Encoded`."""

    space: SearchSpace
    options: Sequence[tuple[int, int, float]]
    pairs: Sequence[tuple[int, int, int, int, float]]
    costs: Sequence[tuple[str, float]]

    @classmethod
    def of(cls, space: SearchSpace, beliefs: Beliefs) -> "_Believed":
        options = [(b.decision, _option(space, b.decision, b.option), b.score) for b in beliefs.options]
        pairs = [
            (at, other, _option(space, at, option), _option(space, other, of_other), b.score)
            for b in beliefs.pairs
            for (at, other), (option, of_other) in [(b.decisions, b.options)]
        ]
        return cls(space, options, pairs, [(b.cost, b.score) for b in beliefs.costs])

    def __call__(self, architectures: Encoded) -> Floats:
        found, held = np.zeros(len(architectures)), architectures.options.T
        for at, option, score in self.options:
            found += score * (held[at] == option)
        for at, other, option, of_other, score in self.pairs:
            found += score * ((held[at] == option) & (held[other] == of_other))
        for name, score in self.costs:
            found += score * encoder(self.space).cost(architectures, name)
        return found


def _option(space: SearchSpace, decision: int, option: int) -> int:
    """Return the number of an option from 0.

    Raises: GeniusError.
    """
    if decision >= len(space.decisions):
        raise GeniusError(f"a belief names decision {decision}, but {space.name} has {len(space.decisions)}, from 0")
    chosen = space.decisions[decision]
    if option not in chosen.numbers:
        low, high = chosen.numbers[0], chosen.numbers[-1]
        raise GeniusError(f"a belief names option {option} of {chosen.name}, which takes a number from {low} to {high}")
    return option - chosen.first


def _leaning(leaning: Floats, prior: float) -> MeanFunction:
    return lambda architectures: prior * (architectures.promises @ leaning)
