"""What is suggested next: within the limits, new, and better with every measurement."""

from dataclasses import replace
from math import inf

import numpy as np
import pytest
from genius import Candidate, Measurement, get_space
from genius.guide.features import WHOLE
from genius.guide.guide import GUIDE, Guide, Observed, _kept, effects, fit, forecasts, observe, suggest
from genius.record.goal import GOAL
from genius.spaces.decision import Decision
from genius.spaces.region import NO_LIMITS, Limits, Region
from genius.spaces.space import SearchSpace
from genius.tables.published import load_table

MACRO = get_space("nas-bench-macro")
MOBILE = get_space("mobile-imagenet")


def candidate(architecture, accuracy=None, iteration=1, **measured):
    measurement = Measurement(accuracy, **measured) if accuracy is not None or measured else None
    error = measured.get("error")
    return Candidate(1, iteration, architecture=architecture, measurement=measurement, error=error)


def search(space, accuracy, iterations=10, seed=0, guide=GUIDE, limits=NO_LIMITS):
    history = []
    for at in range(iterations):
        rng = np.random.default_rng([seed, at])
        architecture = suggest(Region(space, limits), history, rng, guide)[0].architecture
        history.append(candidate(architecture, accuracy(architecture), at + 1))
    return history


def test_the_first_is_the_largest_and_without_a_prior_anything():
    first = suggest(Region(MACRO), [], np.random.default_rng(0), count=3)
    assert first[0].architecture == (2,) * 8
    assert [s.value for s in first] == [None] * 3
    without = replace(GUIDE, prior=0.0)
    drawn = {suggest(Region(MACRO), [], np.random.default_rng(seed), without)[0].architecture for seed in range(5)}
    assert len(drawn) == 5


def test_within_limits_the_first_spreads_its_flops_over_the_layers():
    limits = Limits(flops=(-inf, 5e7))
    first = suggest(Region(MACRO, limits), [], np.random.default_rng(0))[0].architecture
    inside = [a for a in MACRO.architectures() if limits.allow(MACRO.cost_of(a))]
    largest = max(inside, key=lambda a: MACRO.cost_of(a).flops)
    assert MACRO.cost_of(first).flops > 0.9 * MACRO.cost_of(largest).flops
    assert first.count(0) <= 1 < largest.count(0)


def test_suggestions_are_new_functions_with_an_expectation():
    space = get_space("nas-bench-201-cifar10")
    history = [candidate((3, 3, 3, 3, 3, 3), 90.0), candidate((1, 0, 0, 0, 0, 1), 60.0)]
    found = suggest(Region(space), history, np.random.default_rng(0), count=20)
    identities = {space.identity(s.architecture) for s in found}
    assert len(identities) == 20
    assert identities.isdisjoint({space.identity(c.architecture) for c in history})
    assert all(0 < s.value < 150 and s.sd > 0 for s in found)


@pytest.mark.parametrize("limits", [Limits(flops=(3e7, 5e7)), Limits(params=(-inf, 1e6))], ids=["flops", "params"])
def test_suggestions_keep_the_limits(limits):
    history = search(MACRO, sum, 6, limits=limits)
    assert all(limits.allow(MACRO.cost_of(c.architecture)) for c in history)


def test_of_a_space_too_large_to_list_it_finds_good_ones_within_limits():
    limits = Limits(flops=(2.7e8, 3.3e8))

    def accuracy(architecture):
        return 60.0 + sum(option == 2 for option in architecture) / 2

    found, by_chance = [], []
    for seed in (0, 1):
        history = search(MOBILE, accuracy, 12, seed, limits=limits)
        assert all(limits.allow(MOBILE.cost_of(c.architecture)) for c in history)
        assert len({MOBILE.identity(c.architecture) for c in history}) == 12
        found.append(GOAL.best(history).accuracy)
        drawn = Region(MOBILE, limits).draw(np.random.default_rng(seed), 12)
        by_chance.append(max(accuracy(tuple(a)) for a in drawn.tolist()))
    assert sum(found) > sum(by_chance)


