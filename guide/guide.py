"""The guide: a surrogate is fitted to a trial's history, and suggests the architectures to try next."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from ..record.candidate import Candidate, Suggestion, measured
from ..record.goal import Goal
from ..record.history import History
from ..record.notebook import Beliefs
from ..spaces.objective import LATENCY, MEMORY
from ..spaces.region import Limits, Region
from ..spaces.space import Architecture, SearchSpace
from .aims import Feasibility, MetricLimit, scalarised
from .choices import Choices, choose, draw_by_options, gather
from .draws import Ranges
from .features import Encoded, Floats, Leaning, encoder, has_ranges
from .means import NO_PRIOR, SIZE, SIZE_WITHIN, PriorMean, belief_means, prior_means
from .starting import balance
from .surrogate import RANGES, RANGES_OF_LEVELS, RANGES_OF_PICKS, UNBOUNDED, Bounds, Surrogate

_JITTER, _EQUAL = 1e-3, 1e-9  # of the scores' own spread: equals are taken in no order, by forecasts and at the start
_OTHER_SIZE, _FAR = 1.0, 1e6  # standard deviations of size that count as another; a score that nothing makes up for
_GOOD = 5  # measured architectures around which a large space is searched
_SAMPLE = 512  # architectures over which effects are averaged
_FITTED = 256  # observations that a surrogate is fitted to, at most
_FEW, _CHECKED = 2, 10  # measurements before the first forecast; the latest that are forecast


@dataclass(frozen=True)
class Guide:
    """How the next architecture is chosen: the first by the prior, the others by a surrogate, by the mean that it
    predicts plus `curiosity` × `fading` ** (measurements - 1) standard deviations. Up to `trusting` measurements it is
    the mean alone: they do not tell yet how large a standard deviation is.

    `prior` is 1 where larger networks are taken to be better until the evidence speaks against it, 0 for no prior, -1
    for the opposite of it, which shows the price of a wrong one. `whole` defines larger for a space without limits, and
    `within` for one with limits. What a model `believes` about the space is weighed beside it. After `doubt`
    measurements the next architecture is drawn at random from those of another size than the ones tried: a
    wrong prior keeps a search among networks that are all the same to it, where nothing speaks against it. The
    hyper-parameters of the surrogate are drawn from `ranges`, in a space with ranges from others.

    In a space with ranges the first `drawn` architectures are drawn, but for one by the prior, and the others maximise
    the expected improvement over the best.
    """

    prior: float = 1.0
    curiosity: float = 0.7
    fading: float = 0.9
    trusting: int = 2
    doubt: int = 3
    believes: bool = True
    drawn: int = 4
    whole: tuple[Leaning, ...] = SIZE
    within: tuple[Leaning, ...] = SIZE_WITHIN
    ranges: Ranges = RANGES_OF_PICKS

    def leanings(self, limits: Limits) -> tuple[Leaning, ...]:
        """Return the leanings of the prior."""
        return self.within if limits.limited else self.whole

    def draws(self, space: SearchSpace, measurements: int) -> bool:
        """Tell whether the next architecture is drawn, since too few were measured to learn from."""
        prior = self.prior and encoder(space).sized and measurements in (0, self.doubt)
        return has_ranges(space) and measurements < self.drawn and not prior

    def curious(self, measurements: int) -> float:
        """Return how many standard deviations an architecture's score lies above its mean."""
        return self.curiosity * self.fading ** (measurements - 1) if measurements > self.trusting else 0.0

    def of(self, goal: Goal) -> "Guide":
        """Return the guide of a search: small networks are fast."""
        return replace(self, prior=-self.prior) if goal.objective in _GROWING else self

    def means(self, region: Region, beliefs: Beliefs | None) -> tuple[PriorMean, ...]:
        """Return the mean functions that the evidence weighs."""
        sized: tuple[PriorMean, ...] = ()
        if self.prior and encoder(region.space).sized:
            sized = prior_means(region.space, self.leanings(region.limits), self.prior)
        believed = belief_means(region.space, beliefs, sized) if self.believes and beliefs else ()
        return (*NO_PRIOR, *sized, *believed)


GUIDE = Guide()
ADVISER = Guide(ranges=RANGES)
"""The guide of forecasts, effects and advice, whose ranges are calibrated. Picks go by ranges of their own."""

_GROWING = (LATENCY, MEMORY)  # with the size of a network


@dataclass(frozen=True)
class Observed:
    """The utilities of the architectures in a trial's history, their standard deviations, and their bounds."""

    architectures: Sequence[Architecture]
    utility: Floats
    sd: Floats
    bounds: Bounds = UNBOUNDED

    def __len__(self) -> int:
        return len(self.architectures)


