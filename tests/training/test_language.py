"""Language models: they learn, each character is measured once, trainings go on after a kill, and refusals."""

import json
import math
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from genius.errors import GeniusError
from genius.spaces import get_space
from genius.training import saving
from genius.training.batches import ALONE, Rank
from genius.training.language import LANGUAGE_HEADER, LanguageModelling, TrainingWindows
from genius.training.language_job import LanguageJob
from genius.training.learn import do_job, learn
from genius.training.recipes import RECIPES, override
from genius.training.text import load_text
from genius.training.weights import read_weights
from safetensors import safe_open

from .texts import write_text

CPU = torch.device("cpu")
SMALL = (0, 0, 1, 0, 0)  # one block 32 wide with 2 heads, and 32 characters
QUICK = ("batch=8", "lr=0.005", "warmup=0.2", "epochs=3")
TRAIN = """
import sys
from pathlib import Path
from genius.training.language_job import LanguageJob
from genius.training.learn import do_job
from genius.training.torchrun import joined

with joined(LanguageJob.load(Path(sys.argv[1]))) as (job, rank):
    do_job(job, rank=rank)
"""


class Killed(Exception):
    """Ends a training as a kill would, in the middle."""


@pytest.fixture
def job_of(tmp_path):
    """Make jobs on a small text: `settings` override the recipe, the rest the job."""
    path = write_text(tmp_path / "t.txt")

    def make(settings=QUICK, **fields):
        job = LanguageJob(
            space="gpt-tiny",
            architecture=SMALL,
            data=f"text:{path}",
            recipe=override(RECIPES.find("gpt-tiny"), settings),
            folder=tmp_path / "job",
            downloads=tmp_path,
            keep_weights=True,
            found=load_text(f"text:{path}", 256).found,
        )
        return replace(job, **fields)

    return make


def path_of(job):
    return Path(job.data.removeprefix("text:"))


def parts_of(job):
    """Return the training, the validation and the test text."""
    written = path_of(job).read_text(encoding="utf-8")
    validation, test, _ = load_text(job.data, 256).parts
    return written[:validation], written[validation:test], written[test:]


def unigram_bits(train, text):
    """Return the bits per character of a model that knows how often each character comes, and nothing else."""
    counts = Counter(train)
    return -sum(math.log2(counts[character] / len(train)) for character in text) / len(text)


def test_a_training_learns_more_than_how_frequent_characters_are(job_of):
    told, job = [], job_of((*QUICK, "measure_every=1"))
    measurement = do_job(job, told.append)
    train, validation, test = parts_of(job)
    assert measurement.value < 0.75 * unigram_bits(train, validation)
    assert measurement.test_value < 0.75 * unigram_bits(train, test)
    assert told[0].value > told[1].value > told[2].value == measurement.value
    assert told[0].loss > told[2].loss > 0
    assert measurement.metrics == measurement.test_metrics == {}
    assert 0 < measurement.sd < 0.2
    assert measurement.device == "CPU (1 thread)"


def test_every_character_is_measured_once_in_windows_side_by_side(job_of):
    job = job_of(("batch=5", "epochs=2", "warmup=0"))
    task = LanguageModelling.open(job, CPU, ALONE)
    network, numbers = task.network.eval(), task.numbers.long()
    for score, (first, end) in (
        (task.measure(network), task.text.parts[:2]),
        (task.test(network), task.text.parts[1:]),
    ):
        assert (end - first) % task.context  # so that the last window is a shorter one
        bits = []
        for start in range(first, end, task.context):
            stop = min(start + task.context, end)
            with torch.no_grad():
                told = network(numbers[None, start - 1 : stop - 1]).log_softmax(2)[0]
            bits += (-told[range(stop - start), numbers[start:stop]] / math.log(2)).tolist()
        assert len(bits) == end - first
        assert score.value == pytest.approx(sum(bits) / len(bits), abs=1e-5)


