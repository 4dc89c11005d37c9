"""The surrogate against closed forms, and against tables."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from genius.errors import GeniusError
from genius.guide.draws import Ranges
from genius.guide.features import Encoder, encoder
from genius.guide.kernels import compared
from genius.guide.means import NO_PRIOR, SIZE, belief_mean, belief_means, size_means
from genius.guide.surrogate import RANGES, RANGES_OF_PICKS, Surrogate
from genius.guide.warp import Warp
from genius.record.notebook import Beliefs, CostBelief, OptionBelief, PairBelief
from genius.spaces import get_space
from genius.spaces.decision import Decision
from genius.spaces.space import SearchSpace
from genius.tables.published import TABLES, load_table

MACRO = get_space("nas-bench-macro")
FIXED = Ranges(
    effect=(0.7, 0.7),
    scale=(1.0, 1.0),
    noise=(0.5, 0.5),
    gain=(0.4, 0.4),
    tail=(np.inf, np.inf),
    shared=(0.7, 0.7),
    without_shared=0.0,
    draws=1,
)
BY_FLOPS = size_means(SIZE[:1], 1.0)


def drawn(count, seed=0):
    rng = np.random.default_rng(seed)
    return np.array([MACRO.sample(rng) for _ in range(count)])


def one_hot(options, counts):
    return np.concatenate([options[:, [d]] == np.arange(n) for d, n in enumerate(counts)], axis=1).astype(float)


def pairs(options, counts):
    columns = []
    for a, b in combinations(range(len(counts)), 2):
        for x in range(counts[a]):
            columns += [(options[:, a] == x) & (options[:, b] == y) for y in range(counts[b])]
    return np.stack(columns, axis=1).astype(float)


def scaled(features, whole):
    """Centre features over the whole space, and scale them to a mean squared length of 1."""
    centred = whole - whole.mean(axis=0)
    return (features - whole.mean(axis=0)) / np.sqrt((centred**2).sum(axis=1).mean())


def all_features(coder, encoded):
    """Write every group of effects out as columns, in the kernels' order."""
    counts, everything = coder.counts.tolist(), coder.encode(coder.reference)
    own = [scaled(make(encoded.options, counts), make(everything.options, counts)) for make in (one_hot, pairs)]
    return [*own, *encoded.groups.values()]


def test_similarities_are_products_of_features_that_are_scaled_alike():
    coder = encoder(MACRO)
    left, right = coder.encode(drawn(5)), coder.encode(drawn(4, seed=1))
    comparison = compared(left, right, coder.counts.tolist())
    found = comparison.similarities(np.empty(0))
    assert comparison.groups == ("options", "pairs", "worth", "size", "shared")
    mine, other = all_features(coder, left), all_features(coder, right)
    assert len(found) == len(mine) == 5
    for kernel, a, b in zip(found, mine, other, strict=True):
        # the column of ones that differs is the constant's business
        difference = kernel - a @ b.T
        np.testing.assert_allclose(difference - difference.mean(), 0, atol=2e-5)


def test_every_group_has_a_mean_similarity_to_itself_of_one_over_the_space():
    coder = encoder(MACRO)
    everything = coder.encode(coder.reference)
    for group in everything.groups.values():
        np.testing.assert_allclose(group.mean(axis=0), 0, atol=1e-4)
        assert (group.astype(float) ** 2).sum(axis=1).mean() == pytest.approx(1, abs=1e-4)