def observe(history: Sequence[Candidate], weights: Floats | None = None) -> Observed:
    """Gather the observations of the first objective or, by `weights`, of all in one utility.

    A failure counts as the lowest utility so far, and a pending evaluation as the mean ("constant liar"); until
    something was measured, nothing is known.
    """
    goal = History.of(history).goal
    known = [c for c in history if c.architecture is not None]
    points = np.array([goal.utilities(c) for c in known if c.value is not None])
    if not len(points):
        return Observed([], np.empty(0), np.empty(0))
    utilities = points[:, 0] if weights is None else scalarised(points, weights)
    measured_ones, lowest, mean = iter(utilities.tolist()), float(utilities.min()), float(np.mean(utilities))
    values = [next(measured_ones) if c.value is not None else lowest if c.error else mean for c in known]
    deviations = [(c.measurement and c.measurement.sd) or 0.0 if weights is None else 0.0 for c in known]
    architectures = [c.architecture for c in known if c.architecture]
    bounds = goal.objective.bounds if weights is None else UNBOUNDED
    return Observed(architectures, np.array(values), np.array(deviations), bounds)


def fit(
    region: Region,
    observed: Observed,
    rng: np.random.Generator,
    guide: Guide = GUIDE,
    *,
    beliefs: Beliefs | None = None,
    warped: bool = True,
) -> Surrogate:
    """Fit a surrogate to at least one observation; of many, to the best and the latest.

    Utilities far below the best are compressed unless `warped` is False.
    """
    ranges = RANGES_OF_LEVELS if has_ranges(region.space) else guide.ranges
    coder = encoder(region.space)
    kept = _kept(observed)
    return Surrogate(
        coder.encode(kept.architectures),
        kept.utility,
        coder.counts.tolist(),
        rng,
        sd=kept.sd,
        bounds=kept.bounds,
        means=guide.means(region, beliefs),
        ranges=ranges if warped else replace(ranges, tail=(np.inf, np.inf)),
    )


