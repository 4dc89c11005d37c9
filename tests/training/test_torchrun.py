"""Several processes that train one network."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from genius.errors import GeniusError
from genius.training.batches import Rank, Resident, steps_of
from genius.training.images import Pixels
from genius.training.job import TrainingJob
from genius.training.learn import learn
from genius.training.recipes import RECIPES, override
from safetensors.torch import load_file

SPACE = """
from torch import nn
from genius.spaces.decision import Decision
from genius.spaces.space import SearchSpace

def build(architecture):
    return nn.Sequential(nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16 * 36, 10))

PLAIN = SearchSpace("plain", (Decision("none", ("0",)),), "", build, (1, 8, 8))
"""
TRAIN = """
import sys
from pathlib import Path
from genius.training.job import TrainingJob
from genius.training.learn import do_job
from genius.training.torchrun import joined

with joined(TrainingJob.load(Path(sys.argv[1]))) as (job, rank):
    do_job(job, rank=rank)
"""


def test_two_processes_train_as_one_does(tmp_path, monkeypatch):
    (tmp_path / "plain_space.py").write_text(SPACE)
    (tmp_path / "train.py").write_text(TRAIN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    recipe = override(RECIPES.find("digits"), ["epochs=4", "batch=20", "lr=0.02", "ema=0.9"])
    job = TrainingJob(
        space="plain_space:PLAIN",
        architecture=(0,),
        seed=0,
        data="digits",
        recipe=recipe,
        folder=tmp_path / "two",
        downloads=tmp_path,
        keep_weights=True,
    )
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    subprocess.run([*torchrun, str(tmp_path / "train.py"), str(job.save())], check=True, timeout=120)
    together = json.loads(job.files.answer.read_text())
    alone = learn(replace(job, folder=tmp_path / "one"))
    assert together["value"] == pytest.approx(alone.accuracy, abs=2)
    assert together["test_value"] == pytest.approx(alone.test_accuracy, abs=2)
    one, two = (load_file(tmp_path / name / "weights.safetensors") for name in ("one", "two"))
    assert all(torch.allclose(one[name], two[name], atol=1e-4) for name in one)
    assert len(job.files.epochs.read_text().splitlines()) == 4


def test_the_shares_of_a_batch_are_the_batch():
    images = Pixels(torch.arange(50).reshape(50, 1, 1, 1).float(), torch.arange(50))
    recipe = override(RECIPES.find("digits"), ["batch=12", "augment=none"])
    cpu = torch.device("cpu")
    whole = [labels for _, labels in Resident(images, recipe, 3, cpu).epoch(5)]
    halves = [[labels for _, labels in Resident(images, recipe, 3, cpu, Rank(n, 2)).epoch(5)] for n in (0, 1)]
    assert [labels.tolist() for labels in whole] == [
        [*a, *b] for a, b in zip(*(map(torch.Tensor.tolist, h) for h in halves), strict=True)
    ]
    assert len(whole) == 4
    assert len(set(torch.cat(whole).tolist())) == 48


def test_a_batch_that_cannot_be_shared_evenly_is_refused():
    recipe = override(RECIPES.find("digits"), ["batch=25"])
    with pytest.raises(GeniusError, match="a batch of 25 images cannot be shared evenly by 2 processes"):
        steps_of(200, recipe, Rank(0, 2))
    assert steps_of(7, recipe, Rank(0, 2)) == (1, 6)
