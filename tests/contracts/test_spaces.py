"""One contract for every search space."""

import numpy as np
import pytest
from genius import Region, SearchSpace
from genius.spaces import SPACES
from genius.spaces.cost import blank_inputs
from genius.training.data import DATA
from genius.training.recipes import RECIPES

EVERY_SPACE = pytest.mark.parametrize("name", [*SPACES, "mine:SPACE", "mine:GREY", "tiny-space"])


@EVERY_SPACE
def test_its_architectures_are_drawn_checked_told_apart_and_counted(name):
    space = SPACES.find(name)
    assert isinstance(space, SearchSpace)
    drawn = [tuple(row) for row in Region(space).draw(np.random.default_rng(0), 4).tolist()]
    for architecture in drawn:
        assert space.check(architecture) == architecture
        assert isinstance(hash(space.identity(architecture)), int)
        assert space.cost_of(architecture).flops > 0
    assert len({space.key(architecture) for architecture in drawn}) == len(set(drawn))


@EVERY_SPACE
def test_its_networks_take_an_input_of_its_shape(name):
    import torch

    space = SPACES.find(name)
    architecture = Region(space).sample(np.random.default_rng(1))
    shape, text = space.shape_of(architecture), space.context is not None
    network = space.build_for(architecture, 5, shape[-1]).eval()
    with torch.no_grad():
        assert network(blank_inputs(shape, text=text)).shape == (1, *(shape if text else ()), 5)


@EVERY_SPACE
def test_the_data_set_the_recipes_and_the_table_that_it_names_are_there(name):
    space = SPACES.find(name)
    assert space.data is None or DATA.find(space.data)
    assert all(RECIPES.find(recipe) for recipe in (space.recipe, space.final_recipe) if recipe)
    if space.table:
        assert (space.table.name, len(space.table.sha256)) == (space.name, 64)
        assert space.table.size > 0