def _kept(observed: Observed) -> Observed:
    """Of many observations, keep the best and the latest: the cost of a fit grows with their cube."""
    if len(observed) <= _FITTED:
        return observed
    best = np.argsort(-observed.utility, kind="stable")[: _FITTED // 2]
    places = np.union1d(best, np.arange(len(observed) - _FITTED // 2, len(observed)))
    kept = [observed.architectures[at] for at in places]
    return Observed(kept, observed.utility[places], observed.sd[places], observed.bounds)


def suggest(
    region: Region,
    history: Sequence[Candidate],
    rng: np.random.Generator,
    guide: Guide = GUIDE,
    count: int = 1,
    refused: Collection[Architecture] = (),
) -> list[Suggestion]:
    """Return the architectures within limits that are the most worth trying, at most `count`, the best first.

    None of them is the same function as an earlier one, or as one that was `refused`.
    """
    known = History.of(history)
    guide = guide.of(known.goal)
    weights = rng.dirichlet(np.ones(len(known.goal.objectives))) if known.goal.pareto else None
    observed = observe(known, weights)
    fitted = guide if weights is None else replace(guide, prior=guide.prior * float(weights[0]))
    surrogate = fit(region, observed, rng, fitted, beliefs=known.beliefs) if len(observed) else None
    leanings = guide.leanings(region.limits)
    weighed, ranged = surrogate is not None or bool(known.weighed), surrogate is not None and has_ranges(region.space)
    judged = (weighed and known.goal.limits) or ranged
    feasibility = feasibility_of(region, known, observed, surrogate, rng) if judged else None
    score = partial(_score, region.space, surrogate, guide, len(observed), feasibility)
    drawn = guide.draws(region.space, len(observed))
    choices = draw_by_options(region, rng) if drawn else gather(region, best_observed(observed), score, rng)
    if not len(choices):
        return []
    scores, chance = score(choices.encoded), rng.standard_normal(len(choices))
    if drawn or (surrogate is None and not guide.prior):
        scores = feasibility.preferred(chance, choices.encoded) if feasibility else chance
    elif guide.prior and len(observed) == guide.doubt and encoder(region.space).sized:
        promise = encoder(region.space).encode(observed.architectures).promise(leanings).mean()
        scores = chance - _FAR * (np.abs(choices.encoded.promise(leanings) - promise) < _OTHER_SIZE)
        if feasibility and known.weighed:
            scores = feasibility.preferred(scores, choices.encoded, -2 * _FAR)
    else:
        scores = scores + (_JITTER if surrogate else _EQUAL) * max(float(scores.std()), 1e-9) * chance
    places = choose(region.space, choices, scores, known.tried(region.space, refused), count)
    told = surrogate if weights is None and has_ranges(region.space) else _adviser(region, known, rng, guide)
    return _suggestions(choices, places, told, known.goal)


def _adviser(region: Region, known: History, rng: np.random.Generator, guide: Guide) -> Surrogate | None:
    """Fit the surrogate of the forecasts that suggestions bear; None where nothing was measured."""
    observed, adviser = observe(known), replace(guide, ranges=RANGES)
    return fit(region, observed, rng, adviser, beliefs=known.beliefs) if len(observed) else None


def _score(
    space: SearchSpace,
    surrogate: Surrogate | None,
    guide: Guide,
    observations: int,
    feasibility: Feasibility | None,
    architectures: Encoded,
) -> Floats:
    if surrogate is None:
        promise = guide.prior * balance(space)(architectures)
        return feasibility.preferred(promise, architectures) if feasibility else promise
    mean, sd = surrogate.standard(architectures)
    if feasibility is not None:
        return feasibility.acquisition(mean, sd, architectures)
    return mean + guide.curious(observations) * sd


def feasibility_of(
    region: Region, known: History, observed: Observed, surrogate: Surrogate | None, rng: np.random.Generator
) -> Feasibility:
    """Fit a surrogate to each metric that is limited and that differs between the measurements.

    What was measured of networks that were refused for it counts, too.
    """
    goal, found = known.goal, []
    for name, (low, high) in goal.limits.items():
        readings = [(c.architecture, goal.reading(c, name)) for c in known.measured if c.architecture]
        readings += [(architecture, metrics.get(name)) for architecture, metrics in known.weighed]
        told = [(architecture, value) for architecture, value in readings if value is not None]
        values = np.array([value for _, value in told])
        if len(set(values.tolist())) > 1:
            metric = Observed([architecture for architecture, _ in told], values, np.zeros(len(values)))
            prior = ADVISER if goal.quantity(name) in _GROWING else replace(ADVISER, prior=0.0)
            fitted = fit(region, metric, rng, prior, warped=False)
            found.append(MetricLimit(fitted, -np.inf if low is None else low, np.inf if high is None else high))
    best = best_feasible(known, observed)
    return Feasibility(found, None if surrogate is None or best is None else surrogate.in_standard_units(best))


def best_feasible(known: History, observed: Observed) -> float | None:
    """Return the highest utility of a feasible measurement; None where there is none."""
    feasible = {candidate.architecture for candidate in known.goal.feasible(known.measured)}
    pairs = zip(observed.architectures, observed.utility.tolist(), strict=True)
    return max((utility for architecture, utility in pairs if architecture in feasible), default=None)


def best_observed(observed: Observed) -> list[Architecture]:
    """Return the observed architectures of the highest utility."""
    return [observed.architectures[at] for at in np.argsort(-observed.utility, kind="stable")[:_GOOD]]


def _suggestions(choices: Choices, places: Sequence[int], surrogate: Surrogate | None, goal: Goal) -> list[Suggestion]:
    architectures = [choices.at(place) for place in places]
    if surrogate is None or not places:
        return [Suggestion(architecture) for architecture in architectures]
    predicted = surrogate.predict(choices.encoded[list(places)])
    values = map(goal.objective.utility, predicted.mean.tolist())  # a utility's own utility is the value
    return [Suggestion(*each) for each in zip(architectures, values, predicted.measured_sd().tolist(), strict=True)]


@dataclass(frozen=True)
class Effect:
    """The effect of an option of a decision on utility, over the mean of the space within the limits."""

    decision: int
    option: int
    mean: float
    sd: float


def effects(
    region: Region,
    observed: Observed,
    rng: np.random.Generator,
    guide: Guide = ADVISER,
    *,
    beliefs: Beliefs | None = None,
) -> list[Effect]:
    """Estimate the effect of every option of every decision, over a sample of the architectures within limits."""
    sample = region.draw(rng, _SAMPLE)
    surrogate = fit(region, observed, rng, guide, beliefs=beliefs)
    mean, covariance = surrogate.joint(encoder(region.space).encode(sample))
    found = []
    for at, decision in enumerate(region.space.decisions):
        for option in decision.numbers:
            held = sample[:, at] == option
            if held.any() and not held.all():
                contrast = held / held.sum() - 1 / len(sample)
                sd = float(np.sqrt(max(contrast @ covariance @ contrast, 0.0)))
                found.append(Effect(at, option, float(contrast @ mean), sd))
    return found


@dataclass(frozen=True)
class Forecast:
    """The value that was expected of an iteration's architecture before it was measured, and the measured value."""

    iteration: int
    expected: float
    sd: float
    measured: float


def forecasts(region: Region, history: Sequence[Candidate], seed: Sequence[int]) -> list[Forecast]:
    """Return the surrogate's forecasts of the latest measurements, each made from those before it."""
    goal, beliefs, known = History.of(history).goal, History.of(history).beliefs, measured(history)
    found = []
    for at in range(max(_FEW, len(known) - _CHECKED), len(known)):
        candidate = known[at]
        assert candidate.architecture is not None
        assert candidate.value is not None
        before, rng = observe(History.of(known[:at], goal)), np.random.default_rng([*seed, at])
        surrogate = fit(region, before, rng, ADVISER.of(goal), beliefs=beliefs)
        predicted = surrogate.predict(encoder(region.space).encode([candidate.architecture]))
        expected, sd = goal.objective.utility(float(predicted.mean[0])), float(predicted.measured_sd()[0])
        found.append(Forecast(candidate.iteration, expected, sd, candidate.value))
    return found
