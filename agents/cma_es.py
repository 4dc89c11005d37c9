"""CMA-ES as a proposer (Hansen 2016, "The CMA Evolution Strategy: A Tutorial", arXiv:1604.00772).

The strategy keeps no state here: for each proposal it learns again from the history, a generation after the other. That
costs an update for every few candidates.
"""

from collections.abc import Hashable, Iterator, Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import GeniusError
from ..guide.features import Floats
from ..guide.guide import observe
from ..record.candidate import Message
from ..record.history import History
from ..spaces.region import Region
from ..spaces.space import Architecture, SearchSpace
from .proposer import Proposer
from .untried import not_again, offloaded, reasoned, rng_of

if TYPE_CHECKING:
    from cma import CMAEvolutionStrategy

_GENERATION = 6  # candidates that the strategy learns from at once: few, for budgets of tens of evaluations
_TRIES = 100  # samples, before the nearest architecture that is allowed and new is taken
FIRST_STEP = 0.3  # the first standard deviation: of a coordinate of an option, and as a share of a range
_LEAST = 0.1  # the least one, so that no option is out of reach
_FULL = 100  # coordinates up to which correlations are learnt


@dataclass(frozen=True)
class Coding:
    """Architectures as points: a range is one coordinate from 0 to 1, any other decision has one for each option, of
    which the highest counts."""

    space: SearchSpace

    def places(self) -> Iterator[tuple[int, slice]]:
        """Go through the decisions, and the coordinates of each."""
        first = 0
        for at, decision in enumerate(self.space.decisions):
            width = 1 if decision.scale else len(decision.options)
            yield at, slice(first, first + width)
            first += width

    @property
    def size(self) -> int:
        """The number of coordinates."""
        return sum(1 if decision.scale else len(decision.options) for decision in self.space.decisions)

    def start(self) -> Floats:
        """Return the point that prefers nothing."""
        return np.full(self.size, 0.5)

    def point(self, architecture: Architecture) -> Floats:
        """Return the point of an architecture."""
        found = np.zeros(self.size)
        for at, place in self.places():
            decision, number = self.space.decisions[at], architecture[at] - self.space.decisions[at].first
            if decision.scale:
                found[place] = number / (len(decision.options) - 1)
            else:
                found[place.start + number] = 1.0
        return found

    def architecture(self, point: Floats) -> Architecture:
        """Return the architecture of a point; hidden decisions hold their first option."""
        numbers = []
        for at, place in self.places():
            decision = self.space.decisions[at]
            top = len(decision.options) - 1
            number = round(float(point[place.start].clip(0, 1)) * top) if decision.scale else int(point[place].argmax())
            numbers.append(decision.first + number)
        return self.space.settled(tuple(numbers))


def strategy_after(history: History, coding: Coding, rng: np.random.Generator) -> "CMAEvolutionStrategy":
    """Return the strategy that has learnt from a history, all but an unfinished generation."""
    import cma

    options: dict[str, Any] = {
        "popsize": _GENERATION,
        "randn": lambda *shape: rng.standard_normal(shape),
        "seed": np.nan,  # numpy's global generator is left alone
        "minstd": _LEAST,
        "CMA_diagonal": coding.size > _FULL,
        "verbose": -9,
        "verb_log": 0,
    }
    strategy = cma.CMAEvolutionStrategy(coding.start(), FIRST_STEP, options)
    points, losses = _told(coding, history, rng)
    for first in range(0, len(points) - _GENERATION + 1, _GENERATION):
        generation = slice(first, first + _GENERATION)
        strategy.ask()  # before each generation is told
        strategy.tell(list(points[generation]), losses[generation].tolist())
    return strategy


def _told(coding: Coding, history: History, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return the points that were tried, and the values to minimise: failures and infeasible points count as the worst.

    Of several objectives it is the one utility that the guide makes of them, with weights drawn anew.
    """
    goal = history.goal
    observed = observe(history, rng.dirichlet(np.ones(len(goal.objectives))) if goal.pareto else None)
    if not len(observed):
        return np.empty((0, coding.size)), np.empty(0)
    beyond = {c.architecture for c in history.measured if goal.beyond(c)}
    worst = float(observed.utility.min())
    pairs = zip(observed.architectures, observed.utility.tolist(), strict=True)
    utilities = np.array([worst if architecture in beyond else utility for architecture, utility in pairs])
    return np.array([coding.point(architecture) for architecture in observed.architectures]), -utilities


def sample_new(
    strategy: "CMAEvolutionStrategy", coding: Coding, region: Region, done: Set[Hashable]
) -> Architecture | None:
    """Sample until an architecture is allowed and new; in the end return the nearest such one."""
    found: Architecture = ()
    for point in strategy.ask(_TRIES):
        found = coding.architecture(np.asarray(point))
        if region.space.identity(found) not in done and region.allows([found]).all():
            return found
    return region.nearest(found, done)


def check_installed(name: str) -> None:
    """Raises GeniusError where the package `cma` is not installed."""
    try:
        import cma  # noqa: F401
    except ImportError:
        raise GeniusError(f"{name} needs cma, which is not installed: pip install 'genius-nas[cma]'") from None


def cma_es(region: Region, seed: Sequence[int]) -> Proposer:
    """Propose as CMA-ES does. Its standard deviations have a floor, so that discrete options stay within reach.

    Failures count as the worst so far, and pending evaluations as the mean.
    Raises: GeniusError where `cma` is not installed.
    """
    check_installed("cma-es")
    coding = Coding(region.space)

    def proposal(prompt: Sequence[Message], history: History) -> str:
        done, rng = not_again(region.space, prompt, history), rng_of(seed, history)
        found = sample_new(strategy_after(history, coding, rng), coding, region, done)
        return reasoned(region, found, "By CMA-ES.")

    return offloaded(proposal)
