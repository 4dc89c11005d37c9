"""The guide in spaces with ranges, conditions and no costs."""

import math

import numpy as np
import pytest
from genius import Decision, Region, SearchSpace
from genius.guide.choices import draw_by_options
from genius.guide.features import encoder
from genius.guide.guide import fit, observe, suggest
from genius.guide.surrogate import compared
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


def near(space, left, right, steep):
    coder = encoder(space)
    return compared(coder.encode(left), coder.encode(right), coder.counts.tolist()).near(np.asarray(steep, float))


def test_spaces_without_ranges_are_compared_by_their_options_alone():
    for known in SPACES.values():
        encoded = encoder(known).encode(known.draw(np.random.default_rng(0), 10))
        assert encoded.places.shape == (10, 0, 2)
        assert not compared(encoded, encoded, encoder(known).counts.tolist()).apart


def test_neighbouring_levels_are_similar_wherever_they_are():
    levels = np.arange(31)[:, None]
    similar = near(SearchSpace("one", (Decision.range("x", 0.0, 1.0),)), levels, levels, [3])
    assert np.allclose(np.diag(similar), 1)
    assert np.allclose(np.diag(similar, 1), similar[0, 1])
    assert (np.diff(similar[0]) < 0).all()
    assert similar[0, 30] == pytest.approx(np.exp(-3))


def test_options_that_are_no_levels_and_what_is_hidden_are_all_equally_far():
    two = SearchSpace("two", (Decision("kind", ("a", "b", "c")), Decision.range("x", 1, 9, when=("kind", ("a", "b")))))
    rows = [(0, 0), (1, 0), (2, 0), (0, 8)]
    similar = near(two, rows, rows, [1, 2])
    expected = np.exp(-np.array([[0, 1, 3, 2], [1, 0, 3, 3], [3, 3, 0, 3], [2, 3, 3, 0]]))
    assert similar == pytest.approx(expected)


def test_the_first_architectures_draw_each_option_alike_however_many_levels_it_shows():
    levels = Decision.range("level", 1, 100, when=("kind", ("deep",)))
    lopsided = SearchSpace("lopsided", (Decision("kind", ("deep", "flat")), levels))
    drawn = draw_by_options(Region(lopsided), np.random.default_rng(0)).architectures
    assert 0.45 < (drawn[:, 0] == 1).mean() < 0.55
    assert set(drawn[drawn[:, 0] == 1, 1]) == {0}
    first = [suggest(Region(lopsided), [], np.random.default_rng(seed))[0].architecture[0] for seed in range(40)]
    assert 10 < sum(first) < 30


def test_one_measurement_alone_leaves_all_draws_alike_and_the_guide_goes_on():
    history = [Candidate(1, 1, architecture=SMOOTH.sample(np.random.default_rng(0)), measurement=Measurement(50.0))]
    surrogate = fit(Region(SMOOTH), observe(history), np.random.default_rng(0))
    predicted = surrogate.predict(encoder(SMOOTH).encode(SMOOTH.draw(np.random.default_rng(1), 5)))
    assert np.isfinite(predicted.mean).all()
    assert (predicted.sd > 0).all()


def test_a_hidden_decision_is_an_option_of_its_own():
    coder = encoder(space())
    hidden, held = coder.encode([(1, 0, 0, 0, 0, 0, 0), (0, 0, 0, 0, 0, 0, 0)]).options
    at = [decision.name for decision in SMALL].index("momentum")
    assert (hidden[at], held[at]) == (5, 0)
    assert not coder.sized


def test_the_guide_learns_where_in_the_ranges_the_best_is():
    seeds = range(3)
    assert sum(best_found(seed, True) for seed in seeds) > sum(best_found(seed, False) for seed in seeds) + 5
