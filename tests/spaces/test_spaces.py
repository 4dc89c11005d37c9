"""One contract for every search space, and what single spaces promise."""

import re

import numpy as np
import pytest
from genius import GeniusError, get_space
from genius.spaces import NAS_BENCH_201, SPACES
from genius.spaces.cells import EDGES, OPERATIONS
from genius.spaces.cost import blank_inputs
from genius.spaces.space import ENUMERABLE, BadArchitecture

LISTED = {name: space for name, space in SPACES.items() if space.size <= ENUMERABLE}
EVERY_LISTED_SPACE = pytest.mark.parametrize("space", LISTED.values(), ids=LISTED)
EVERY_SPACE = pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)


@EVERY_SPACE
def test_its_networks_map_images_to_class_scores_and_texts_to_those_of_characters(space):
    import torch

    architecture, text = space.sample(np.random.default_rng(1)), space.context is not None
    network, shape = space.build(architecture).eval(), space.shape_of(architecture)
    with torch.no_grad():
        scores = network(blank_inputs(shape, 2, text=text))
    classes = int(re.search(r"(\d+) (?:classes|characters)", space.description).group(1))
    assert scores.shape == (2, *(shape if text else ()), classes)


@EVERY_SPACE
def test_it_describes_its_decisions_and_the_answer(space):
    answer = "The decisions and their options:" if space.by_value else f"a list of {len(space.decisions)} numbers"
    assert answer in space.words
    assert ("highest top-1" if space.context is None else "Lower is\nbetter") in space.description
    assert len({decision.name for decision in space.decisions}) == len(space.decisions)


@EVERY_LISTED_SPACE
def test_its_architectures_are_listed_once_and_have_names_of_their_own(space):
    architectures = list(space.architectures())
    assert len(set(architectures)) == len({space.key(a) for a in architectures}) == space.size


@EVERY_SPACE
def test_it_refuses_what_is_not_in_it_with_the_rule_and_the_value(space):
    fine = tuple(decision.numbers[0] for decision in space.decisions)
    assert space.check(fine) == fine
    with pytest.raises(BadArchitecture, match=rf"expected {len(fine)} numbers, got 1: \[0\]"):
        space.check((0,))
    too_high = space.decisions[-1].numbers[-1] + 1
    with pytest.raises(BadArchitecture, match=rf"{space.decisions[-1].name} takes a number from .* got {too_high}"):
        space.cost_of((*fine[:-1], too_high))


@EVERY_SPACE
def test_its_samples_are_seeded_and_in_the_space(space):
    draws = [[space.sample(np.random.default_rng(seed)) for _ in range(3)] for seed in (0, 0)]
    assert draws[0] == draws[1]
    assert all(space.check(a) for a in draws[0])


def test_spaces_are_found_by_name_and_data_set():
    assert get_space("nas-bench-201:cifar100").name == "nas-bench-201-cifar100"
    assert get_space("nas-bench-201") is NAS_BENCH_201[0]
    with pytest.raises(GeniusError, match=r"no space 'nasbench'; the spaces are: digits, nas-bench-macro"):
        get_space("nasbench")


def test_quarters_are_the_numbers_of_channel_architectures():
    space = get_space("channel-bench-resnet")
    assert space.key((4, 4, 3, 2, 2, 1, 4)) == "4432214"
    assert space.build((4, 4, 3, 2, 2, 1, 4)).linear.in_features == 256  # 2 quarters of 512


def test_a_cell_is_named_as_nas_bench_201_does():
    key = NAS_BENCH_201[0].key((2, 1, 4, 2, 0, 3))
    assert key == "|nor_conv_1x1~0|+|skip_connect~0|avg_pool_3x3~1|+|nor_conv_1x1~0|none~1|nor_conv_3x3~2|"


def test_functionally_equal_cells_are_duplicates():
    identity = NAS_BENCH_201[0].identity
    # node 1 is the input, so its conv to node 3 equals a conv from the input
    assert identity((1, 0, 0, 3, 0, 0)) == identity((1, 0, 0, 0, 3, 0))
    # nothing reaches node 2, so what leaves it does not matter
    assert identity((3, 0, 0, 1, 2, 0)) == identity((3, 0, 0, 1, 2, 4))
    # nodes 1 and 2 change places
    assert identity((3, 2, 0, 0, 1, 4)) == identity((2, 3, 0, 0, 4, 1))
    assert identity((3, 0, 0, 1, 2, 0)) != identity((3, 0, 0, 1, 3, 0))
    # a sum of two equal paths is not one path
    assert identity((1, 0, 0, 3, 3, 0)) != identity((0, 0, 0, 3, 0, 0))


def test_cells_fall_into_no_more_functions_than_published_topologies():
    """The benchmark's paper counts 6,466 by the shape of the expression; sums that differ in brackets merge further."""
    space = NAS_BENCH_201[0]
    assert len({space.identity(a) for a in space.architectures()}) == 4930


def test_equal_cells_compute_the_same():
    """Two cells of one identity, given the same weights, map the same images to the same output."""
    import torch
    from genius.spaces.cell_networks import Cell

    def cell(*options):
        return Cell([(*ends, OPERATIONS[o]) for ends, o in zip(EDGES, options, strict=True)], 4).eval()

    torch.manual_seed(0)
    one, other = cell(3, 2, 0, 0, 1, 4), cell(2, 3, 0, 0, 4, 1)
    other.edges[0].load_state_dict(one.edges[1].state_dict())
    other.edges[1].load_state_dict(one.edges[0].state_dict())
    images = torch.randn(2, 4, 8, 8)
    torch.testing.assert_close(one(images), other(images))
