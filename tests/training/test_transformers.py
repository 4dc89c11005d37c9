"""Trainings of vision Transformers: they learn, and go on after a kill as if there had been none."""

import os
import platform
import subprocess
import sys
from dataclasses import replace
from itertools import product

import pytest
from genius.graph.final import finished_training
from genius.training import saving
from genius.training.job import TrainingJob
from genius.training.learn import do_job, learn
from genius.training.recipes import RECIPES, override

from .conftest import write_images

SMALL = (1, *(0,) * 12)  # 4×4 patches
QUICK = ("size=16", "rand_ops=0", "epochs=12", "warmup=2", "batch=16", "mixup=0.2", "cutmix=0.2")
MIXED = ("size=16", "epochs=4", "warmup=1", "batch=9", "ema=0.9", "drop_path=0.3", "measure_every=2")


class Killed(Exception):
    """Ends a training as a kill would, in the middle."""


@pytest.fixture(scope="module")
def colours(tmp_path_factory):
    """Give an image folder of eight colours, 20 images each to train on, 8 each in val/."""
    root = tmp_path_factory.mktemp("colours")
    classes = {"".join(corner): tuple(map({"0": 50, "1": 200}.get, corner)) for corner in product("01", repeat=3)}
    write_images(root / "train", 20, 0, classes)
    write_images(root / "val", 8, 1, classes)
    return root


@pytest.fixture
def job(colours, tmp_path):
    def make(images=colours, settings=QUICK, **fields):
        recipe = override(RECIPES.find("vit-cifar"), settings)
        found = TrainingJob(
            space="vit-cifar",
            architecture=SMALL,
            seed=0,
            data=f"folder:{images}",
            recipe=recipe,
            folder=tmp_path / "job",
            downloads=tmp_path,
            keep_weights=True,
        )
        return replace(found, **fields)

    return make


def test_it_learns_tiny_images(job):
    measurement = learn(job())
    assert measurement.test_accuracy > 50  # 12.5 is chance
    assert measurement.test_metrics["top5"] > 85  # 62.5 is chance


LEARN = """
import sys
from pathlib import Path
from genius.training.job import TrainingJob
from genius.training.learn import do_job

do_job(TrainingJob.load(Path(sys.argv[1])))
"""


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="limits the registers of x86 processors")
def test_it_learns_with_the_registers_of_older_processors(job):
    made = job()
    environment = {**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}
    subprocess.run([sys.executable, "-c", LEARN, str(made.save())], env=environment, check=True, timeout=300)
    assert finished_training(made).test_accuracy > 50


@pytest.mark.parametrize("epochs", [(1,), (1, 3)])
def test_one_that_is_killed_ends_with_the_same_weights(photographs, job, tmp_path, monkeypatch, epochs):
    """AdamW's moments, mixup, CutMix, stochastic depth, RandAugment and a moving average are in it."""
    monkeypatch.setattr(saving, "_LEAST", 0)
    monkeypatch.setattr(saving, "_TIMES", 0)
    whole = job(photographs, MIXED, folder=tmp_path / "whole")
    expected = learn(whole)
    broken = replace(whole, folder=tmp_path / "broken")
    for last in epochs:

        def kill(epoch, last=last):
            if epoch.epoch == last:
                raise Killed

        with pytest.raises(Killed):
            learn(broken, kill)
    told = []
    measurement = do_job(broken, told.append)
    assert [epoch.epoch for epoch in told] == list(range(epochs[-1] + 1, 5))
    assert (measurement.accuracy, measurement.test_accuracy) == (expected.accuracy, expected.test_accuracy)
    assert broken.files.weights.read_bytes() == whole.files.weights.read_bytes()


def test_images_that_patches_do_not_fill_are_a_failure_with_its_reason(photographs, job):
    made = job(photographs, (*MIXED, "size=18"))
    measurement = do_job(made)
    assert measurement.failure == "raised"
    assert "images of 18×18 pixels cannot be cut into patches of 4×4: choose a patch size" in measurement.error
    assert "vit.py" in made.files.log.read_text()