def test_failures_count_as_the_worst_and_what_is_in_training_as_the_mean():
    history = [
        candidate((0,) * 8, error="out of memory"),
        candidate((1,) * 8, 90.0, sd=0.3),
        candidate((2,) * 8, 94.0),
        candidate((0, 1) * 4),
    ]
    observed = observe(history)
    assert observed.architectures == [c.architecture for c in history]
    np.testing.assert_allclose(observed.utility, [90, 90, 94, 92])
    np.testing.assert_allclose(observed.sd, [0, 0.3, 0, 0])
    assert len(observe([history[0], history[3]])) == 0


def test_what_is_in_training_is_not_suggested_again_and_others_are():
    measured = [candidate((2,) * 8, 94.0), candidate((1,) * 8, 90.0)]
    first = suggest(Region(MACRO), measured, np.random.default_rng(0))[0].architecture
    second = suggest(Region(MACRO), [*measured, candidate(first)], np.random.default_rng(0))[0].architecture
    assert first != second


def test_when_all_is_tried_nothing_is_suggested():
    history = [candidate(a, 90.0) for a in MACRO.architectures()]
    assert suggest(Region(MACRO), history[:50], np.random.default_rng(0))
    small = SearchSpace("s", (Decision("a", ("x", "y")),), "", lambda a: None, (1, 1, 1), parts=MACRO.parts[:1])
    tried = [candidate(a, 90.0) for a in small.architectures()]
    assert suggest(Region(small), tried, np.random.default_rng(0)) == []


@pytest.mark.parametrize("prior", [1.0, 0.0, -1.0], ids=["prior", "none", "reversed"])
@pytest.mark.parametrize("sign", [1, -1, 0], ids=["large is good", "small is good", "size says nothing"])
def test_whatever_the_prior_it_beats_random_sampling(prior, sign):
    """On accuracies that rise or fall with size, and on such that have nothing to do with it."""
    everything, at = np.array(list(MACRO.architectures())), np.arange(8)
    ranks = []
    for seed in range(6):
        noise = np.random.default_rng(seed).normal(size=(8, 3))
        worth = sign * np.array([[0, 0.5, 1]] * 8) + noise * (0.2 if sign else 1)
        values = 85 + worth[at, everything].sum(axis=1)
        found = GOAL.best(
            search(MACRO, lambda a, w=worth: 85 + float(w[at, list(a)].sum()), seed=seed, guide=Guide(prior))
        )
        ranks.append(int((values > found.accuracy + 1e-9).sum()) + 1)
    assert np.mean(ranks) < (len(everything) + 1) / 11  # that of the best of ten uniform samples


def test_a_wrong_prior_ends_no_worse_than_random_sampling_on_every_table(tables):
    for name in ("nas-bench-macro", "nas-bench-201-cifar10", "nas-bench-201-imagenet16-120"):
        space = get_space(name)
        table = load_table(space, tables)

        def accuracy(architecture, table=table):
            return table.measure(architecture).accuracy

        wrong = replace(GUIDE, prior=-1.0)
        found = [GOAL.best(search(space, accuracy, seed=seed, guide=wrong)).architecture for seed in range(8)]
        assert np.mean([table.measure(a).rank for a in found]) < (len(table) + 1) / 11


def test_effects_are_those_of_an_additive_function():
    worth = np.array([[-1.0, 0.0, 1.0]] + [[0.0, 0.0, 0.0]] * 7)
    rng = np.random.default_rng(0)
    drawn = [tuple(rng.integers(3, size=8).tolist()) for _ in range(60)]
    history = [candidate(a, 90 + float(worth[np.arange(8), list(a)].sum())) for a in drawn]
    found = effects(Region(MACRO), observe(history), rng, Guide(prior=0.0))
    assert len(found) == 24
    first = {e.option: e for e in found if e.decision == 0}
    assert first[0].mean < -0.5 < 0.5 < first[2].mean
    assert all(abs(e.mean) < 0.3 for e in found if e.decision > 0)
    assert all(0 < e.sd < 1 for e in found)