def test_it_is_bayesian_linear_regression_on_these_features():
    coder = encoder(MACRO)
    tried, others = coder.encode(drawn(12)), coder.encode(drawn(30, seed=1))
    accuracy = 90 + np.random.default_rng(2).normal(size=12)
    fitted = Surrogate(tried, accuracy, coder.counts.tolist(), np.random.default_rng(0), means=BY_FLOPS, ranges=FIXED)
    found = fitted.predict(others)
    unit = accuracy.std()
    x, new = (0.7 * np.concatenate(all_features(coder, each), axis=1) for each in (tried, others))
    # weights with a standard normal prior, and a constant with a flat one
    design, wanted = (np.concatenate([np.ones((len(each), 1)), each], axis=1) for each in (x, new))
    penalty = np.diag([0.0, *np.ones(x.shape[1])])
    covariance = np.linalg.inv(design.T @ design / 0.25 + penalty)
    targets = (accuracy - accuracy.mean()) / unit - 0.4 * tried.promises[:, 0]
    weights = covariance @ design.T @ targets / 0.25
    mean = accuracy.mean() + unit * (wanted @ weights + 0.4 * others.promises[:, 0])
    sd = unit * np.sqrt(np.einsum("ij,jk,ik->i", wanted, covariance, wanted))
    np.testing.assert_allclose(found.mean, mean, rtol=1e-5)
    np.testing.assert_allclose(found.sd, sd, rtol=1e-3)
    assert found.noise == pytest.approx(0.5 * unit)


def test_predictions_together_are_those_of_each_alone():
    coder = encoder(MACRO)
    surrogate = Surrogate(coder.encode(drawn(9)), np.arange(9.0), coder.counts.tolist(), np.random.default_rng(0))
    others = coder.encode(drawn(20, seed=1))
    alone, (mean, covariance) = surrogate.predict(others), surrogate.joint(others)
    np.testing.assert_allclose(mean, alone.mean, rtol=1e-4)
    # the uncertainty within unlikely draws is left out of these
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), alone.sd, rtol=8e-2)


def test_surprise_is_what_leaving_each_measurement_out_says():
    coder = encoder(MACRO)
    points, accuracy = drawn(8), 90 + np.random.default_rng(2).normal(size=8)

    def predict(rows, at):
        # by the same units, which leaving one out would change
        tried = coder.encode(points[rows])
        rng = np.random.default_rng(0)
        fixed = Surrogate(tried, accuracy[rows], coder.counts.tolist(), rng, means=BY_FLOPS, ranges=FIXED)
        return fixed, fixed.predict(coder.encode(points[[at]]))

    whole, _ = predict(list(range(8)), 0)
    unit, apart = accuracy.std(), []
    for at in range(8):
        rows = [row for row in range(8) if row != at]
        features = [0.7 * np.concatenate(all_features(coder, coder.encode(points[r])), axis=1) for r in (rows, [at])]
        design, new = (np.concatenate([np.ones((len(f), 1)), f], axis=1) for f in features)
        covariance = np.linalg.inv(design.T @ design / 0.25 + np.diag([0.0, *np.ones(features[0].shape[1])]))
        promise = coder.encode(points).promises[:, 0]
        targets = (accuracy - accuracy.mean()) / unit - 0.4 * promise
        expected = (new @ covariance @ design.T @ targets[rows] / 0.25)[0]
        variance = (new @ covariance @ new.T)[0, 0] + 0.25
        apart.append(abs(targets[at] - expected) / np.sqrt(variance))
    assert whole._draws[0].surprise == pytest.approx(np.quantile(apart, 0.8) / 1.2816, rel=1e-4)


def test_a_measurement_with_a_large_error_says_less():
    coder = encoder(MACRO)
    tried, accuracy = coder.encode(drawn(6)), np.array([90.0, 90, 90, 90, 90, 95])
    last = tried[[5]]

    def at_the_last(sd):
        surrogate = Surrogate(tried, accuracy, coder.counts.tolist(), np.random.default_rng(0), sd=sd, ranges=FIXED)
        return surrogate.predict(last).mean[0]

    assert at_the_last([0, 0, 0, 0, 0, 5.0]) < at_the_last(0.0) - 1


