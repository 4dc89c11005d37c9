"""What to try next, by what was measured: a surrogate is fitted to a trial's history and asked for the best."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from ..record.candidate import Candidate, Suggestion, measured
from ..record.history import History
from ..spaces.region import Limits, Region
from ..spaces.space import Architecture, SearchSpace
from .choices import Choices, choose, gather
from .features import Encoded, Floats, Leaning, encoder
from .surrogate import SIZE, SIZE_WITHIN, Surrogate

_JITTER = 1e-3  # of the scores' own spread: equals are taken in no order
_OTHER_SIZE, _FAR = 1.0, 1e6  # standard deviations of size that count as another; a score that nothing makes up for
_GOOD = 5  # measured architectures around which a large space is searched
_SAMPLE = 512  # architectures over which effects are averaged
_FITTED = 256  # observations that a surrogate is fitted to, at most
_FEW, _CHECKED = 2, 10  # measurements before the first forecast; the latest that are forecast


@dataclass(frozen=True)
class Guide:
    """How the next architecture is chosen: the first by the prior, the others by a surrogate, by the mean that it
    predicts plus `curiosity` × `fading` ** (measurements - 1) standard deviations.

    `prior` is 1 where larger networks are taken to be better until measurements say otherwise, 0 for no prior, -1 for
    the opposite of it, which shows what a wrong one costs; it is worth `trust` times as much after each further
    measurement. What larger means, `whole` says for a space without limits, and `within` for one with limits. After
    `doubt` measurements the next architecture is drawn at random from those of another size than the ones tried: a
    wrong prior keeps a search among networks that are all the same to it, where nothing speaks against it. In a space
    with ranges `in_ranges` stands for curiosity and fading: there is more to find out between two measurements.
    """

    prior: float = 1.0
    curiosity: float = 0.5
    fading: float = 0.9
    doubt: int = 3
    trust: float = 0.7
    in_ranges: tuple[float, float] = (1.0, 0.95)
    whole: tuple[Leaning, ...] = SIZE
    within: tuple[Leaning, ...] = SIZE_WITHIN

    def leanings(self, limits: Limits) -> tuple[Leaning, ...]:
        """Return what the prior takes to be better."""
        return self.within if limits.limited else self.whole

    def of(self, space: SearchSpace) -> "Guide":
        """Return the guide of a space: with ranges it is more curious."""
        if not any(decision.scale for decision in space.decisions):
            return self
        curiosity, fading = self.in_ranges
        return replace(self, curiosity=curiosity, fading=fading)

    def prior_after(self, measurements: int) -> float:
        """Return what the prior is worth."""
        return self.prior * self.trust ** (measurements - 1)


GUIDE = Guide()


@dataclass(frozen=True)
class Observed:
    """What a trial's history says of architectures: accuracies in percent, and their standard deviations."""

    architectures: Sequence[Architecture]
    accuracy: Floats
    sd: Floats

    def __len__(self) -> int:
        return len(self.architectures)


def observe(history: Sequence[Candidate]) -> Observed:
    """Gather what is known. A failure counts as the lowest accuracy so far, and what is still in training as the mean
    ("constant liar"); until something was measured, nothing is known."""
    known = [c for c in history if c.architecture is not None]
    accuracies = [c.accuracy for c in known if c.accuracy is not None]
    if not accuracies:
        return Observed([], np.empty(0), np.empty(0))
    lowest, mean = min(accuracies), float(np.mean(accuracies))
    values = [c.accuracy if c.accuracy is not None else lowest if c.error else mean for c in known]
    deviations = [(c.measurement and c.measurement.sd) or 0.0 for c in known]
    return Observed([c.architecture for c in known if c.architecture], np.array(values), np.array(deviations))


def fit(
    region: Region,
    observed: Observed,
    rng: np.random.Generator,
    guide: Guide = GUIDE,
) -> Surrogate:
    """Fit a surrogate to at least one observation; of many, to the best and the latest."""
    coder = encoder(region.space)
    prior, leanings = guide.prior_after(len(observed)), guide.leanings(region.limits)
    kept = _kept(observed)
    known = coder.encode(kept.architectures)
    return Surrogate(known, kept.accuracy, coder.counts.tolist(), rng, sd=kept.sd, prior=prior, leanings=leanings)


