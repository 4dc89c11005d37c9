"""Measures, trainings and functions of one's own on a GPU; skipped without one that CUDA can use."""

import asyncio
import gc
import json
import os
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import psutil
import pytest
import torch
from genius.errors import GeniusError
from genius.evaluators.measures import NetworkJob, sd_of
from genius.evaluators.on_network import measure_network
from genius.evaluators.workers import LocalWorkers, Place, places
from genius.training.backend import backend
from genius.training.job import read_epochs
from genius.training.language_job import LanguageJob
from genius.training.learn import _Run, learn
from genius.training.recipes import RECIPES, override

from .evaluators import measured
from .jobs import digits_job
from .training.conftest import write_images
from .training.halves import ARCHITECTURE as HALVES_ARCHITECTURE
from .training.halves import write_halves
from .training.shapes import write_shapes
from .training.texts import write_text

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU of CUDA's here")

ONE_GPU = [Place("cuda:0", 1)] * 2
"""Two workers that share the first GPU."""

SCRIPT = """
import os

import torch

space = {"width": [8, 16, 32], "fills": [False, True]}


def train(config, trial):
    assert trial.device == "cuda" and torch.cuda.device_count() == 1, (trial.device, os.environ)
    if config["fills"]:
        torch.empty(2**50, dtype=torch.uint8, device=trial.device)
    torch.manual_seed(trial.seed)
    layer = torch.nn.Linear(config["width"], 1).to(trial.device)
    for epoch in (1, 2):
        loss = layer(torch.ones(4, config["width"], device=trial.device)).square().mean()
        loss.backward()
        yield {"epoch": epoch, "score": config["width"], "pid": os.getpid(), "on_gpu": float(layer.weight.grad.is_cuda)}
"""


