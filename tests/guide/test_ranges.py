"""The guide in spaces with ranges, conditions and no costs."""

import math

import numpy as np
from genius import Decision, Region, SearchSpace
from genius.guide.features import encoder, level_features
from genius.guide.guide import suggest
from genius.record.candidate import Candidate, Measurement
from genius.spaces import SPACES

from ..spaces.value_spaces import SMALL, space

SMOOTH = SearchSpace(
    "smooth",
    (
        Decision("optimizer", ("sgd", "adam")),
        Decision.range("lr", 1e-4, 1e-1, log=True, levels=16),
        Decision.range("momentum", 0.0, 0.99, levels=5, when=("optimizer", ("sgd",))),
        Decision("width", (16, 32, 64)),
        Decision.range("layers", 1, 12),
        Decision.range("decay", 1e-6, 1e-2, log=True, levels=9),
    ),
)


def value(architecture):
    values = SMOOTH.values(architecture)
    gain = 4 * values["momentum"] - 2 if "momentum" in values else 0
    off = 8 * (math.log10(values["lr"]) + 2.3) ** 2 + 0.3 * (values["layers"] - 7) ** 2
    return 90 - off - (math.log10(values["decay"]) + 4) ** 2 + gain + values["width"] / 32


def best_found(seed, guided):
    history, drawn = [], np.random.default_rng(seed)
    for at in range(14):
        rng = np.random.default_rng([seed, at])
        found = suggest(Region(SMOOTH), history, rng)[0].architecture if guided else SMOOTH.sample(drawn)
        history.append(Candidate(1, at + 1, architecture=found, measurement=Measurement(value(found))))
    return max(candidate.accuracy for candidate in history)


def test_spaces_without_ranges_are_compared_as_before():
    for known in SPACES.values():
        architectures = known.draw(np.random.default_rng(0), 10)
        assert level_features(known, architectures) == []


def test_neighbouring_levels_are_similar_wherever_they_are():
    (waves,) = level_features(SearchSpace("one", (Decision.range("x", 0.0, 1.0),)), np.arange(31)[:, None])
    similar = waves @ waves.T
    assert np.allclose(np.diag(similar), similar[0, 0])
    assert np.allclose(np.diag(similar, 1), similar[0, 1])
    falling = similar[0, :16]
    assert (np.diff(falling) < 0).all()
    assert similar[0, 30] < 0.2 * similar[0, 0]


def test_a_hidden_decision_is_an_option_of_its_own():
    coder = encoder(space())
    hidden, held = coder.encode([(1, 0, 0, 0, 0, 0, 0), (0, 0, 0, 0, 0, 0, 0)]).options
    at = [decision.name for decision in SMALL].index("momentum")
    assert (hidden[at], held[at]) == (5, 0)
    assert not coder.sized


def test_the_guide_learns_where_in_the_ranges_the_best_is():
    seeds = range(3)
    assert sum(best_found(seed, True) for seed in seeds) > sum(best_found(seed, False) for seed in seeds) + 5