def test_the_windows_of_an_epoch_are_a_function_of_its_number_and_the_seed():
    numbers = torch.arange(200, dtype=torch.uint8)
    recipe = override(RECIPES.find("gpt-tiny"), ["batch=4"])

    def epoch(number, seed=0, rank=ALONE):
        return list(TrainingWindows(numbers, 16, recipe, seed, CPU, rank).epoch(number))

    assert len(epoch(0)) == (199 // 16) // 4
    for given, following in epoch(0):
        assert given.shape == following.shape == (4, 16)
        assert torch.equal(given[:, 1:], following[:, :-1])
        assert torch.equal(given + 1, following)  # neighbours in the text
    firsts = [[given[:, 0].tolist() for given, _ in each] for each in (epoch(0), epoch(0), epoch(1), epoch(0, seed=1))]
    assert firsts[0] == firsts[1]
    assert firsts[2] not in (firsts[0], firsts[3])
    halves = [epoch(0, rank=Rank(number, 2)) for number in (0, 1)]
    assert firsts[0] == [[*a[0][:, 0].tolist(), *b[0][:, 0].tolist()] for a, b in zip(*halves, strict=True)]


def test_every_place_of_a_text_is_drawn():
    numbers = torch.arange(40, dtype=torch.uint8)
    windows = TrainingWindows(numbers, 16, override(RECIPES.find("gpt-tiny"), ["batch=2"]), 0, CPU, ALONE)
    last = {int(following[:, -1].max()) for number in range(200) for _, following in windows.epoch(number)}
    first = {int(given[:, 0].min()) for number in range(200) for given, _ in windows.epoch(number)}
    assert (min(first), max(last)) == (0, 39)


def test_the_seed_decides_all(job_of, tmp_path):
    quick = (*QUICK, "epochs=2")
    first, again, other = (
        learn(job_of(quick, folder=tmp_path / name, seed=seed)) for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert (first.value, first.test_value) == (again.value, again.test_value)
    assert first.value != other.value
    weights = [(tmp_path / name / "weights.safetensors").read_bytes() for name in "ab"]
    assert weights[0] == weights[1]


@pytest.mark.parametrize("epochs", [(1,), (1, 3)])
def test_a_training_that_is_killed_reaches_the_same_weights(job_of, tmp_path, monkeypatch, epochs):
    monkeypatch.setattr(saving, "_LEAST", 0)
    monkeypatch.setattr(saving, "_TIMES", 0)
    settings = (*QUICK, "epochs=4", "dropout=0.1", "drop_path=0.1", "ema=0.9")
    whole = job_of(settings, folder=tmp_path / "whole")
    expected, broken = learn(whole), job_of(settings)

    def kill(told):
        if told.epoch in epochs:
            raise Killed

    for _ in epochs:
        with pytest.raises(Killed):
            learn(broken, kill)
    found = learn(broken)
    assert (found.value, found.test_value, found.sd) == (expected.value, expected.test_value, expected.sd)
    assert broken.files.weights.read_bytes() == whole.files.weights.read_bytes()
    assert [json.loads(line)["epoch"] for line in broken.files.epochs.read_text().splitlines()] == [1, 2, 3, 4]


def test_weights_say_which_network_they_are_of_and_which_characters_it_knows(job_of):
    job = job_of((*QUICK, "epochs=1"))
    do_job(job)
    with safe_open(job.files.weights, "pt") as file:
        card = json.loads(file.metadata()[LANGUAGE_HEADER])
    assert (card["space"], card["architecture"], tuple(card["characters"])) == ("gpt-tiny", [*SMALL], job.found.classes)
    network = get_space("gpt-tiny").build_for(SMALL, len(card["characters"]) + 1, 32)
    network.load_state_dict(dict(read_weights(job.files.weights).tensors))


def test_a_network_that_is_too_large_says_how_large_it_is(job_of):
    found = learn(job_of(("epochs=2", "warmup=0", "batch=32"), memory_limit=1_000_000))
    assert (found.failure, found.value) == ("too large", None)
    assert (
        "the network has 0.01 M parameters and 0.4 M FLOPs; training it on 32 windows at once takes about"
        in found.error
    )


def test_a_text_that_has_changed_is_refused(job_of):
    job = job_of()
    path_of(job).write_text(path_of(job).read_text() + "One more.\n")
    with pytest.raises(GeniusError, match=r"the text of text:.* has changed since this training was planned"):
        learn(job)
    assert replace(job, found=load_text(job.data, 256).found).identity != job.identity


@pytest.mark.parametrize(
    ("setting", "whose"),
    [
        ("augment=crop-flip", "images"),
        ("mixup=0.2", "images"),
        ("cutmix=1", "images"),
        ("size=32", "images"),
        ("linear_probe=true", "a transfer"),
        ("frozen_stages=1", "a transfer"),
        ("stage_factor=0.5", "a transfer"),
        ("frozen_bn=true", "a transfer"),
    ],
)
def test_a_recipe_of_images_or_of_a_transfer_is_refused(job_of, setting, whose):
    name = setting.partition("=")[0]
    with pytest.raises(
        GeniusError, match=rf"a language model is trained without {name}, which is of {whose}: set {name}="
    ):
        learn(job_of((*QUICK, setting)))


def test_a_network_of_fixed_characters_is_refused(job_of, tmp_path, monkeypatch):
    (tmp_path / "fixed_text.py").write_text(
        "from torch import nn\nfrom genius import SearchSpace\nfrom genius.spaces.decision import Decision\n\n"
        "def build(architecture):\n    return nn.Embedding(300, 5)\n\n"
        "FIXED = SearchSpace('fixed', (Decision('none', ('0',)),), '', build, (8,), context=lambda architecture: 8)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(
        GeniusError, match=r"has \d+ characters, and the networks of fixed give scores of shape \(2, 8, 5\)"
    ):
        learn(job_of(space="fixed_text:FIXED", architecture=(0,)))


def test_two_processes_train_and_measure_as_one_does(job_of, tmp_path):
    (tmp_path / "train.py").write_text(TRAIN)
    job = job_of((*QUICK, "epochs=2", "lr=0.002"), folder=tmp_path / "two")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    subprocess.run([*torchrun, str(tmp_path / "train.py"), str(job.save())], check=True, timeout=120)
    together, alone = json.loads(job.files.answer.read_text()), learn(replace(job, folder=tmp_path / "one"))
    for name in ("value", "test_value", "sd"):
        assert together[name] == pytest.approx(getattr(alone, name), abs=0.01)
    assert len(job.files.epochs.read_text().splitlines()) == 2
