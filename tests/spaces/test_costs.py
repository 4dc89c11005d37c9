"""Costs: equal to the published tables for every architecture, and to what built networks compute."""

import json
import time
import warnings
from collections import Counter

import numpy as np
import pytest
from genius.spaces import SPACES
from genius.spaces.cost import FIELDS, Cost, blank_inputs, count
from genius.spaces.decision import Decision
from genius.spaces.space import ENUMERABLE, SearchSpace
from genius.tables.published import TABLES

LISTED = {name: space for name, space in SPACES.items() if space.size <= ENUMERABLE}
TABLES_WITH_COSTS = ("nas-bench-macro", "channel-bench-resnet", "channel-bench-mobilenet")


@pytest.mark.parametrize("name", TABLES_WITH_COSTS)
def test_every_architecture_costs_what_the_published_table_says(name, tables):
    space = SPACES[name]
    rows = json.loads((tables / TABLES[name].file).read_text())
    architectures = list(space.architectures())
    published = [[rows[space.key(a)]["flops"], rows[space.key(a)]["params"]] for a in architectures]
    assert len(rows) == len(architectures)
    np.testing.assert_array_equal(space.costs(architectures)[:, :2], published)


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_the_cost_is_what_built_networks_compute(space):
    rng = np.random.default_rng(0)
    smallest = tuple(decision.numbers[0] for decision in space.decisions)
    largest = tuple(decision.numbers[-1] for decision in space.decisions)
    for architecture in (smallest, largest, *(space.sample(rng) for _ in range(4))):
        shape, text = space.shape_of(architecture), space.context is not None
        assert count(space.build(architecture), shape, text=text) == space.cost_of(architecture), architecture


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_fvcore_counts_as_many_multiply_adds(space):
    architecture = space.sample(np.random.default_rng(1))
    given = blank_inputs(space.shape_of(architecture), text=space.context is not None)
    operators = fvcore_counts(space.build(architecture), given)
    assert (
        sum(operators[name] for name in ("conv", "linear", "addmm", "attention")) == space.cost_of(architecture).flops
    )
    assert operators["batch_norm"] == space.cost_of(architecture).norm_outputs


def fvcore_counts(network, given):
    """Return what fvcore counts by operator, and of batch norms how many elements come out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        from fvcore.nn import FlopCountAnalysis
        from fvcore.nn.jit_handles import elementwise_flop_counter

    analysis = FlopCountAnalysis(network.eval(), given)
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    analysis.set_op_handle("aten::batch_norm", elementwise_flop_counter(0, 1))
    analysis.set_op_handle("aten::scaled_dot_product_attention", attention)
    return analysis.by_operator()


def attention(inputs, outputs):
    """Count both products of attention, which fvcore does not know."""
    query, key, value = (each.type().sizes() for each in inputs[:3])
    each = query[-2] * key[-2] * (query[-1] + value[-1])
    return Counter(attention=int(np.prod(query[:-2])) * each)


@pytest.mark.parametrize("space", LISTED.values(), ids=LISTED)
def test_the_costs_of_a_whole_space_take_seconds_at_most(space):
    started = time.perf_counter()
    costs = space.costs(list(space.architectures()))
    assert time.perf_counter() - started < 10
    assert costs.shape == (space.size, FIELDS)
    assert (costs[:, 0] > 0).all()


def test_a_space_without_parts_is_counted_on_its_network():
    def build(architecture):
        from torch import nn

        width = 4 * (architecture[0] + 1)
        return nn.Sequential(nn.Conv2d(1, width, 3, bias=False), nn.BatchNorm2d(width), nn.Flatten(), nn.LazyLinear(10))

    space = SearchSpace("own", (Decision("width", ("4", "8")),), "", build, (1, 8, 8))
    # 8 filters of 3×3 at 6×6, a linear layer of 288 → 10; batch norm counts as parameters only.
    expected = Cost(8 * 9 * 36 + 288 * 10, 8 * 9 + 16 + 288 * 10 + 10, 8 * 36)
    assert space.cost_of((1,)) == expected
    np.testing.assert_array_equal(space.costs([(1,)]), [expected.row])