@pytest.fixture
def genius(tmp_path):
    """Return a function that runs the program in a folder of the test, where `measured` is found."""

    def run(*arguments, code=0):
        paths = [str(Path(__file__).parent / "evaluators"), *filter(None, [os.environ.get("PYTHONPATH")])]
        done = subprocess.run(
            [sys.executable, "-m", "genius", *map(str, arguments)],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done.stdout

    return run


@pytest.fixture(autouse=True)
def _nothing_is_held():
    """Give back the memory of earlier tests."""
    gc.collect()
    torch.cuda.empty_cache()


@pytest.fixture
def photograph_job(tmp_path):
    """Make jobs on 48 photographs of three classes, read by two processes; a batch of 64 pixels takes over 0.8 GB."""
    write_images(tmp_path / "photographs", 20, seed=0)

    def make(recipe="nas-bench-macro", settings=("size=64", "batch=48"), **fields):
        changed = override(RECIPES.find(recipe), ("epochs=2", "lr=0.05", *settings))
        shared = {"space": "nas-bench-macro", "architecture": (2,) * 8, "device": "cuda", "loaders": 2}
        data = f"folder:{tmp_path / 'photographs'}"
        return digits_job(tmp_path / "job", **shared, data=data, recipe=changed, **fields)

    return make


def gpu_job(folder, *settings, **fields):
    recipe = override(RECIPES.find("digits"), settings)
    return digits_job(folder, architecture=(2,) * 9, recipe=recipe, device="cuda", **fields)


def network_job(*measures, architecture=(0, 0), **fields):
    shared = {"folder": Path("nowhere"), "space": "measured:PLAIN", "device": "cuda", "seconds": 2.0}
    return NetworkJob(**shared | {"architecture": architecture, "measures": measures} | fields)


def test_the_latency_of_a_larger_network_is_higher_and_names_the_gpu(genius):
    told = [
        json.loads(genius("latency", "nas-bench-macro", each, "--on-device", "cuda", "--on-batch", 64, "--json"))
        for each in ("00000000", "22222222")
    ]
    assert 0 < told[0]["latency"] < told[1]["latency"]
    assert torch.cuda.get_device_name() in told[0]["conditions"]


@pytest.mark.parametrize(("at", "width"), enumerate((1000, 2000, 4000)))
def test_memory_on_a_gpu_holds_weights_images_and_activations_and_is_the_same_each_time(at, width):
    batch = 4096
    first, again = (
        measure_network(measured.PLAIN, network_job("memory", architecture=(at, 0), batch=batch)) for _ in range(2)
    )
    assert first.value == again.value
    assert first.value >= 4e-6 * (26 * width + 16 * batch + 2 * width * batch)


def test_latency_and_memory_are_measured_together():
    found = measure_network(measured.PLAIN, network_job("latency", "memory"))
    assert found.error is None
    assert found.metrics["latency"] > 0
    assert found.metrics[sd_of("latency")] >= 0
    assert found.metrics["memory"] > 0


def test_a_network_that_does_not_fit_is_refused_with_its_reason():
    found = measure_network(measured.PLAIN, network_job("memory", batch=2**34))
    assert found.failure == "out of memory"
    assert "CUDA out of memory" in found.error


def test_a_gpu_that_is_not_there_is_said():
    with pytest.raises(GeniusError, match="device is cuda:99"):
        measure_network(measured.PLAIN, network_job("latency", device="cuda:99"))


def test_a_limit_on_the_memory_of_a_gpu_ends_with_the_training():
    half = torch.cuda.get_device_properties(0).total_memory // 2
    with backend("cuda", memory_limit=2**20) as device, pytest.raises(torch.cuda.OutOfMemoryError):
        torch.empty(half, dtype=torch.uint8, device=device)
    assert torch.empty(2**28, dtype=torch.uint8, device="cuda").is_cuda


def test_a_search_of_a_script_trains_on_the_gpu_and_goes_on_after_one_that_fills_it(genius, tmp_path):
    (tmp_path / "train.py").write_text(SCRIPT)
    options = ("--proposer", "random", "--iterations", 6, "--workers", 2, "--run", "r", "--json")
    assert json.loads(genius("search", "train.py", *options))["best"]["value"] == 32
    evaluations = [json.loads(path.read_text()) for path in (tmp_path / "r" / "evaluations").rglob("answer.json")]
    failed = [each for each in evaluations if each["error"]]
    assert (len(evaluations), len(failed)) == (6, 3)
    assert all(each["failure"] == "out of memory" and "CUDA out of memory" in each["error"] for each in failed)
    assert all(each["metrics"]["on_gpu"] == 1 for each in evaluations if not each["error"])


def test_a_training_that_outgrows_the_memory_is_a_failure_with_the_size_of_the_network(photograph_job, monkeypatch):
    monkeypatch.setattr(_Run, "check_memory", lambda run: None)
    found = learn(photograph_job(memory_limit=300_000_000))
    assert found.failure == "out of memory"
    assert found.error.startswith("out of memory: the network has ")


def test_a_training_that_is_too_large_is_refused_before_it_begins(photograph_job):
    found = learn(photograph_job(memory_limit=500_000_000))
    assert found.failure == "too large"
    assert f"too large for 500.0 MB of memory on {torch.cuda.get_device_name()}: the network has " in found.error


def _worker():
    """Return one of the workers of this process, not the process that stands between them."""
    commands = {child: " ".join(child.cmdline()) for child in psutil.Process().children(recursive=True)}
    return next(child for child, told in commands.items() if "evaluators.worker" in told and "containment" not in told)


async def test_workers_that_share_a_gpu_are_killed_and_go_on_to_the_same_accuracy(tmp_path):
    jobs = [gpu_job(tmp_path / str(seed), "epochs=40", "deterministic=true", seed=seed) for seed in (0, 1)]
    kills = iter(range(1))

    def kill(epoch):
        if epoch.epoch >= 4 and next(kills, None) is not None:
            _worker().kill()

    async with LocalWorkers(ONE_GPU) as workers:
        broken = await asyncio.gather(*(workers.train(job, on_epoch=kill) for job in jobs))
        whole = await asyncio.gather(
            *(workers.train(replace(job, folder=tmp_path / f"whole {job.seed}")) for job in jobs)
        )
    assert next(kills, None) is None
    assert [each.error for each in broken] == [None] * 2
    assert [each.accuracy for each in broken] == [each.accuracy for each in whole]
    for job in jobs:
        epochs = [epoch.epoch for epoch in read_epochs(job.files.epochs)]
        # 2 leaves one out that was saved but not told of before the kill
        assert all(after - before in (1, 2) for before, after in pairwise(epochs))


@pytest.mark.parametrize(
    ("recipe", "settings"),
    [
        ("nas-bench-macro", ()),
        ("search-imagenet", ("ema=0.9", "rand_ops=2", "dropout=0.2")),
        ("vit-cifar", ("lr=0.001", "warmup=0", "drop_path=0")),
    ],
)
def test_photographs_are_read_by_processes_and_trained_on_in_bfloat16(photograph_job, recipe, settings):
    job = photograph_job(recipe, ("size=32", "batch=16", *settings))
    found = learn(job)
    assert found.error is None
    assert 0 <= found.accuracy <= 100
    assert found.device == torch.cuda.get_device_name()
    assert [epoch.epoch for epoch in read_epochs(job.files.epochs)] == [1, 2]


@pytest.mark.parametrize("settings", [(), ("amp=off",), ("compile=default",)])
def test_a_language_model_learns(tmp_path, settings):
    """Letter frequencies alone cost about 4 bits per character of this text."""
    name = f"text:{write_text(tmp_path / 't.txt')}"
    quick = ("batch=8", "lr=0.005", "warmup=0.2", "epochs=3", *settings)
    job = LanguageJob(
        space="gpt-tiny",
        architecture=(0, 0, 1, 0, 0),
        data=name,
        recipe=override(RECIPES.find("gpt-tiny"), quick),
        folder=tmp_path / "job",
        downloads=tmp_path,
        device="cuda",
    )
    found = learn(job)
    assert found.error is None
    assert found.value < 3
    assert found.device == torch.cuda.get_device_name()


def test_a_training_is_compiled(tmp_path):
    found = learn(gpu_job(tmp_path / "job", "compile=default", "epochs=2"))
    assert found.error is None


def test_what_was_trained_on_a_gpu_is_exported(genius, tmp_path):
    genius("train", "digits", "111111111", "--set", "epochs=2", "--out", "t", "--json")
    genius("export", "t", "--out", "bundle")
    assert (tmp_path / "bundle" / "model.pt2").is_file()


def test_the_gpu_is_taken_where_no_device_is_named(genius, tmp_path):
    options = ("--proposer", "random", "--iterations", 2, "--workers", 2, "--set", "epochs=1", "--run", "r", "--json")
    genius("search", "digits", *options)
    jobs = [json.loads(path.read_text()) for path in (tmp_path / "r" / "evaluations").rglob("job.json")]
    assert [(job["kind"], job["device"]) for job in jobs] == [("training", "cuda")] * 2
    assert places(2, gpus=1)[1].device == "cuda:0"


def test_a_classifier_of_a_gpu_is_transferred_and_becomes_a_detector(genius, tmp_path):
    pytest.importorskip("pycocotools")
    write_halves(tmp_path / "halves")
    write_shapes(tmp_path / "shapes", train=8, validation=4)
    small = ("--set", "augment=none", "--set", "size=8", "--set", "batch=16", "--set", "epochs=1")
    of_shapes = ("size=64", "longest=96", "pyramid=16", "batch=4", "milestones=", "epochs=1")
    settings = (word for setting in of_shapes for word in ("--set", setting))
    first = ("digits", HALVES_ARCHITECTURE, "--data", "folder:halves/first", "--recipe", "finetune", *small)
    genius("train", *first, "--out", "first")
    genius("transfer", "first", "--data", "folder:halves/second", *small, "--out", "second")
    genius("detect", "first", "--data", "coco:shapes", *settings, "--out", "detector")
    genius("export", "detector", "--detector", "--out", "bundle")
    for folder in ("first", "second", "detector"):
        assert json.loads((tmp_path / folder / "answer.json").read_text())["device"] == torch.cuda.get_device_name()
    assert (tmp_path / "bundle" / "model.json").is_file()
