"""The surrogate against closed forms, and against tables."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from genius.errors import GeniusError
from genius.guide.features import Encoder, encoder
from genius.guide.surrogate import SIZE, Ranges, Surrogate, compared, lift_tail
from genius.spaces import get_space
from genius.spaces.decision import Decision
from genius.spaces.space import SearchSpace
from genius.tables.published import TABLES, load_table

MACRO = get_space("nas-bench-macro")
FIXED = Ranges(effect=(0.7, 0.7 + 1e-12), noise=(0.5, 0.5 + 1e-12), prior=0.4, tail=1e9, draws=1)


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
    return [*own, *encoded.groups]


def test_similarities_are_products_of_features_that_are_scaled_alike():
    coder = encoder(MACRO)
    left, right = coder.encode(drawn(5)), coder.encode(drawn(4, seed=1))
    comparison = compared(left, right, coder.counts.tolist())
    found = comparison.similarities(np.empty(0))
    assert comparison.groups == len(found)
    mine, other = all_features(coder, left), all_features(coder, right)
    assert len(found) == len(mine) == 4
    for kernel, a, b in zip(found, mine, other, strict=True):
        # the column of ones that differs is the constant's business
        difference = kernel - a @ b.T
        np.testing.assert_allclose(difference - difference.mean(), 0, atol=2e-5)


def test_every_group_has_a_mean_similarity_to_itself_of_one_over_the_space():
    coder = encoder(MACRO)
    everything = coder.encode(coder.reference)
    for group in everything.groups:
        np.testing.assert_allclose(group.mean(axis=0), 0, atol=1e-4)
        assert (group.astype(float) ** 2).sum(axis=1).mean() == pytest.approx(1, abs=1e-4)


def test_it_is_bayesian_linear_regression_on_these_features():
    coder = encoder(MACRO)
    tried, others = coder.encode(drawn(12)), coder.encode(drawn(30, seed=1))
    accuracy = 90 + np.random.default_rng(2).normal(size=12)
    found = Surrogate(tried, accuracy, coder.counts.tolist(), np.random.default_rng(0), ranges=FIXED).predict(others)
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
        fixed = Surrogate(tried, accuracy[rows], coder.counts.tolist(), np.random.default_rng(0), ranges=FIXED)
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
    assert whole._draws[0][1].surprise == pytest.approx(np.quantile(apart, 0.8) / 1.2816, rel=1e-4)


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
        fitted = Surrogate(tried, accuracy, coder.counts.tolist(), np.random.default_rng(0), prior=prior)
        return fitted.predict(largest).mean[0] - fitted.predict(smallest).mean[0]

    assert gain([90.0], 1.0) > 0 > gain([90.0], -1.0)
    small_is_good = -coder.encode(drawn(20)).promise(SIZE)
    assert gain(90 + small_is_good, 1.0) < 0


def test_every_other_draw_has_a_prior_and_these_take_the_leanings_in_turn():
    # three draws in four say nothing here, the fourth that depth is good
    tried, ranges = encoder(MACRO).encode(drawn(1)), Ranges(prior=0.5, draws=8)
    leanings = ((0.0, 0.0, 1.0), (0.0, 0.0, 0.0))
    fitted = Surrogate(tried, [90.0], [3] * 8, np.random.default_rng(0), prior=-1.0, leanings=leanings, ranges=ranges)
    assert [draw.prior.tolist() for _, draw in fitted._draws] == [[0, 0, -0.5], [0, 0, 0], [0, 0, 0], [0, 0, 0]] * 2


def test_the_draws_cover_their_ranges():
    tried, ranges = encoder(MACRO).encode(drawn(1)), Ranges(noise=(0.25, 4.0), draws=8)
    fitted = Surrogate(tried, [90.0], [3] * 8, np.random.default_rng(0), ranges=ranges)
    eighths = np.floor(8 * np.log([draw.noise / 0.25 for _, draw in fitted._draws]) / np.log(16))
    assert sorted(eighths) == list(range(8))


def test_bad_networks_count_as_bad_and_no_worse():
    accuracy = np.array([10.0, 90, 91, 92, 93])
    deviation = 1.4826 * 1.0
    np.testing.assert_allclose(lift_tail(accuracy, 2.0), [91 - 2 * deviation, 90, 91, 92, 93])
    np.testing.assert_allclose(lift_tail(accuracy[:2], 2.0), [10, 90])


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
    assert encoded.groups == ()
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
