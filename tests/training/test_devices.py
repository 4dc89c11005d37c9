"""Which devices there are to train on, and what is said where there is none of a name."""

import genius
import pytest
import torch
from genius.graph import pool
from genius.record.settings import TrainingSettings
from genius.training.backend import backend, checked_device, device_name
from genius.training.epochs import uses_amp
from genius.training.machine import is_out_of_memory
from genius.training.recipes import RECIPES

from ..jobs import digits_job

MPS = torch.device("mps")


@pytest.fixture
def apple(monkeypatch):
    """Have PyTorch say that there is an Apple GPU."""
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(pool, "has_mps", lambda: True)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mps", r"device is mps, Apple's GPUs, and this PyTorch has none here: use cpu"),
        ("cuda:99", r"device is cuda:99, and PyTorch can use \d+ GPUs here"),
        ("meta", "device is cpu, cuda, cuda:1 or mps, got 'meta'"),
        ("tpu", "device is cpu, cuda, cuda:1 or mps, got 'tpu'"),
        ("", "device is cpu, cuda, cuda:1 or mps, got ''"),
    ],
)
def test_a_device_that_is_not_there_is_said_in_a_sentence(name, words, monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(genius.GeniusError, match=words), backend(name):
        pass


@pytest.mark.usefixtures("apple")
def test_an_apple_gpu_is_taken_where_pytorch_has_one():
    assert checked_device("mps") == MPS
    assert device_name(MPS, 1) == "Apple GPU (mps)"
    assert not uses_amp(RECIPES.find("digits"), MPS)
    assert is_out_of_memory(RuntimeError("MPS backend out of memory (MPS allocated: 8.00 GB)"))


@pytest.mark.usefixtures("apple")
def test_workers_share_the_apple_gpu(tmp_path):
    workers = pool.open_pool(TrainingSettings(device="mps", workers=2))
    places = [seat._place for seat in workers._seats]
    assert [(place.device, place.threads) for place in places] == [("mps", places[0].threads)] * 2
    assert places[0].environment["CUDA_VISIBLE_DEVICES"] == ""
    job = digits_job(tmp_path)
    assert places[0].assign(job).device == "mps"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"device": "mps"}, "PyTorch can use no Apple GPU on this machine, and --device is mps: take cpu"),
        ({"device": "mps", "on": "ray"}, "Ray lends out CPUs and CUDA's GPUs alone"),
        ({"device": "tpu"}, "device is cpu, cuda or mps, got 'tpu'"),
    ],
)
def test_a_search_says_before_it_begins_that_a_device_is_not_there(options, words, monkeypatch):
    monkeypatch.setattr(pool, "has_mps", lambda: False)
    with pytest.raises(genius.GeniusError, match=words):
        pool.open_pool(TrainingSettings(**options))