def test_the_prior_takes_the_larger_to_be_better_until_measurements_say_otherwise():
    coder = encoder(MACRO)
    smallest, largest = coder.encode([(0,) * 8]), coder.encode([(2,) * 8])

    def gain(accuracy, prior):
        tried = coder.encode(drawn(len(accuracy)))
        means = (*NO_PRIOR, *size_means(SIZE, prior))
        fitted = Surrogate(tried, accuracy, coder.counts.tolist(), np.random.default_rng(0), means=means)
        return fitted.predict(largest).mean[0] - fitted.predict(smallest).mean[0]

    assert gain([90.0], 1.0) > 0 > gain([90.0], -1.0)
    small_is_good = -coder.encode(drawn(20)).promise(SIZE)
    assert gain(90 + small_is_good, 1.0) < 0


def fitted(points, accuracy, means=NO_PRIOR, seed=0, ranges=RANGES, **told):
    coder = encoder(MACRO)
    rng = np.random.default_rng(seed)
    return Surrogate(coder.encode(points), accuracy, coder.counts.tolist(), rng, means=means, ranges=ranges, **told)


def test_one_measurement_leaves_the_prior_odds_and_evidence_moves_them():
    means = (*NO_PRIOR, *size_means(SIZE, 1.0))
    assert fitted(drawn(1), [90.0], means).shares() == pytest.approx({"none": 0.5, "size": 0.5})
    points = drawn(12)
    promise = encoder(MACRO).encode(points).promise(SIZE)
    right, wrong = (fitted(points, 90 + sign * promise, means).shares()["size"] for sign in (1, -1))
    assert right > 0.3
    assert wrong < 0.05


def test_near_identical_networks_say_little_against_a_prior_and_others_say_much():
    means = (*NO_PRIOR, *size_means(SIZE, 1.0))
    near = [(2,) * 8, *((2,) * at + (1,) + (2,) * (7 - at) for at in range(4))]
    smallest, largest = encoder(MACRO).encode([(0,) * 8]), encoder(MACRO).encode([(2,) * 8])

    def gain(points, accuracy):
        found = fitted(points, accuracy, means)
        return found.shares()["size"], found.predict(largest).mean[0] - found.predict(smallest).mean[0]

    share, gained = gain(near, [92.02, 92.0, 92.03, 92.01, 92.02])
    assert share > 0.25
    assert gained > 0
    apart = [(2,) * 8, (1,) * 8, (0,) * 8, (0, 1) * 4, (2, 0) * 4, (1, 0) * 4]
    promise = encoder(MACRO).encode(apart).promise(SIZE)
    share, gained = gain(apart, 90 - promise)
    assert share < 0.25
    assert gained < 0


def test_good_neighbours_do_not_make_the_whole_space_certain():
    near = [(2,) * 8, *((2,) * at + (1,) + (2,) * (7 - at) for at in range(4))]
    found = fitted(near, [92.96, 92.94, 92.97, 92.95, 92.96], size_means(SIZE, 1.0), bounds=(0, 100))
    near_by, far = encoder(MACRO).encode([(2,) * 7 + (1,)]), encoder(MACRO).encode([(0,) * 8, (0, 1) * 4])
    assert (found.predict(far).measured_sd() > 10 * 0.02).all()
    assert found.predict(near_by).measured_sd()[0] < found.predict(far).measured_sd().min()


def test_a_very_bad_measurement_teaches_that_its_option_is_bad():
    rng = np.random.default_rng(1)
    points = rng.integers(1, 3, size=(7, 8))
    points[:, 0] = 1
    points[6] = points[5]
    points[6, 0] = 2
    found = fitted(points, [46.3, 46.2, 46.37, 46.1, 46.25, 46.3, 41.94])
    others = rng.integers(1, 3, size=(200, 8))
    with_it, without = others.copy(), others.copy()
    with_it[:, 0], without[:, 0] = 2, 1
    coder = encoder(MACRO)
    mean, covariance = found.joint(coder.encode(np.concatenate([with_it, without])))
    contrast = np.repeat([1 / 200, -1 / 200], 200)
    assert contrast @ mean < -0.5  # of measurements that are 0.27 apart, but for one 4.4 below
    assert contrast @ mean < -0.5 * np.sqrt(contrast @ covariance @ contrast)


