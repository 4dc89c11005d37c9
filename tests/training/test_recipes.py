"""Recipes: what they are, how they are overridden, and the learning rates that they give."""

import math
import subprocess
import sys

import pytest
import torch
from genius.errors import GeniusError
from genius.spaces import SPACES, get_space
from genius.training import recipes
from genius.training.recipes import ORIGINS, RECIPES, describe_recipe, learning_rate, override, scaled, task_of

DIGITS = RECIPES.find("digits")


def test_the_papers_recipes_are_the_papers():
    search, retrain = RECIPES.find("search-imagenet"), RECIPES.find("retrain-imagenet")
    assert (search.epochs, search.lr, search.batch, search.size, search.weight_decay) == (20, 0.5, 1024, 196, 1e-4)
    assert (retrain.epochs, retrain.lr, retrain.batch, retrain.size, retrain.weight_decay) == (
        500,
        0.8,
        2048,
        224,
        4e-5,
    )
    assert (retrain.warmup, retrain.dropout, retrain.rand_ops, retrain.rand_magnitude) == (5, 0.2, 2, 9)
    assert RECIPES.keys() == ORIGINS.keys()


@pytest.mark.parametrize("space", [name for name in SPACES if name not in ("nas-bench-201-imagenet16-120", "gpt-tiny")])
def test_a_space_has_its_data_and_recipe(space):
    data, recipe = task_of(get_space(space))
    assert RECIPES.find(recipe).name == recipe
    assert data in ("digits", "cifar10", "cifar100", "imagenet")


def test_a_space_without_data_says_so():
    with pytest.raises(GeniusError, match="'nas-bench-201-imagenet16-120' has no data set of its own to train on"):
        task_of(get_space("nas-bench-201-imagenet16-120"))
    with pytest.raises(
        GeniusError, match="'gpt-tiny' has no data set of its own to train on: name a text, as in --data "
    ):
        task_of(get_space("gpt-tiny"))
    with pytest.raises(GeniusError, match="there is no recipe 'quick'; the recipes are: digits, nas-bench-macro"):
        RECIPES.find("quick")


def test_fields_are_overridden_by_their_types():
    changed = override(DIGITS, ["lr=2e-1", "epochs=5", "nesterov=false", "dropout=0.3", "amp=on", "compile=default"])
    assert (changed.lr, changed.epochs, changed.nesterov, changed.dropout) == (0.2, 5, False, 0.3)
    assert (changed.amp, changed.compile, changed.name) == ("on", "default", "digits")
    assert override(changed, ["dropout=none"]).dropout is None
    assert override(DIGITS, []) == DIGITS


@pytest.mark.parametrize(
    ("setting", "error"),
    [
        ("lr", "a field of the recipe is set as in lr=0.2, got 'lr'"),
        ("rate=1", "a recipe has no field 'rate'; its fields are: epochs, batch, lr"),
        ("name=mine", "a recipe has no field 'name'"),
        ("lr=fast", "lr must be a number, got 'fast'"),
        ("epochs=1.5", "epochs must be a whole number, got '1.5'"),
        ("nesterov=1", "nesterov must be true or false, got '1'"),
        ("dropout=some", "dropout must be a number or none, got 'some'"),
        ("lr=0", "lr must be above 0 and finite, got 0.0"),
        ("lr=nan", "lr must be above 0 and finite, got nan"),
        ("lr=inf", "lr must be above 0 and finite, got inf"),
        ("lr=1e101", "lr must be above 0 and finite, got 1e+101"),
        ("batch=0", "batch must be at least 1 and at most 9007199254740992, got 0"),
        ("epochs=99999999999999999999", "epochs must be at least 1 and at most 9007199254740992, got 99999999999999"),
        ("milestones=1,99999999999999999999", "milestones must be at least 0 and at most 9007199254740992, got 999999"),
        ("momentum=1", "momentum must be at least 0 and below 1, got 1.0"),
        ("rand_magnitude=31", "rand_magnitude must be at least 0 and at most 30, got 31"),
        ("amp=bf16", "amp must be one of auto, on, off, got 'bf16'"),
        ("augment=mixup", "augment must be one of none, flip, crop-flip, resized-crop-flip, distortion, got 'mixup'"),
        ("warmup=40", "warmup must be shorter than the 40 epochs, got 40"),
        ("optimizer=adam", "optimizer must be one of sgd, adamw, got 'adam'"),
        ("optimizer=adamw", "nesterov is of sgd, and the optimizer is adamw: set nesterov=false"),
        ("beta2=1", "beta2 must be at least 0 and below 1, got 1.0"),
        ("mixup=-1", "mixup must be at least 0 and finite, got -1.0"),
        ("cutmix=inf", "cutmix must be at least 0 and finite, got inf"),
        ("drop_path=1", "drop_path must be at least 0 and below 1, got 1.0"),
        ("no_bias_decay=some", "no_bias_decay must be true or false, got 'some'"),
        ("stage_factor=0", "stage_factor must be above 0 and at most 1, got 0.0"),
        ("stage_factor=1.5", "stage_factor must be above 0 and at most 1, got 1.5"),
        ("frozen_stages=-1", "frozen_stages must be at least 0 and at most 9007199254740992, got -1"),
        ("frozen_stages=all", "frozen_stages must be a whole number, got 'all'"),
        ("linear_probe=1", "linear_probe must be true or false, got '1'"),
        ("rand_ops=2", "rand_ops=2 come behind a crop and a flip, and augment is distortion: set augment=crop-flip"),
    ],
)
def test_what_makes_no_sense_is_refused(setting, error):
    with pytest.raises(GeniusError) as caught:
        override(DIGITS, [setting])
    assert str(caught.value).startswith(error)


