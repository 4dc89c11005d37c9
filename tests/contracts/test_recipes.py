"""One contract for every recipe."""

import pytest
from genius import Recipe
from genius.schema import Schema
from genius.training.recipes import RECIPES, describe_recipe, learning_rate, override

SCHEMA = Schema[Recipe](Recipe)


@pytest.mark.parametrize("name", [*RECIPES, "mine:RECIPE", "mine:STREAMED", "tiny-recipe"])
def test_it_is_a_value_that_can_be_changed_written_down_and_read_again(name):
    recipe = RECIPES.find(name)
    assert SCHEMA.take(SCHEMA.plain(recipe)) == recipe
    changed = override(recipe, ["lr=0.125", "warmup=0"])
    assert (changed.lr, changed.name) == (0.125, recipe.name)
    assert all(0 < learning_rate(recipe, step, 10 * recipe.epochs) <= recipe.lr for step in range(recipe.epochs))
    assert describe_recipe(recipe).startswith(f"{recipe.name}: ")