def test_a_warp_compresses_what_is_far_below_the_best_and_can_be_undone():
    warp, utility = Warp(0.5), np.array([2.0, 0.0, -0.01, -1.0, -50.0])
    warped = warp(utility)
    np.testing.assert_allclose(warp.inverse(warped), utility, atol=1e-12)
    assert (np.diff(warped) < 0).all()
    assert warped[0] == 2.0
    assert warped[2] == pytest.approx(-0.01, abs=2e-4)
    assert -3 < warped[4] < -2
    step = 1e-6
    np.testing.assert_allclose((warp(utility - step) - warped) / -step, warp.slope(utility), atol=1e-4)
    np.testing.assert_array_equal(Warp()(utility), utility)
    np.testing.assert_array_equal(Warp().slope(utility), 1)


def test_the_probability_to_lie_above_a_level_is_that_of_the_draws():
    points = drawn(8)
    accuracy = 90 + encoder(MACRO).encode(points).promise(SIZE)
    found = fitted(points, accuracy, size_means(SIZE, 1.0)).predict(encoder(MACRO).encode(drawn(300, seed=1)))
    levels = np.linspace(accuracy.min() - 5, accuracy.max() + 5, 9)
    above = np.stack([found.probability_above(level) for level in levels])
    assert (np.diff(above, axis=0) <= 1e-12).all()
    assert ((above >= 0) & (above <= 1)).all()
    order = np.corrcoef(found.mean, found.probability_above(float(np.median(accuracy))))[0, 1]
    assert order > 0.7


def test_options_that_act_alike_everywhere_are_learnt_across_decisions():
    """An option that was only met in the first four layers is known to be good in the others."""
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.integers(0, 3, size=(24, 4)), rng.integers(0, 2, size=(24, 4))], axis=1)
    good = np.array([0.0, 0.3, 1.5])
    found = fitted(points, 80 + good[points].sum(axis=1) + 0.05 * rng.normal(size=24))
    both = encoder(MACRO).encode([(1, 1, 1, 1, 1, 1, 1, 1), (1, 1, 1, 1, 2, 2, 2, 2)])
    mean = found.predict(both).mean
    assert mean[1] > mean[0] + 1.5


def test_beliefs_become_a_mean_function_in_standard_deviations_of_the_space():
    coder = encoder(MACRO)
    beliefs = Beliefs(
        options=(OptionBelief(0, 2, 1.5), OptionBelief(3, 0, -2.0)),
        pairs=(PairBelief((1, 2), (1, 1), 1.0),),
        costs=(CostBelief("flops", 0.5), CostBelief("depth", -0.5), CostBelief("params", 0.25)),
    )
    found = belief_mean(MACRO, beliefs)(coder.encode(coder.reference))
    assert found.mean() == pytest.approx(0, abs=1e-6)
    assert found.std() == pytest.approx(1, abs=1e-6)
    rows, options = coder.reference, coder.encode(coder.reference)
    logs = np.log1p(MACRO.costs(rows)[:, :2])
    flops, params = ((logs - logs.mean(axis=0)) / logs.std(axis=0)).T
    wanted = 1.5 * (rows[:, 0] == 2) - 2 * (rows[:, 3] == 0) + ((rows[:, 1] == 1) & (rows[:, 2] == 1))
    wanted = wanted + 0.5 * flops + 0.25 * params - 0.5 * options.promises[:, 2]
    np.testing.assert_allclose(found, (wanted - wanted.mean()) / wanted.std(), atol=1e-4)


def test_beliefs_that_tell_nothing_apart_are_no_mean_function_or_a_flat_one():
    assert belief_means(MACRO, Beliefs(starts=((2,) * 8,)), ()) == ()
    same = Beliefs(options=tuple(OptionBelief(0, option, 1.0) for option in range(3)))
    np.testing.assert_array_equal(belief_mean(MACRO, same)(encoder(MACRO).encode(drawn(5))), 0)