@pytest.mark.parametrize("setting", ["frozen_stages=1", "stage_factor=0.5", "frozen_bn=true"])
def test_a_linear_probe_has_no_other_way_to_freeze(setting):
    assert override(DIGITS, ["linear_probe=true"]).freezes == "linear_probe=true"
    with pytest.raises(GeniusError, match="linear_probe trains the head alone: set frozen_stages=0, stage_factor=1"):
        override(DIGITS, ["linear_probe=true", setting])


def test_a_recipe_is_described_with_what_was_overridden():
    lines = describe_recipe(override(DIGITS, ["lr=0.2"])).splitlines()
    assert lines[0] == "digits: our own quick recipe"
    assert "  lr              0.2 (was 0.1)" in lines
    assert "  dropout         none" in lines
    assert sum("was" in line for line in lines) == 1


def test_a_smaller_batch_scales_the_learning_rate_and_says_so():
    recipe, said = scaled(RECIPES.find("search-imagenet"), 256)
    assert (recipe.batch, recipe.lr) == (256, 0.125)
    assert said == "batches of 256 images instead of 1024: lr 0.125 instead of 0.5, in proportion"


def test_one_cycle_is_pytorchs():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 0.1, momentum=0.9)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=320)
    for step in range(320):
        group = optimizer.param_groups[0]
        assert math.isclose(learning_rate(DIGITS, step, 320), group["lr"], abs_tol=1e-12)
        assert math.isclose(recipes.momentum(DIGITS, step, 320), group["momentum"])
        optimizer.step()
        if step < 319:
            schedule.step()


def test_cosine_warms_up_and_ends_at_nothing():
    recipe = override(RECIPES.find("retrain-imagenet"), ["epochs=10", "warmup=5"])
    rates = [learning_rate(recipe, step, 100) for step in range(100)]
    assert rates[:50] == sorted(rates[:50])
    assert rates[0] == pytest.approx(0.8 / 51)
    assert max(rates) == rates[50] == 0.8
    assert rates[75] == pytest.approx(0.4)
    assert rates[50:] == sorted(rates[50:], reverse=True)
    assert 0 < rates[-1] < 0.001
    assert learning_rate(override(recipe, ["schedule=constant"]), 99, 100) == 0.8


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
@pytest.mark.parametrize("schedule", ["cosine", "one-cycle", "constant"])
def test_a_very_short_training_has_a_schedule_too(steps, schedule):
    recipe = override(DIGITS, [f"schedule={schedule}", "epochs=1"])
    assert all(0 < learning_rate(recipe, step, steps) <= recipe.lr for step in range(steps))


def test_recipes_jobs_and_data_sets_are_named_without_torch():
    modules = "genius.training.recipes, genius.training.job, genius.training.data, genius.evaluators.worker"
    code = f"import sys, {modules}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