def _kept(observed: Observed) -> Observed:
    """Of many observations, keep the most accurate and the latest: the cost of a fit grows with their cube."""
    if len(observed) <= _FITTED:
        return observed
    best = np.argsort(-observed.accuracy, kind="stable")[: _FITTED // 2]
    places = np.union1d(best, np.arange(len(observed) - _FITTED // 2, len(observed)))
    return Observed([observed.architectures[at] for at in places], observed.accuracy[places], observed.sd[places])


def suggest(
    region: Region,
    history: Sequence[Candidate],
    rng: np.random.Generator,
    guide: Guide = GUIDE,
    count: int = 1,
    refused: Collection[Architecture] = (),
) -> list[Suggestion]:
    """Return the architectures within limits that are the most worth trying, at most `count`, the best first.

    None of them computes what an earlier one does, or one that was `refused`.
    """
    guide, observed = guide.of(region.space), observe(history)
    surrogate = fit(region, observed, rng, guide) if len(observed) else None
    leanings = guide.leanings(region.limits)
    score = partial(_score, surrogate, guide, len(observed), leanings)
    choices = gather(region, _best(observed), score, rng)
    if not len(choices):
        return []
    scores, chance = score(choices.encoded), rng.standard_normal(len(choices))
    if surrogate is None and not guide.prior:
        scores = chance
    elif guide.prior and len(observed) == guide.doubt and encoder(region.space).sized:
        promise = encoder(region.space).encode(observed.architectures).promise(leanings).mean()
        scores = chance - _FAR * (np.abs(choices.encoded.promise(leanings) - promise) < _OTHER_SIZE)
    else:
        scores = scores + _JITTER * max(float(scores.std()), 1e-9) * chance
    known = History.of(history).tried(region.space, refused)
    return _suggestions(choices, choose(region.space, choices, scores, known, count), surrogate)


def _score(
    surrogate: Surrogate | None, guide: Guide, observations: int, leanings: Sequence[Leaning], architectures: Encoded
) -> Floats:
    if surrogate is None:
        return guide.prior * architectures.promise(leanings)
    predicted = surrogate.predict(architectures)
    return predicted.mean + guide.curiosity * guide.fading ** (observations - 1) * predicted.sd


def _best(observed: Observed) -> list[Architecture]:
    return [observed.architectures[at] for at in np.argsort(-observed.accuracy, kind="stable")[:_GOOD]]


def _suggestions(choices: Choices, places: Sequence[int], surrogate: Surrogate | None) -> list[Suggestion]:
    architectures = [choices.at(place) for place in places]
    if surrogate is None or not places:
        return [Suggestion(architecture) for architecture in architectures]
    predicted = surrogate.predict(choices.encoded[list(places)])
    numbers = zip(architectures, predicted.mean.tolist(), predicted.measured_sd().tolist(), strict=True)
    return [Suggestion(*each) for each in numbers]


@dataclass(frozen=True)
class Effect:
    """What an option of a decision adds to the accuracy, in percent, over the mean of the space within the limits."""

    decision: int
    option: int
    mean: float
    sd: float


def effects(region: Region, observed: Observed, rng: np.random.Generator, guide: Guide = GUIDE) -> list[Effect]:
    """Estimate the effect of every option of every decision, over a sample of the architectures within limits."""
    sample = region.draw(rng, _SAMPLE)
    mean, covariance = fit(region, observed, rng, guide).joint(encoder(region.space).encode(sample))
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
    """What was expected of an iteration's architecture before it was measured, and what was measured, in percent."""

    iteration: int
    expected: float
    sd: float
    measured: float


def forecasts(region: Region, history: Sequence[Candidate], seed: Sequence[int]) -> list[Forecast]:
    """Say of the latest measurements what the surrogate expected of each by those before it."""
    known = measured(history)
    found = []
    for at in range(max(_FEW, len(known) - _CHECKED), len(known)):
        candidate = known[at]
        assert candidate.architecture is not None
        assert candidate.accuracy is not None
        surrogate = fit(region, observe(known[:at]), np.random.default_rng([*seed, at]))
        predicted = surrogate.predict(encoder(region.space).encode([candidate.architecture]))
        expected, sd = float(predicted.mean[0]), float(predicted.measured_sd()[0])
        found.append(Forecast(candidate.iteration, expected, sd, candidate.accuracy))
    return found