def test_a_forecast_knows_nothing_of_what_it_is_held_against():
    history = search(MACRO, lambda a: 90.0 + sum(a) / 8, 8)
    found = forecasts(Region(MACRO), history, (0, 1))
    assert [f.iteration for f in found] == [3, 4, 5, 6, 7, 8]
    changed = [*history[:-1], candidate(history[-1].architecture, 20.0, 8)]
    again = forecasts(Region(MACRO), changed, (0, 1))
    assert [f.expected for f in again] == [f.expected for f in found]
    assert again[-1].measured == 20.0


def test_a_surrogate_that_weighs_errors_trusts_a_lucky_measurement_less():
    lucky = (0, 0, 0, 0, 0, 0, 0, 1)
    rows = [candidate((0,) * 8, 80.0), candidate((1,) * 8, 82.0), candidate((2,) * 8, 84.0)]
    expected = []
    for sd in (None, 8.0):
        surrogate = fit(Region(MACRO), observe([*rows, candidate(lucky, 88.0, sd=sd)]), np.random.default_rng(0))
        from genius.guide.features import encoder

        expected.append(surrogate.predict(encoder(MACRO).encode([lucky])).mean[0])
    assert expected[1] < expected[0]


def test_the_limit_of_what_is_listed_whole_holds_every_table():
    assert MACRO.size < WHOLE < MOBILE.size


@pytest.mark.parametrize("limits", [NO_LIMITS, Limits(flops=(3e7, 5e7))], ids=["free", "limits"])
def test_a_rule_that_allows_everything_changes_no_suggestion(limits):
    """And so a space without a rule is searched as one whose rule is not asked."""
    ruled = replace(MACRO, valid=lambda a: True)
    histories = [search(space, lambda a: 80.0 + sum(a) - a[2] ** 2, 6, limits=limits) for space in (MACRO, ruled)]
    assert [c.architecture for c in histories[0]] == [c.architecture for c in histories[1]]


def test_the_rule_is_asked_once_for_all_iterations():
    asked = []
    space = replace(MACRO, valid=lambda a: asked.append(a) or a[0] != a[7])
    history = search(space, sum, 5)
    assert all(c.architecture[0] != c.architecture[7] for c in history)
    assert len(asked) == space.size


def test_of_very_many_the_guide_goes_uphill_within_the_rule():
    def valid(architecture):
        return architecture.count(6) <= 3 or "too many large ones"

    space = replace(MOBILE, valid=valid)
    history = search(space, lambda a: 60.0 + sum(a) / 10, 4)
    assert all(valid(c.architecture) is True for c in history)
    drawn = Region(space).draw(np.random.default_rng(0), 200)
    assert sum(history[0].architecture) > drawn.sum(axis=1).max()


def test_what_was_refused_is_not_suggested():
    first = suggest(Region(MACRO), [], np.random.default_rng(0))[0].architecture
    assert suggest(Region(MACRO), [], np.random.default_rng(0), refused={first})[0].architecture != first


def test_of_many_observations_the_best_and_the_latest_are_fitted():
    rng = np.random.default_rng(0)
    architectures = [MACRO.sample(rng) for _ in range(1_000)]
    accuracy = rng.permutation(np.linspace(50, 90, 1_000))
    kept = _kept(Observed(architectures, accuracy, np.zeros(1_000)))
    assert len(kept) <= 256
    assert set(np.sort(accuracy)[-128:]) | set(accuracy[-128:]) == set(kept.utility)
    few = Observed(architectures[:256], accuracy[:256], np.zeros(256))
    assert _kept(few) is few