def test_costs_of_a_name_of_their_own_can_be_believed_in():
    from genius.spaces.cost import Cost

    space = SearchSpace(
        "named",
        (Decision("a", ("x", "y", "z")), Decision("b", ("x", "y"))),
        cost=lambda a: Cost(1, 1, named={"memory_mb": 10.0 * 2 ** a[0]}),
    )
    everything = encoder(space).encode(list(space.architectures()))
    found = belief_mean(space, Beliefs(costs=(CostBelief("memory_mb", -1.0),)))(everything)
    assert (np.diff(found.reshape(3, 2), axis=0) < 0).all()
    with pytest.raises(GeniusError, match="the cost 'energy'; the costs of named are: flops, params, depth, memory_mb"):
        belief_mean(space, Beliefs(costs=(CostBelief("energy", 1.0),)))


@pytest.mark.parametrize(
    ("beliefs", "error"),
    [
        (Beliefs(options=(OptionBelief(8, 0, 1.0),)), "names decision 8, but nas-bench-macro has 8, from 0"),
        (Beliefs(options=(OptionBelief(0, 3, 1.0),)), "names option 3 of .* from 0 to 2"),
        (Beliefs(pairs=(PairBelief((0, 1), (0, 7), 1.0),)), "names option 7 of"),
    ],
)
def test_a_belief_about_nothing_in_the_space_is_named(beliefs, error):
    with pytest.raises(GeniusError, match=error):
        belief_mean(MACRO, beliefs)


def test_beliefs_stand_alone_and_added_to_each_mean_function_of_a_prior():
    beliefs, prior = Beliefs(options=(OptionBelief(0, 2, 1.0),)), size_means(SIZE, 1.0)
    points = encoder(MACRO).encode(drawn(6))
    alone, *added = belief_means(MACRO, beliefs, prior)
    assert alone.odds == sum(mean.odds for mean in added) == pytest.approx(0.5)
    believed = belief_mean(MACRO, beliefs)(points)
    np.testing.assert_array_equal(alone.function(points), believed)
    for mean, of_prior in zip(added, prior, strict=True):
        np.testing.assert_allclose(mean.function(points), of_prior.function(points) + believed)


def test_right_beliefs_are_weighed_up_and_wrong_ones_down():
    points = drawn(14)
    right = Beliefs(options=tuple(OptionBelief(at, 2, 1.0 if at % 2 else -1.0) for at in range(8)))
    wrong = Beliefs(options=tuple(OptionBelief(at, 2, -1.0 if at % 2 else 1.0) for at in range(8)))
    truth = belief_mean(MACRO, right)(encoder(MACRO).encode(points))
    shares = [
        fitted(points, 80 + 3 * truth, (*NO_PRIOR, *belief_means(MACRO, beliefs, ()))).shares()["beliefs"]
        for beliefs in (right, wrong)
    ]
    assert shares[0] > 0.75
    assert shares[1] < 0.4


def test_the_draws_cover_their_ranges():
    tried, ranges = encoder(MACRO).encode(drawn(1)), replace(RANGES, noise=(0.25, 4.0), draws=8)
    found = Surrogate(tried, [90.0], [3] * 8, np.random.default_rng(0), ranges=ranges)
    eighths = np.floor(8 * np.log([draw.noise / 0.25 for draw in found._draws]) / np.log(16))
    assert sorted(eighths) == list(range(8))


def test_one_measurement_and_equal_ones_are_enough():
    coder = encoder(MACRO)
    for accuracy in ([90.0], [90.0, 90.0, 90.0]):
        surrogate = Surrogate(
            coder.encode(drawn(len(accuracy))), accuracy, coder.counts.tolist(), np.random.default_rng(0)
        )
        found = surrogate.predict(coder.encode(drawn(50, seed=1)))
        assert np.isfinite(found.mean).all()
        assert (found.sd > 0).all()


