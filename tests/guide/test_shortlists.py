"""Shortlists: what to exploit, to explore, and to test the prior with; and forecasts of given architectures."""

from dataclasses import replace
from functools import partial
from typing import get_args

import numpy as np
import pytest
from genius import ACCURACY, Candidate, Decision, Goal, Measurement, Objective, SearchSpace, get_space
from genius.guide.features import encoder
from genius.guide.shortlists import Purpose, forecast, shortlist, swaps
from genius.record.history import History
from genius.record.notebook import Beliefs, OptionBelief
from genius.spaces.region import Limits, Region

SPACE = get_space("nas-bench-macro")
REGION = Region(SPACE)
SEED = (0, 1)
EXACT = {"sd": 0.05}
PURPOSES = get_args(Purpose)
exploit, explore, probe = (partial(shortlist, purpose) for purpose in PURPOSES)


def value_of(architecture):
    return 80.0 + sum(architecture) / 4


def measured(count=8, space=SPACE, value=value_of, seed=0):
    rng = np.random.default_rng(seed)
    drawn = dict.fromkeys(space.sample(rng) for _ in range(count))
    return [
        Candidate(1, at, architecture=a, measurement=Measurement(value(a), **EXACT))
        for at, a in enumerate(drawn, start=1)
    ]


def changes(one, other):
    return sum(a != b for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("kind", PURPOSES)
def test_a_shortlist_is_new_allowed_and_a_function_of_history_and_seed(kind):
    history = measured()
    limits = Limits(flops=(3e7, 6e7))
    region = Region(SPACE, limits)
    refused = exploit(region, history, SEED, 1)[0].architecture
    found = shortlist(kind, region, history, SEED, 4, [refused])
    assert found == shortlist(kind, region, history, SEED, 4, [refused])
    assert len({each.architecture for each in found}) == len(found) == 4
    assert region.allows([each.architecture for each in found]).all()
    assert not {each.architecture for each in found} & {refused, *(c.architecture for c in history)}
    assert all(0 <= each.improvement <= 1 and each.sd > 0 and each.why for each in found)


def test_exploiting_takes_the_highest_forecasts_within_two_changes_of_the_best():
    history = measured()
    best = max(history, key=lambda c: c.value).architecture
    found = exploit(REGION, history, SEED, 5)
    assert all(1 <= changes(each.architecture, best) <= 2 for each in found)
    values = [each.value for each in found]
    assert values == sorted(values, reverse=True)
    near = [tuple(row) for row in REGION.neighbours(best).tolist()]
    untried = [a for a in near if a not in {c.architecture for c in history}]
    assert max(each.value for each in forecast(REGION, history, SEED, untried)) <= values[0] + 1e-9


def test_where_a_limit_binds_swaps_that_use_the_budget_are_among_the_near_ones():
    space = get_space("channel-bench-resnet")
    largest = Region(space).counted(Region(space).largest())[0, 0]
    region = Region(space, Limits(flops=(0, 0.5 * largest)))
    rng = np.random.default_rng(0)
    drawn = [*dict.fromkeys(region.sample(rng) for _ in range(5)), (3, 3, 2, 2, 3, 2, 4)]
    history = [
        Candidate(1, at, architecture=a, measurement=Measurement(80.0 + at, **EXACT)) for at, a in enumerate(drawn, 1)
    ]
    best = max(history, key=lambda c: c.value).architecture
    found = [each.architecture for each in exploit(region, history, SEED, 5)]
    assert len(found) == len(set(found)) == 5
    assert sum(is_swap(best, each) for each in found) >= 2
    every = [each.architecture for each in swaps(region, history, SEED, best, 8)]
    assert len(every) == 8
    assert all(is_swap(best, each) and region.allows(each).all() for each in every)
    assert np.mean(region.counted(every)[:, 0]) > np.mean(region.counted(region.neighbours(best))[:, 0])
    assert swaps(Region(space), history, SEED, best, 8) == []


def is_swap(best, other):
    """Tell whether an architecture has more in one decision, and less in another."""
    return min(np.subtract(other, best)) < 0 < max(np.subtract(other, best))


def test_nothing_but_the_forecasts_orders_what_is_exploited():
    """The guide itself is curious, and draws its fourth architecture from another size; a shortlist does neither."""
    for count in (3, 4):
        history = measured(count)
        first = exploit(REGION, history, SEED, 1)[0]
        others = forecast(REGION, history, SEED, [each.architecture for each in explore(REGION, history, SEED, 5)])
        best = max(history, key=lambda c: c.value).architecture
        assert all(first.value >= o.value - 1e-9 for o in others if changes(o.architecture, best) <= 1)


def test_a_small_space_goes_on_further_away_when_the_neighbourhood_is_used_up():
    space = SearchSpace("s", (Decision("a", ("x", "y")), Decision("b", ("x", "y")), Decision("c", ("x", "y"))))
    every = [(a, b, c) for a in (0, 1) for b in (0, 1) for c in (0, 1)]
    tried = [a for a in every if sum(a) <= 2]
    history = [Candidate(1, n, architecture=a, measurement=Measurement(float(-sum(a)))) for n, a in enumerate(tried, 1)]
    (last,) = exploit(Region(space), history, SEED, 5)
    assert (last.architecture, last.why) == ((1, 1, 1), "further away")
    done = [*history, Candidate(1, 9, architecture=(1, 1, 1), measurement=Measurement(-3.0))]
    assert all(shortlist(purpose, Region(space), done, SEED, 5) == [] for purpose in PURPOSES)


def test_exploring_names_what_was_never_tried():
    history = [
        Candidate(1, at, architecture=(2, 2, 2, 2, 2, 2, option, 0), measurement=Measurement(90.0 + option))
        for at, option in enumerate((1, 2), start=1)
    ]
    found = explore(REGION, history, SEED, 3)
    assert all("never tried" in each.why for each in found)
    named = found[0].why.partition(": ")[2].split(" and ")[0].split(", ")
    for words in named:
        layer, _, option = words.partition(" = ")
        at = [decision.name for decision in SPACE.decisions].index(layer)
        assert found[0].architecture[at] == int(option)
        assert int(option) not in {c.architecture[at] for c in history}
    assert all(changes(a.architecture, b.architecture) > 1 for a in found for b in found if a is not b)


def test_what_is_explored_is_uncertain_but_promising():
    history = measured(12)
    explored, drawn = (
        explore(REGION, history, SEED, 3),
        forecast(REGION, history, SEED, [tuple(row) for row in SPACE.draw(np.random.default_rng(5), 200).tolist()]),
    )
    assert np.mean([each.sd for each in explored]) > np.mean([each.sd for each in drawn])
    assert min(each.value for each in explored) >= np.quantile([each.value for each in drawn], 0.3)


def test_what_tests_the_prior_is_smaller_than_the_best():
    history = measured(8)
    best = max(history, key=lambda c: c.value).architecture
    promise = lambda a: encoder(SPACE).encode([a]).promises[0, :2].mean()  # noqa: E731
    for each in probe(REGION, history, SEED, 4):
        assert promise(each.architecture) < promise(best)
        assert "speak against the prior" in each.why


def test_what_tests_a_models_beliefs_goes_against_them():
    space = SearchSpace("s", tuple(Decision(f"d{at}", ("x", "y", "z")) for at in range(5)))
    beliefs = Beliefs(options=tuple(OptionBelief(at, 2, 2.0) for at in range(5)))
    history = measured(6, space, lambda a: float(sum(a)))
    assert probe(Region(space), history, SEED, 3) == []  # without networks there is no prior
    found = probe(Region(space), History.of(history, Goal((ACCURACY,)), beliefs), SEED, 3)
    best = max(history, key=lambda c: c.value).architecture
    assert found
    assert all(each.architecture.count(2) < best.count(2) for each in found)


def test_nothing_measured_means_no_forecast():
    assert forecast(REGION, [], SEED, [(1,) * 8]) == forecast(REGION, (), SEED, [(1,) * 8])
    assert forecast(REGION, [], SEED, [(1,) * 8])[0].value is None
    assert exploit(REGION, [], SEED, 2)[0].improvement is None
    assert explore(REGION, [], SEED, 2) == probe(REGION, [], SEED, 2) == []
    assert forecast(REGION, measured(), SEED, []) == []


def test_a_forecast_knows_what_was_measured():
    history = measured(12)
    best = max(history, key=lambda c: c.value)
    worst = min(history, key=lambda c: c.value)
    low, high = forecast(REGION, history, SEED, [worst.architecture, best.architecture])
    assert low.value < high.value
    assert low.improvement < 0.05


def test_lower_is_better_is_the_same_search():
    up, down = Goal((Objective("score"),)), Goal((Objective("loss", better="lower"),))
    history = measured(8)
    turned = [replace(c, measurement=Measurement(-c.value, **EXACT)) for c in history]
    for make in (exploit, explore, probe):
        found = make(REGION, History.of(history, up), SEED, 3)
        mirrored = make(REGION, History.of(turned, down), SEED, 3)
        assert [each.architecture for each in found] == [each.architecture for each in mirrored]
        assert [each.value for each in found] == pytest.approx([-each.value for each in mirrored])
        assert [each.improvement for each in found] == pytest.approx([each.improvement for each in mirrored])


def test_pending_evaluations_and_failures_are_known():
    history = measured(6)
    pending = Candidate(1, 7, architecture=exploit(REGION, history, SEED, 1)[0].architecture)
    failed = Candidate(1, 8, architecture=(2,) * 8, error="it does not fit")
    known = History(History.of([*history, failed]).indexed, 7, [pending])
    for make in (exploit, explore, probe):
        found = {each.architecture for each in make(REGION, known, SEED, 5)}
        assert not found & {pending.architecture, failed.architecture}


def test_measured_limits_lower_the_probability_of_improvement():
    def with_latency(candidate):
        latency = float(sum(candidate.architecture))
        return replace(candidate, measurement=replace(candidate.measurement, metrics={"latency": latency}))

    history = [with_latency(c) for c in measured(14)]
    goal = Goal((ACCURACY,), limits={"latency": (None, 8.0)})
    large, free = [(2,) * 8], Goal((ACCURACY,))
    (bound,) = forecast(REGION, History.of(history, goal), SEED, large)
    (unbound,) = forecast(REGION, History.of(history, free), SEED, large)
    assert bound.improvement < 0.3 < unbound.improvement
    found = exploit(REGION, History.of(history, goal), SEED, 3)
    assert all(sum(each.architecture) <= 10 for each in found)


def test_of_several_objectives_the_forecast_is_of_the_first():
    goal = Goal((ACCURACY, Objective("size", better="lower")), pareto=True)
    history = [
        replace(c, measurement=Measurement(c.value, metrics={"size": float(sum(c.architecture))})) for c in measured(10)
    ]
    for make in (exploit, explore, probe):
        for each in make(REGION, History.of(history, goal), SEED, 3):
            assert 75 < each.value < 90
            assert 0 <= each.improvement <= 1


def test_a_space_with_conditions_and_ranges_is_served():
    space = SearchSpace(
        "v",
        (
            Decision.range("lr", 1e-4, 1e-1, log=True, levels=7),
            Decision("optimizer", ("sgd", "adam")),
            Decision.range("momentum", 0.0, 0.9, levels=4, when=("optimizer", ("sgd",))),
        ),
    )
    history = measured(6, space, lambda a: 50.0 + sum(a))
    for make in (exploit, explore):
        assert len(make(Region(space), history, SEED, 2)) == 2
    assert not any("momentum" in each.why for each in explore(Region(space), history, SEED, 5) if each.architecture[1])