@pytest.mark.parametrize("name", TABLES)
def test_four_of_five_measurements_lie_in_their_80_percent_interval(name, tables):
    space = get_space(name)
    table, coder = load_table(space, tables), encoder(space)
    everything, inside = np.array(table.architectures), []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        tried, others = np.split(rng.choice(len(everything), 1020, replace=False), [20])
        surrogate = Surrogate(coder.encode(everything[tried]), table.values[tried], coder.counts.tolist(), rng)
        found = surrogate.predict(coder.encode(everything[others]))
        inside.append(np.abs(table.values[others] - found.mean) < 1.2816 * found.measured_sd())
    assert 0.7 < np.mean(inside) < 0.9


def test_a_space_without_parts_learns_what_its_options_cost_from_some_networks():
    from torch import nn

    def build(architecture):
        width = 8 * (architecture[0] + 1)
        layers = [nn.LazyConv2d(width, 3, padding=1, bias=False) for _ in range(architecture[1] + 1)]
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LazyLinear(10))

    decisions = (Decision("width", ("8", "16", "24")), Decision("depth", ("1", "2", "3")))
    space = SearchSpace("chain", decisions, "", build, input_shape=(1, 8, 8))
    order = np.argsort(-Encoder(space).encode(list(space.architectures())).promise(SIZE))
    assert order[0] == 8  # the widest and deepest
    assert order[-1] == 0


def test_options_that_cost_nothing_leave_no_group_without_numbers():
    space = SearchSpace("free", (Decision("a", ("x", "y")), Decision("b", ("x", "y"))), "", lambda a: None, (1, 8, 8))
    from genius.spaces.cost import Cost, Part

    flat = replace(space, parts=(Part((), lambda: Cost(5, 5)),))
    encoded = Encoder(flat).encode(list(flat.architectures()))
    assert set(encoded.groups) == {"shared"}
    np.testing.assert_allclose(encoded.promises, 0)


def with_own(**functions):
    return Encoder(replace(MACRO, **functions))


def raising(numbers):
    raise ZeroDivisionError("mine\nand more")


@pytest.mark.parametrize(
    ("functions", "error"),
    [
        ({"depth": lambda a: a}, r"depth of nas-bench-macro returned numbers of shape \(6561, 8\), expected \(6561,\)"),
        ({"depth": lambda a: 3.0}, r"returned numbers of shape \(\), expected \(6561,\)"),
        ({"features": lambda a: a[:, 0]}, r"features of nas-bench-macro .* \(6561,\), expected \(6561, k\)"),
        ({"features": lambda a: a[:5]}, r"shape \(5, 8\), expected \(6561, k\)"),
        ({"features": lambda a: 1 / (a - 2)}, r"a number that is not finite for \[0, 0, 0, 0, 0, 0, 0, 2\]"),
        ({"depth": lambda a: a[:, 0] * np.nan}, r"depth of .* returned a number that is not finite for \[0,"),
        ({"depth": lambda a: ["deep"] * len(a)}, "depth of nas-bench-macro failed on 6,561 architectures: ValueError"),
        ({"features": raising}, r"failed on 6,561 architectures: ZeroDivisionError: and more"),
    ],
)
def test_a_function_of_a_space_that_gives_no_numbers_is_named(functions, error):
    with np.errstate(divide="ignore"), pytest.raises(GeniusError, match=error) as raised:
        with_own(**functions)
    assert "\n" not in str(raised.value)


def test_an_option_that_a_rule_never_allows_does_not_blur_what_the_others_are_worth():
    space = replace(MACRO, valid=lambda a: a[0] != 1)
    worth = Encoder(space)._capacities[0]
    assert worth[0] == 0
    assert worth[2] == 1


def test_where_nothing_is_expected_the_effects_keep_their_ranges():
    expecting, (flat,) = size_means(SIZE, 1.0)[0], NO_PRIOR
    assert RANGES_OF_PICKS.of(flat) == RANGES
    assert RANGES_OF_PICKS.of(expecting) == RANGES_OF_PICKS
    assert replace(RANGES_OF_PICKS, tail=(np.inf, np.inf)).of(flat).tail == (np.inf, np.inf)
    assert RANGES.of(flat) == RANGES
